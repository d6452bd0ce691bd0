// MiMo 7B.
//
//   Qwen2's block, and behind the last layer some that predict further tokens: such a layer is the same block over
//   input_proj of [the model's states, the next token's embedding], each under a norm of its own.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <string>

#include "mimo_v2_flash.hpp"

namespace {

using namespace weighbridge;

constexpr std::int64_t kGroups = 32, kContext = 32768;  // where a config.json does not say
constexpr RopeScalings kRope{.theta = 10000.0, .known = "MiMo has default and yarn", .yarn = RopeScalings::Yarn::stated,
                             .base = RopeScalings::Base::as_written};

GroupedAttention attention_of(const Config& c) {
  return {c.integer("hidden_size"), c.integer("num_attention_heads"), c.integer("num_key_value_heads", kGroups), head_width(c)};
}

void block_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& attention, std::int64_t ffn) {
  grouped_attention(layer, hf, attention);
  grouped_biases(layer, hf, attention);
  gated_mlp(layer, hf, ffn, attention.hidden);
}

// Megatron takes the embedding first, then the states.
Tensor embedding_first(const Tensor& input, std::int64_t hidden) {
  return concat_along(1, {slice(input, 1, hidden, 2 * hidden), slice(input, 1, 0, hidden)});
}

void forward_model(const Config& c, const Forward& run) {
  const auto width = head_width(c);
  const auto attention = forward::grouped_queries(attention_heads(c), c.integer("num_key_value_heads", kGroups), width);
  const auto rotary = forward::stated_rotary(c, kRope.theta, width);
  forward::pre_norm_decoder(
      c, run, [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_attention(run, at, x, attention, rotary); },
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_gated(run, at, x); });
}

struct MiMo {
  static constexpr std::string_view id = "mimo";
  static constexpr std::string_view architectures[] = {"MiMoForCausalLM"};
  static constexpr std::string_view model_types[] = {"mimo"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, kGroups, kContext);
    dtype_to_megatron(hf, megatron);
    megatron.set("add_qkv_bias", true);
    megatron.set("qk_layernorm", false);
    if (!hf.flag("attention_bias", true)) throw Failure("attention_bias is false; q, k and v of MiMo have biases");
    for (const auto* other : {"use_sliding_window", "use_mrope"})
      if (hf.flag(other)) throw Failure(std::string{other} + " is true; MiMo's equations have no place for it");
    megatron.copy("mtp_num_layers", hf, "num_nextn_predict_layers");
    megatron.set("mtp_loss_scaling_factor", 0.1);
    rope_to_megatron(hf, megatron, notes, kRope);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("attention_bias", true);
    hf.set("use_sliding_window", false);
    hf.set("use_mrope", false);
    hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
    hf.copy("rope_theta", megatron, "rotary_base");
    if (is_yarn(megatron)) yarn_to_hugging_face(megatron, hf);
    else hf.set_null("rope_scaling");
    hf.set("auto_map.AutoConfig", "configuration_mimo.MiMoConfig");
    hf.set("auto_map.AutoModelForCausalLM", "modeling_mimo.MiMoForCausalLM");
  }

  // Qwen2's document with prediction layers, which Qwen2 has none of.
  static bool recognises(const Config& megatron) {
    const auto layers = megatron.string("transformer_layer_spec._target_", "");
    for (const auto* other : {"num_moe_experts", "window_size", "mrope_section", "no_rope_freq", "hybrid_attention_pattern"})
      if (megatron.has(other)) return false;
    return (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) &&
           (layers.empty() || layers.starts_with("megatron.bridge.models.gpt_provider.")) && megatron.integer("mtp_num_layers", 0) > 0 &&
           megatron.flag("add_qkv_bias") && !megatron.flag("qk_layernorm") && !megatron.flag("add_bias_linear") &&
           megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") &&
           megatron.string("activation_func", "silu") == "silu" && !megatron.flag("multi_latent_attention") &&
           !megatron.flag("is_hybrid_model") && !megatron.flag("heterogeneous_block_specs") && megatron.number("rotary_percent", 1.0) == 1.0;
  }

  static void forward_hugging_face(const Config& c, Forward& run) { forward_model(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }

  static void equations(const Config& c, Model& model) {
    const auto attention = attention_of(c);
    const auto hidden = attention.hidden, ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers")))
      block_equations(decoder, hf, attention, ffn);
    for (const auto& [mtp, hf, index] : model.layers("mtp.layers.", "model.mtp_layers.", c.integer("num_nextn_predict_layers", 0))) {
      mtp["enorm.weight"] = norm(hf("token_layernorm.weight", {hidden}));
      mtp["hnorm.weight"] = norm(hf("hidden_layernorm.weight", {hidden}));
      mtp["eh_proj.weight"] = column(embedding_first(hf("input_proj.weight", {hidden, 2 * hidden}), hidden));
      block_equations(mtp.under("transformer_layer."), hf, attention, ffn);
      mtp["final_layernorm.weight"] = norm(hf("final_layernorm.weight", {hidden}));
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<MiMo, mimo::V2Flash>("mimo", "1.0.0"); }
