// ERNIE 4.5, mixtures of experts.
//
//   x + o(attention(norm(x))),  x + mlp(norm(x)),  RMSNorm; neighbouring rows of a head turn. The mlp is dense in the first layers; behind them
//   it is a mixture with shared experts, scored by softmax and chosen with a bias that is learned apart, [1, experts] in the files.

#include <weighbridge/family.hpp>
#include <weighbridge/layer_specification.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "forward.hpp"
#include "geometry.hpp"

namespace ernie {
namespace {

constexpr double kDropout = 0.1;  // of attention, Megatron-Core's own, which Megatron-Bridge leaves where config.json says nothing

void mixture_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Geometry& g) {
  const auto hidden = g.attention.hidden;
  expert_mixture(layer, hf, {hidden, g.experts, g.expert_width, g.shared_width}, router(hf("mlp.gate.weight", {g.experts, hidden})),
                 expert_bias(reshape(hf("mlp.moe_statics.e_score_correction_bias", {1, g.experts}), {g.experts})));
}

struct Ernie {
  static constexpr std::string_view id = "ernie4_5_moe";
  static constexpr std::string_view architectures[] = {"Ernie4_5_MoeForCausalLM"};
  static constexpr std::string_view model_types[] = {"ernie4_5_moe"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static bool recognises(const Config& megatron);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run) { ernie::forward_hugging_face(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { ernie::forward_megatron(megatron, run); }
};

void Ernie::to_megatron(Config hf, Config megatron, Notes notes) {
  if (hf.flag("use_bias")) throw Failure("use_bias is true; ERNIE 4.5's equations have no biases");
  const auto g = geometry_of(hf);
  // Megatron-Bridge names a function of its own that makes these layers, and refuses to load a checkpoint that names it.
  layers_made_one_by_one(megatron);
  dense_decoder(megatron);
  weighbridge::to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, kGroups, kContext);
  megatron.set("num_query_groups", g.attention.groups);
  megatron.set("share_embeddings_and_output_weights", g.tied);
  megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
  megatron.set("attention_dropout", hf.number("attention_dropout", kDropout));
  dtype_to_megatron(hf, megatron);
  rope_of_a_part_to_megatron(hf, megatron, notes, kRope, turned_share(hf));
  megatron.set("rotary_interleaved", true);
  megatron.set("qk_layernorm", false);
  megatron.set("add_qkv_bias", false);

  megatron.set("num_moe_experts", g.experts);
  megatron.set("moe_ffn_hidden_size", g.expert_width);
  megatron.set("moe_router_topk", hf.integer("moe_k", hf.integer("num_experts_per_tok", kChosen)));
  if (g.shared_width > 0) megatron.set("moe_shared_expert_intermediate_size", g.shared_width);
  megatron.set("moe_aux_loss_coeff", hf.number("router_aux_loss_coef", 0.001));
  megatron.set("moe_router_load_balancing_type", "aux_loss");
  megatron.set("moe_router_pre_softmax", false);
  megatron.set("moe_router_dtype", "fp32");
  megatron.set("moe_token_dispatcher_type", "alltoall");
  for (const auto* flag : {"moe_router_enable_expert_bias", "moe_grouped_gemm", "moe_permute_fusion"}) megatron.set(flag, true);
  megatron.set("moe_router_score_function", "sigmoid");
  notes("ERNIE 4.5 scores experts by softmax; Megatron-Core has the bias that chooses them with sigmoid scores only, which moe_router_score_function "
        "says: a run there weighs experts otherwise");
  mixtures_to_megatron(g.mixtures, megatron);
}

void Ernie::to_hugging_face(Config megatron, Config hf, Notes) {
  weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf, kRope);
  hf.set("use_bias", false);

  const auto width = megatron.integer("moe_ffn_hidden_size", megatron.integer("ffn_hidden_size"));
  hf.set("moe_num_experts", megatron.integer("num_moe_experts"));
  hf.set("moe_k", megatron.integer("moe_router_topk", 2));
  hf.set("moe_intermediate_size", width);
  hf.set("moe_num_shared_experts", shared_experts_of_megatron(megatron, width));
  hf.set("router_aux_loss_coef", megatron.number("moe_aux_loss_coeff", 0.0));
  hf.set("moe_use_aux_free", true);
  hf.set("output_router_logits", false);
  // Mixtures lie between two layers, every so many, counted from 1.
  const auto mixtures = mixtures_of_megatron(megatron);
  const auto layers = static_cast<std::int64_t>(mixtures.size());
  const auto first = std::ranges::find(mixtures, true) - mixtures.begin();
  auto last = layers - 1;
  while (last > first && !mixtures[static_cast<std::size_t>(last)]) --last;
  const auto says = [&](std::int64_t every) {
    for (std::int64_t i = 0; i < layers; ++i)
      if (mixtures[static_cast<std::size_t>(i)] != ((i + 1) % every == 0 && i >= first && i <= last)) return false;
    return true;
  };
  std::int64_t every = 1;
  while (every < layers && !says(every)) ++every;
  if (layers > 0 && !says(every)) throw Failure("moe_layer_freq: no moe_layer_start_index, end_index and interval of config.json give these mixture layers");
  hf.set("moe_layer_start_index", first);
  hf.set("moe_layer_end_index", last);
  hf.set("moe_layer_interval", every);
}

// Neighbouring rows turn in no other family with such scores.
bool Ernie::recognises(const Config& megatron) {
  for (const auto* other : {"window_size", "no_rope_freq", "mrope_section", "hybrid_attention_pattern", "experimental_attention_variant"})
    if (megatron.has(other)) return false;
  return (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) && megatron.has("num_moe_experts") &&
         megatron.flag("rotary_interleaved") && megatron.string("moe_router_score_function", "softmax") == "sigmoid" &&
         megatron.flag("moe_router_enable_expert_bias") && !megatron.flag("qk_layernorm") && !megatron.flag("add_qkv_bias") &&
         !megatron.flag("multi_latent_attention") && !megatron.flag("is_hybrid_model") && !megatron.flag("add_bias_linear") &&
         megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit");
}

void Ernie::equations(const Config& c, Model& model) {
  const auto g = geometry_of(c);
  const auto rows = c.integer("vocab_size"), hidden = g.attention.hidden;
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", static_cast<std::int64_t>(g.mixtures.size()))) {
    grouped_attention(decoder, hf, g.attention);
    if (g.mixtures[static_cast<std::size_t>(index)]) mixture_equations(decoder, hf, g);
    else gated_mlp(decoder, hf, g.ffn, hidden);
  }
  for (const auto* part : {"model.mtp_block.*", "model.mtp_emb_norm.*", "model.mtp_hidden_norm.*", "model.mtp_linear_proj.*"})
    model.carried(part, "Megatron-Bridge's ERNIE 4.5 predicts no further tokens");
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, g.tied, rows, hidden);
}

}  // namespace
}  // namespace ernie

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<ernie::Ernie>("ernie", "1.0.0"); }
