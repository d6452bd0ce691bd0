// Bailing MoE V2: Ling 2.0 and Ring 2.0.
//
//   x + dense(attention(norm(x))),  x + mlp(norm(x)),  RMSNorm, over each head of q and k too. Queries, keys and values are rows of one
//   matrix, one kind after the other; a part of a head turns. The mlp is dense in the first layers; behind them it is a mixture with
//   shared experts, scored by sigmoid, chosen from the best groups with a bias that is learned apart. Layers that predict further
//   tokens are numbered after the others.

#include <weighbridge/family.hpp>
#include <weighbridge/layer_specification.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/prediction.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "forward.hpp"
#include "geometry.hpp"

namespace bailing {
namespace {

using namespace weighbridge;

void mixture_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Geometry& g) {
  const auto hidden = g.attention.hidden;
  expert_mixture(layer, hf, {hidden, g.experts, g.expert_width, g.shared_width}, router(hf("mlp.gate.weight", {g.experts, hidden})),
                 expert_bias(hf("mlp.gate.expert_bias", {g.experts})));
}

// What the equations and Megatron-Core have no place for.
void check(const Config& hf) {
  if (hf.flag("use_bias")) throw Failure("use_bias is true; Bailing's equations have biases in query_key_value (use_qkv_bias) and nowhere else");
  if (hf.flag("norm_head")) throw Failure("norm_head is true; Megatron's output layer multiplies by its weight as it is");
  if (!hf.flag("use_rmsnorm", true)) throw Failure("use_rmsnorm is false; Bailing's equations have RMSNorm");
  if (const auto scores = hf.string("score_function", "sigmoid"); scores != "sigmoid")
    throw Failure("score_function is " + scores + "; Bailing MoE V2 scores experts by sigmoid");
}

struct Bailing {
  static constexpr std::string_view id = "bailing_moe_v2";
  static constexpr std::string_view architectures[] = {"BailingMoeV2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"bailing_moe_v2"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static bool recognises(const Config& megatron);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run) { bailing::forward_hugging_face(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { bailing::forward_megatron(megatron, run); }
};

void Bailing::to_megatron(Config hf, Config megatron, Notes notes) {
  check(hf);
  const auto g = geometry_of(hf);
  layers_made_one_by_one(megatron);
  dense_decoder(megatron);
  weighbridge::to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, kGroups, kContext);
  megatron.set("kv_channels", g.attention.width);
  dtype_to_megatron(hf, megatron);
  rope_of_a_part_to_megatron(hf, megatron, notes, kRope, turned_share(hf));
  megatron.set("qk_layernorm", g.norms);
  megatron.set("add_qkv_bias", g.biases);

  megatron.set("num_moe_experts", g.experts);
  megatron.set("moe_ffn_hidden_size", g.expert_width);
  megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", 8));
  megatron.set("moe_router_num_groups", hf.integer("n_group", 8));
  megatron.set("moe_router_group_topk", hf.integer("topk_group", 4));
  megatron.set("moe_router_topk_scaling_factor", hf.number("routed_scaling_factor", 1.0));
  if (g.shared_width > 0) megatron.set("moe_shared_expert_intermediate_size", g.shared_width);
  megatron.set("moe_router_score_function", "sigmoid");
  megatron.set("moe_router_load_balancing_type", "none");
  megatron.set("moe_router_dtype", "fp32");
  megatron.set("moe_token_dispatcher_type", "alltoall");
  for (const auto* flag : {"moe_router_enable_expert_bias", "moe_router_pre_softmax", "moe_grouped_gemm", "moe_permute_fusion"}) megatron.set(flag, true);
  mixtures_to_megatron(g.mixtures, megatron);
  megatron.set("mtp_num_layers", 0);
  prediction_layers_to_megatron(hf, megatron, notes);
}

void Bailing::to_hugging_face(Config megatron, Config hf, Notes) {
  weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf, kRope);
  hf.set("partial_rotary_factor", megatron.number("rotary_percent", 1.0));
  hf.set("use_qk_norm", megatron.flag("qk_layernorm"));
  hf.set("use_qkv_bias", megatron.flag("add_qkv_bias"));
  hf.set("use_bias", false);
  hf.set("use_rmsnorm", true);

