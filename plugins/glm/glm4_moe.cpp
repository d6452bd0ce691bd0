// GLM 4.5, 4.5-Air, 4.6 and 4.7.
//
//   x + attention(norm(x)),  x + feed_forward(norm(x)),  RMSNorm. Queries of grouped attention; q, k and v may have biases,
//   each head of q and k may have a norm. Positions turn a share of a head's features.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/layer_specification.hpp>
#include <weighbridge/rope_translation.hpp>

#include <optional>
#include <string>

#include "generations.hpp"
#include "mixture.hpp"

namespace glm {
namespace {

constexpr std::int64_t kGroups = 8;  // where config.json does not say

GroupedAttention attention_of(const Config& c) {
  return {c.integer("hidden_size"), attention_heads(c), c.integer("num_key_value_heads", kGroups), head_width(c)};
}
bool has_biases(const Config& c) { return c.flag("attention_bias"); }
bool has_head_norms(const Config& c) { return c.flag("use_qk_norm"); }

constexpr RopeScalings kRope{.theta = 10000.0, .known = "Megatron's attention computes default and yarn", .yarn = RopeScalings::Yarn::stated,
                             .base = RopeScalings::Base::as_written};

double rotary_share(const Config& hf) { return turned_share(hf, 0.5); }

}  // namespace

void Glm4Moe::to_megatron(Config hf, Config megatron, Notes notes) {
  megatron.set("_target_", "megatron.bridge.models.gpt_provider.GPTModelProvider");
  layers_made_one_by_one(megatron);
  decoder_to_megatron(hf, megatron, notes, kGlm4Moe);
  attention_to_megatron(hf, megatron, kGroups, kGlm4Moe.context);
  megatron.set("add_qkv_bias", has_biases(hf));
  megatron.set("qk_layernorm", has_head_norms(hf));
  // Megatron-Core's YaRN reckons with all features of a head.
  if (const auto rope = rope_of(hf, kRope.theta); rope.type == "yarn" && rotary_share(hf) != 1.0)
    throw Failure(rope.at + " is of type yarn and partial_rotary_factor " + std::to_string(rotary_share(hf)) + "; Megatron's YaRN turns whole heads");
  rope_of_a_part_to_megatron(hf, megatron, notes, kRope, rotary_share(hf));
  megatron.set("moe_router_pre_softmax", false);
  megatron.set("moe_router_bias_update_rate", 0);
  megatron.set("moe_aux_loss_coeff", 0.001);
  megatron.set("moe_token_dispatcher_type", "alltoall");
  for (const auto* on : {"persist_layer_norm", "bias_activation_fusion", "bias_dropout_fusion"}) megatron.set(on, true);
  predictions_to_megatron(hf, megatron, notes);
}

void Glm4Moe::to_hugging_face(Config megatron, Config hf, Notes) {
  decoder_to_hugging_face(megatron, hf, kGlm4Moe);
  attention_to_hugging_face(megatron, hf);
  hf.set("attention_bias", megatron.flag("add_qkv_bias"));
  hf.set("use_qk_norm", megatron.flag("qk_layernorm"));
  hf.set("partial_rotary_factor", megatron.number("rotary_percent", 1.0));
  hf.set("rope_theta", megatron.number("rotary_base", kRope.theta));
  if (is_yarn(megatron)) yarn_to_hugging_face(megatron, hf);
  else hf.set_null("rope_scaling");
}

// Others with such experts have a class or layers of their own, or balance them otherwise.
bool Glm4Moe::recognises(const Config& megatron) {
  const auto layers = megatron.string("transformer_layer_spec._target_", "");
  return has_such_experts(megatron) && !megatron.flag("multi_latent_attention") && !megatron.has("experimental_attention_variant") &&
         (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) &&
         (layers.empty() || layers.ends_with(".get_gpt_decoder_block_spec"));
}

void Glm4Moe::equations(const Config& c, Model& model) {
  const auto attention = attention_of(c);
  const bool biases = has_biases(c), norms = has_head_norms(c);
  model_equations(c, model, kGlm4Moe, [&](const MegatronLayer& layer, const HuggingFaceLayer& hf, const Place&) {
    grouped_attention(layer, hf, attention);
    if (biases) grouped_biases(layer, hf, attention);
    if (norms) head_norms(layer, hf, attention.width);
  });
}

void Glm4Moe::forward_hugging_face(const Config& c, Forward& run) {
  const auto a = attention_of(c);
  const auto attention = forward::grouped_queries(a.heads, a.groups, a.width);
  const auto rotary = forward::stated_rotary(c, kRope.theta, static_cast<std::int64_t>(static_cast<double>(a.width) * rotary_share(c)));
  const forward::Norm of_heads{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
  const auto kinds = layer_kinds(c, kGlm4Moe);
  const auto routing = routing_of(c, kGlm4Moe);
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) {
        return forward::separate_attention(run, at, x, attention, rotary, has_head_norms(c) ? std::optional{of_heads} : std::nullopt);
      },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return kinds.at(layer) ? forward::separate_mixture(run, at, x, routing) : forward::separate_gated(run, at, x);
      },
      kEpsilon);
}

void Glm4Moe::forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run, extras_of(megatron, run)); }

}  // namespace glm
