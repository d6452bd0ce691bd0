// Granite, dense and mixture of experts: Llama's block with four multipliers (multipliers.hpp).
//
//   x + r * attention(norm(x)),  x + r * mlp(norm(x)),  RMSNorm, rotary embedding, grouped queries. The mlp of GraniteMoe is a mixture of
//   experts, which a softmax over the chosen ones weighs, with one tensor for a projection of all experts.

#include <weighbridge/experts.hpp>
#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>

#include "forward.hpp"
#include "multipliers.hpp"

namespace {

using namespace weighbridge;
using granite::Kind;

constexpr std::int64_t kContext = 2048;  // where a config.json does not say
constexpr double kBalance = 0.001;

// Gate above up in one tensor, down in another, for all experts.
void expert_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t experts, std::int64_t inner, std::int64_t hidden) {
  layer["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {hidden}));
  layer["mlp.router.weight"] = replicated(hf("block_sparse_moe.router.layer.weight", {experts, hidden}));
  const auto input = hf("block_sparse_moe.input_linear.weight", {experts, 2 * inner, hidden});
  const auto output = hf("block_sparse_moe.output_linear.weight", {experts, hidden, inner});
  const auto half = [&](std::int64_t e, std::int64_t begin) {
    return reshape(slice(slice(input, 0, e, e + 1), 1, begin, begin + inner), {inner, hidden});
  };
  grouped_experts(layer, experts,
      [&](std::int64_t e) { return concat(half(e, 0), half(e, inner)); },
      [&](std::int64_t e) { return reshape(slice(output, 0, e, e + 1), {hidden, inner}); });
}

void model_equations(const Config& c, Model& model, Kind kind) {
  const auto hidden = c.integer("hidden_size"), inner = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto heads = attention_heads(c);
  const GroupedAttention attention{hidden, heads, c.integer("num_key_value_heads", heads), head_width(c)};

  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    grouped_attention(decoder, hf, attention);
    if (c.flag("attention_bias")) all_attention_biases(decoder, hf, attention);
    if (kind == Kind::mixture) {
      expert_equations(decoder, hf, granite::experts_of(c), inner, hidden);
      continue;
    }
    gated_mlp(decoder, hf, inner, hidden);
    if (c.flag("mlp_bias")) gated_biases(decoder, hf, inner, hidden);
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
}

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, Kind kind) {
  dense_decoder(megatron);
  to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, 0, kContext);
  dtype_to_megatron(hf, megatron);
  rope_to_megatron(hf, megatron, notes, granite::kRope);
  granite::multipliers_to_megatron(granite::multipliers_of(hf), head_width(hf), megatron);
  megatron.set("qk_layernorm", false);

  if (kind == Kind::mixture && hf.flag("attention_bias"))
    throw Failure("attention_bias is true; Megatron's add_bias_linear would give the experts biases too");
  for (const auto* biases : {"add_bias_linear", "add_qkv_bias"}) megatron.set(biases, kind == Kind::dense && linear_biases(hf));
}

void config_to_hugging_face(const Config& megatron, const Config& hf, const Notes& notes) {
  to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf, granite::kRope);
  granite::multipliers_to_hugging_face(megatron, hf, notes);
  hf.set("attention_bias", megatron.flag("add_bias_linear"));
}

// Llama's block with multipliers, which no other family has.
bool is_granite(const Config& megatron) {
  const auto layers = megatron.string("transformer_layer_spec._target_", "");
  for (const auto* other : {"moe_shared_expert_intermediate_size", "mrope_section", "no_rope_freq", "window_size", "experimental_attention_variant",
                            "hybrid_layer_pattern", "heterogeneous_layers_config_encoded_json"})
    if (megatron.has(other)) return false;
  return megatron.flag("use_mup") && (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) &&
         (layers.empty() || layers.starts_with("megatron.bridge.models.gpt_provider.") || layers.starts_with("megatron.core.models.gpt.")) &&
         megatron.string("normalization", "") == "RMSNorm" && !megatron.flag("layernorm_zero_centered_gamma") && megatron.flag("gated_linear_unit") &&
         megatron.string("activation_func", "silu") == "silu" && !megatron.flag("qk_layernorm") && !megatron.flag("multi_latent_attention") &&
         !megatron.flag("is_hybrid_model") && megatron.flag("add_bias_linear") == megatron.flag("add_qkv_bias") && megatron.integer("mtp_num_layers", 0) == 0;
}

struct Granite {
  static constexpr std::string_view id = "granite";
  static constexpr std::string_view architectures[] = {"GraniteForCausalLM"};
  static constexpr std::string_view model_types[] = {"granite"};

  static void to_megatron(Config hf, Config megatron, Notes notes) { config_to_megatron(hf, megatron, notes, Kind::dense); }
  static void to_hugging_face(Config megatron, Config hf, Notes notes) {
    config_to_hugging_face(megatron, hf, notes);
    hf.set("mlp_bias", megatron.flag("add_bias_linear"));
  }
  static bool recognises(const Config& megatron) { return is_granite(megatron) && !megatron.has("num_moe_experts"); }
  static void equations(const Config& c, Model& model) { model_equations(c, model, Kind::dense); }
  static void forward_hugging_face(const Config& c, Forward& run) { granite::forward_model(c, run, Kind::dense); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

struct GraniteMoe {
  static constexpr std::string_view id = "granitemoe";
  static constexpr std::string_view architectures[] = {"GraniteMoeForCausalLM"};
  static constexpr std::string_view model_types[] = {"granitemoe"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    config_to_megatron(hf, megatron, notes, Kind::mixture);
    megatron.set("num_moe_experts", granite::experts_of(hf));
    megatron.set("moe_ffn_hidden_size", hf.integer("intermediate_size"));
    megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", granite::kChosen));
    megatron.set("moe_layer_freq", 1);
    megatron.set("moe_router_score_function", "softmax");
    megatron.set("moe_router_pre_softmax", false);
    megatron.set("moe_router_load_balancing_type", "aux_loss");
    megatron.set("moe_aux_loss_coeff", hf.number("router_aux_loss_coef", kBalance));
    megatron.set("moe_grouped_gemm", true);
    megatron.set("moe_token_dispatcher_type", "alltoall");
  }
  static void to_hugging_face(Config megatron, Config hf, Notes notes) {
    config_to_hugging_face(megatron, hf, notes);
    hf.set("intermediate_size", megatron.integer("moe_ffn_hidden_size", megatron.integer("ffn_hidden_size")));
    hf.set("num_local_experts", megatron.integer("num_moe_experts"));
    hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", granite::kChosen));
    hf.set("router_aux_loss_coef", balance_of_megatron(megatron, kBalance));
    hf.set("output_router_logits", false);
  }
  static bool recognises(const Config& megatron) {
    return is_granite(megatron) && megatron.has("num_moe_experts") && !megatron.flag("moe_router_enable_expert_bias") && !megatron.flag("moe_router_pre_softmax") &&
           megatron.string("moe_router_score_function", "softmax") == "softmax" && !megatron.flag("add_bias_linear") && !megatron.has("moe_layer_freq.0") &&
           megatron.integer("moe_layer_freq", 1) == 1;
  }
  static void equations(const Config& c, Model& model) { model_equations(c, model, Kind::mixture); }
  static void forward_hugging_face(const Config& c, Forward& run) { granite::forward_model(c, run, Kind::mixture); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Granite, GraniteMoe>("granite", "1.0.0"); }