  const auto width = megatron.integer("moe_ffn_hidden_size", megatron.integer("ffn_hidden_size"));
  hf.set("num_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", 2));
  hf.set("moe_intermediate_size", width);
  if (const auto shared = shared_experts_of_megatron(megatron, width); shared > 0) hf.set("num_shared_experts", shared);
  else hf.set_null("num_shared_experts");
  hf.set("n_group", megatron.integer("moe_router_num_groups", 1));
  hf.set("topk_group", megatron.integer("moe_router_group_topk", 1));
  hf.set("routed_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  hf.set("first_k_dense_replace", dense_layers_before(mixtures_of_megatron(megatron)));
  hf.set("score_function", "sigmoid");
  hf.set("router_dtype", "fp32");
  hf.set("moe_router_enable_expert_bias", true);
  hf.set("norm_topk_prob", true);
  hf.set("output_router_logits", false);
  hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
  hf.set("auto_map.AutoConfig", "configuration_bailing_moe_v2.BailingMoeV2Config");
  hf.set("auto_map.AutoModel", "modeling_bailing_moe_v2.BailingMoeV2Model");
  hf.set("auto_map.AutoModelForCausalLM", "modeling_bailing_moe_v2.BailingMoeV2ForCausalLM");
}

// Sigmoid scores with a bias and, alone among such families, the softmax of the scores said to come before the choice. Sarvam's
// document, where it names no builder, balances loads.
bool Bailing::recognises(const Config& megatron) {
  for (const auto* other : {"window_size", "no_rope_freq", "mrope_section", "hybrid_attention_pattern", "experimental_attention_variant"})
    if (megatron.has(other)) return false;
  const bool named = is_built_by(megatron, "GPTModelProvider");
  return (named || (names_no_builder(megatron) && megatron.string("moe_router_load_balancing_type", "aux_loss") == "none")) &&
         megatron.has("num_moe_experts") && megatron.string("moe_router_score_function", "softmax") == "sigmoid" &&
         megatron.flag("moe_router_enable_expert_bias") && megatron.flag("moe_router_pre_softmax") && !megatron.flag("multi_latent_attention") &&
         !megatron.flag("is_hybrid_model") && !megatron.flag("add_bias_linear") && !megatron.flag("rotary_interleaved") &&
         megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit");
}

void Bailing::equations(const Config& c, Model& model) {
  const auto g = geometry_of(c);
  const auto rows = c.integer("vocab_size");
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.word_embeddings.weight", {rows, g.attention.hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", static_cast<std::int64_t>(g.mixtures.size()))) {
    fused_attention(decoder, hf, g.attention, g.biases, g.norms);
    if (g.mixtures[static_cast<std::size_t>(index)]) mixture_equations(decoder, hf, g);
    else gated_mlp(decoder, hf, g.ffn, g.attention.hidden);
  }
  for (const auto& [mtp, hf, number] : prediction_layers(c, model)) {
    // Megatron builds it like the last layer.
    if (g.mixtures.empty() || !g.mixtures.back())
      throw Failure("first_k_dense_replace leaves the last layer dense; Megatron then makes a dense layer of one that predicts, which here is a mixture");
    prediction_projection(mtp, hf, g.attention.hidden, "final_layernorm.weight");
    fused_attention(mtp.under("transformer_layer."), hf, g.attention, g.biases, g.norms);
    mixture_equations(mtp.under("transformer_layer."), hf, g);
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {g.attention.hidden}));
  if (g.tied) model.tied("lm_head.weight", "model.word_embeddings.weight", "tie_word_embeddings");
  else model["output_layer.weight"] = vocabulary(model.tensor("lm_head.weight", {rows, g.attention.hidden}));
}

}  // namespace
}  // namespace bailing

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<bailing::Bailing>("bailing", "1.0.0"); }
