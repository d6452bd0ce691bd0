// SmolLM3.
//
//   Llama's block; every fourth layer is told no positions.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <string>

#include "decoder_forward.hpp"
#include "layer_kinds.hpp"

namespace {

using namespace weighbridge;

constexpr RopeScalings kRope{.theta = smollm::kTheta, .known = "SmolLM3 has default, linear and yarn", .linear = true,
                             .yarn = RopeScalings::Yarn::with_rounding};

void layer_equations(const Config& c, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size");
  const GroupedAttention attention{hidden, attention_heads(c), smollm::groups_of(c), head_width(c)};
  grouped_attention(decoder, hf, attention);
  gated_mlp(decoder, hf, ffn, hidden);
  if (!c.flag("attention_bias")) return;
  all_attention_biases(decoder, hf, attention);
  gated_biases(decoder, hf, ffn, hidden);
}

struct SmolLM3 {
  static constexpr std::string_view id = "smollm3";
  static constexpr std::string_view architectures[] = {"SmolLM3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"smollm3"};

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), rows = c.integer("vocab_size");
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) layer_equations(c, decoder, hf);
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    output_layer(model, smollm::is_tied(c), rows, hidden);
  }

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    megatron.set("share_embeddings_and_output_weights", smollm::is_tied(hf));
    attention_to_megatron(hf, megatron, smollm::groups_of(hf), 32768);
    dtype_to_megatron(hf, megatron);
    megatron.set("add_bias_linear", linear_biases(hf));
    rope_to_megatron(hf, megatron, notes, kRope);
    smollm::kinds_to_megatron(hf, megatron);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("attention_bias", megatron.flag("add_bias_linear"));
    hf.set("mlp_bias", megatron.flag("add_bias_linear"));
    rope_to_hugging_face(megatron, hf, kRope);
    smollm::kinds_to_hugging_face(megatron, hf);
  }

  // Llama's document with layers that are told no positions.
  static bool recognises(const Config& megatron) {
    for (const auto* other : {"num_moe_experts", "hybrid_layer_pattern", "mamba_stack_spec", "experimental_attention_variant"})
      if (megatron.has(other)) return false;
    for (const auto* other : {"qk_layernorm", "qk_l2_norm", "add_qkv_bias", "layernorm_zero_centered_gamma", "multi_latent_attention", "is_hybrid_model",
                              "attention_output_gate", "heterogeneous_block_specs"})
      if (megatron.flag(other)) return false;
    const auto layers = megatron.string("transformer_layer_spec._target_", "");
    return megatron.has("no_rope_freq") && (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) &&
           (layers.empty() || layers.starts_with("megatron.bridge.models.gpt_provider.")) && megatron.string("normalization", "") == "RMSNorm" &&
           megatron.flag("gated_linear_unit") && megatron.string("activation_func", "silu") == "silu" && megatron.number("rotary_percent", 1.0) == 1.0 &&
           megatron.integer("mtp_num_layers", 0) == 0;
  }

  static void forward_hugging_face(const Config& c, Forward& run) { smollm::forward_decoder(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<SmolLM3>("smollm", "1.0.0"); }
