// GLM-4.7-Flash: latent attention before GLM's mixtures.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_latent_attention.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/latent_attention_translation.hpp>
#include <weighbridge/layer_specification.hpp>

#include <string>

#include "generations.hpp"
#include "latent.hpp"
#include "mixture.hpp"

namespace glm {
namespace {

constexpr mla::Defaults kWidths{.query_rank = 768, .rank = 512, .nope = 192, .rope = 64, .value = 256};

}  // namespace

void Glm4MoeLite::to_megatron(Config hf, Config megatron, Notes notes) {
  megatron.set("_target_", "megatron.bridge.models.mla_provider.MLAModelProvider");
  layers_made_one_by_one(megatron);
  decoder_to_megatron(hf, megatron, notes, kGlm4MoeLite);
  mla::attention_to_megatron(hf, megatron, kGlm4MoeLite.context, kWidths);
  mla::rope_to_megatron(hf, megatron);
  megatron.set("moe_router_pre_softmax", true);
  megatron.set("moe_router_bias_update_rate", 0);
  megatron.set("moe_aux_loss_coeff", 0.001);
  megatron.set("moe_token_dispatcher_type", "alltoall");
  for (const auto* on : {"persist_layer_norm", "bias_activation_fusion", "bias_dropout_fusion"}) megatron.set(on, true);
  megatron.set("apply_rope_fusion", false);
  predictions_to_megatron(hf, megatron, notes);
  if (!mla::query_rank(hf, kWidths)) mla::tell_query_norm(notes);
}

void Glm4MoeLite::to_hugging_face(Config megatron, Config hf, Notes) {
  decoder_to_hugging_face(megatron, hf, kGlm4MoeLite);
  mla::attention_to_hugging_face(megatron, hf);
  mla::rope_to_hugging_face(megatron, hf);
  hf.set("rope_interleave", true);
  hf.set("topk_method", "noaux_tc");
}

// DeepSeek V3 differs in nothing that the weights show; here the bias of the router is no longer trained.
bool Glm4MoeLite::recognises(const Config& megatron) {
  return has_such_experts(megatron) && megatron.flag("multi_latent_attention") && !megatron.has("experimental_attention_variant") &&
         (names_no_builder(megatron) || is_built_by(megatron, "MLAModelProvider")) && megatron.number("moe_router_bias_update_rate", 1e-3) == 0;
}

void Glm4MoeLite::equations(const Config& c, Model& model) {
  const auto attention = mla::attention_of(c, kWidths);
  model_equations(c, model, kGlm4MoeLite,
                  [&](const MegatronLayer& layer, const HuggingFaceLayer& hf, const Place&) { mla::attention(model, layer, hf, attention); });
}

void Glm4MoeLite::forward_hugging_face(const Config& c, Forward& run) {
  const auto attention = mla::attention_of(c, kWidths);
  const auto core = forward::stated_latent_attention(c, attention, forward::Widened::yes);
  const auto kinds = layer_kinds(c, kGlm4MoeLite);
  const auto routing = routing_of(c, kGlm4MoeLite);
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) {
        return forward::separate_latent_attention(run, at, x, attention, core, kOfLatents);
      },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return kinds.at(layer) ? forward::separate_mixture(run, at, x, routing) : forward::separate_gated(run, at, x);
      },
      kEpsilon);
}

void Glm4MoeLite::forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run, latent_extras_of(megatron, run)); }

}  // namespace glm
