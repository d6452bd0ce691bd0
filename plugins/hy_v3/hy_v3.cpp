// HY V3: Tencent's Hy3.
//
//   x + o(attention(norm(x))),  x + mlp(norm(x)),  RMSNorm, over each head of q and k too. The mlp is dense in the first layers; behind them it
//   is a mixture with shared experts, scored by sigmoid and chosen with a bias that is learned apart. Layers that predict further tokens
//   are numbered after the others.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/layer_specification.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/prediction.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "forward.hpp"
#include "geometry.hpp"

namespace hy_v3 {
namespace {

void attention_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a) {
  grouped_attention(layer, hf, a);
  head_norms(layer, hf, a.width);
}

void mixture_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Geometry& g) {
  const auto hidden = g.attention.hidden;
  const auto& names = hf.source(kOfTransformers.router) ? kOfTransformers : kPublished;
  expert_mixture(layer, hf, {hidden, g.experts, g.expert_width, g.shared_width}, router(hf(names.router, {g.experts, hidden})),
                 expert_bias(hf(names.bias, {g.experts})), names.shared);
}

void check(const Config& hf, const Notes& notes) {
  for (const auto* bias : {"attention_bias", "mlp_bias"})
    if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; HY V3's equations have no biases");
  for (const auto* wanted : {"qk_norm", "moe_router_use_sigmoid", "moe_router_enable_expert_bias"})
    if (!hf.flag(wanted, true)) throw Failure(std::string{wanted} + " is false; Megatron-Bridge's HY V3 always has it");
  if (!hf.flag("route_norm", true))
    notes("route_norm is false; Megatron-Core makes the weights of the chosen experts sum to 1, so a run there weighs them otherwise; exporting "
          "with this checkpoint as --hf-model keeps it");
}

struct HyV3 {
  static constexpr std::string_view id = "hy_v3";
  static constexpr std::string_view architectures[] = {"HYV3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"hy_v3"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static bool recognises(const Config& megatron);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run) { hy_v3::forward_hugging_face(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

void HyV3::to_megatron(Config hf, Config megatron, Notes notes) {
  check(hf, notes);
  const auto g = geometry_of(hf);
  layers_made_one_by_one(megatron);
  dense_decoder(megatron);
  weighbridge::to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, kGroups, kContext);
  megatron.set("kv_channels", g.attention.width);
  megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
  megatron.set("init_method_std", hf.number("initializer_range", 0.006));
  dtype_to_megatron(hf, megatron);
  megatron.set("autocast_dtype", "bfloat16");  // whatever the weights are
  rope_of_a_part_to_megatron(hf, megatron, notes, kRope, turned_share(hf));
  megatron.set("qk_layernorm", true);
  megatron.set("add_qkv_bias", false);

  megatron.set("num_moe_experts", g.experts);
  megatron.set("moe_ffn_hidden_size", g.expert_width);
  megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", 8));
  megatron.set("moe_router_topk_scaling_factor", hf.number("router_scaling_factor", kScale));
  if (g.shared_width > 0) megatron.set("moe_shared_expert_intermediate_size", g.shared_width);
  megatron.set("moe_shared_expert_overlap", false);
  megatron.set("moe_router_score_function", "sigmoid");
  megatron.set("moe_router_load_balancing_type", "none");
  megatron.set("moe_aux_loss_coeff", 0.0);
  megatron.set("moe_router_bias_update_rate", 0);
  megatron.set("moe_router_pre_softmax", false);
  megatron.set("moe_router_dtype", "fp32");
  megatron.set("moe_token_dispatcher_type", "alltoall");
  for (const auto* flag : {"moe_router_enable_expert_bias", "moe_grouped_gemm", "moe_permute_fusion"}) megatron.set(flag, true);
  mixtures_to_megatron(g.mixtures, megatron);
  if (hf.has("num_nextn_predict_layers")) megatron.set("mtp_num_layers", 0);
  prediction_layers_to_megatron(hf, megatron, notes);
}

void HyV3::to_hugging_face(Config megatron, Config hf, Notes) {
  weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf, kRope);
  if (const auto share = megatron.number("rotary_percent", 1.0); share != 1) hf.set("partial_rotary_factor", share);
  hf.set("attention_bias", false);
  hf.set("mlp_bias", false);

  const auto width = megatron.integer("moe_ffn_hidden_size", megatron.integer("ffn_hidden_size"));
  hf.set("num_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", 2));
  hf.set("moe_intermediate_size", width);
  hf.set("expert_hidden_dim", width);
  hf.set("num_shared_experts", shared_experts_of_megatron(megatron, width));
  hf.set("router_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  for (const auto* flag : {"moe_router_use_sigmoid", "moe_router_enable_expert_bias", "qk_norm", "route_norm", "enable_moe_fp32_combine"}) hf.set(flag, true);
  hf.set("output_router_logits", false);
  hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
  // Both ways to say it: who reads one does not read the other.
  const auto mixtures = mixtures_of_megatron(megatron);
  mixture_list_to_hugging_face(mixtures, hf);
  if (std::ranges::is_sorted(mixtures)) hf.set("first_k_dense_replace", dense_layers_before(mixtures));
}

// Sigmoid scores with a bias that stays as it is, and loads that nothing balances.
bool HyV3::recognises(const Config& megatron) {
  for (const auto* other : {"window_size", "no_rope_freq", "mrope_section", "hybrid_attention_pattern", "experimental_attention_variant"})
    if (megatron.has(other)) return false;
  return (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) && megatron.has("num_moe_experts") &&
         megatron.string("moe_router_score_function", "softmax") == "sigmoid" && megatron.flag("moe_router_enable_expert_bias") &&
         !megatron.flag("moe_router_pre_softmax") && megatron.flag("qk_layernorm") &&
         megatron.string("moe_router_load_balancing_type", "aux_loss") == "none" && megatron.number("moe_router_bias_update_rate", 1e-3) == 0 &&
         !megatron.flag("multi_latent_attention") && !megatron.flag("is_hybrid_model") && !megatron.flag("add_bias_linear") &&
         !megatron.flag("add_qkv_bias") && !megatron.flag("rotary_interleaved") && megatron.string("normalization", "") == "RMSNorm" &&
         megatron.flag("gated_linear_unit");
}

void HyV3::equations(const Config& c, Model& model) {
  const auto g = geometry_of(c);
  const auto rows = c.integer("vocab_size"), hidden = g.attention.hidden;
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", static_cast<std::int64_t>(g.mixtures.size()))) {
    attention_equations(decoder, hf, g.attention);
    if (g.mixtures[static_cast<std::size_t>(index)]) mixture_equations(decoder, hf, g);
    else gated_mlp(decoder, hf, g.ffn, hidden);
  }
  for (const auto& [mtp, hf, number] : prediction_layers(c, model)) {
    // Megatron builds it like the last layer.
    if (g.mixtures.empty() || !g.mixtures.back())
      throw Failure("num_nextn_predict_layers: the last layer is dense; Megatron then makes a dense layer of one that predicts, which here is a mixture");
    prediction_projection(mtp, hf, hidden, "final_layernorm.weight");
    attention_equations(mtp.under("transformer_layer."), hf, g.attention);
    mixture_equations(mtp.under("transformer_layer."), hf, g);
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
}

}  // namespace
}  // namespace hy_v3

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<hy_v3::HyV3>("hy_v3", "1.0.0"); }
