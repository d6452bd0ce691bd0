#pragma once
// What the decoders of Qwen2, Qwen3 and Qwen3-MoE have in common: all but how a layer's feed-forward is made.
//
//   Llama's block; Qwen2 has a bias in q, k and v, Qwen3 an RMSNorm over each head of q and k.

#include <weighbridge/family.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/layer_specification.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace qwen {

using namespace weighbridge;

enum class Generation : std::uint8_t { qwen2 = 1, qwen3 };

inline constexpr RopeScalings kRope{.theta = 10000.0, .known = "Qwen has default and yarn", .yarn = RopeScalings::Yarn::stated};

// Where a config.json leaves them out, classes differ about groups and width.
struct Heads {
  std::int64_t count{}, groups{}, width{};
};

inline void attention_equations(const MegatronLayer& decoder, const HuggingFaceLayer& hf, std::int64_t hidden, const Heads& heads,
                                Generation generation) {
  const GroupedAttention attention{hidden, heads.count, heads.groups, heads.width};
  grouped_attention(decoder, hf, attention);
  if (generation == Generation::qwen2) grouped_biases(decoder, hf, attention);
  else head_norms(decoder, hf, heads.width);
}

// What comes before the first layer and after the last one.
inline void outer_equations(const Config& c, const Model& model) {
  const auto hidden = c.integer("hidden_size"), rows = c.integer("vocab_size");
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
}

inline void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const Heads& heads, Generation generation) {
  dense_decoder(megatron);
  to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, heads.groups, 32768);
  dtype_to_megatron(hf, megatron);
  megatron.set("autocast_dtype", "bfloat16");  // whatever the weights are
  megatron.set("kv_channels", heads.width);
  megatron.set("add_qkv_bias", generation == Generation::qwen2);
  megatron.set("qk_layernorm", generation == Generation::qwen3);
  if (generation == Generation::qwen3 && hf.flag("attention_bias"))
    throw Failure("attention_bias is true; Qwen3 has no biases in its equations");
  if (hf.flag("use_sliding_window")) throw Failure("use_sliding_window is true; Megatron's window would be the same in every layer");
  rope_to_megatron(hf, megatron, notes, kRope);
}

inline void config_to_hugging_face(const Config& megatron, const Config& hf) {
  to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  hf.set("use_sliding_window", false);
  rope_to_hugging_face(megatron, hf, kRope);
}

// Megatron-Core's own GPT model, made of its own layers. Megatron-LM's arguments name neither.
inline bool is_own_model(const Config& megatron) {
  const auto provider = megatron.string("_target_", ""), layers = megatron.string("transformer_layer_spec._target_", "");
  return (provider.empty() || provider == "megatron.bridge.models.gpt_provider.GPTModelProvider") &&
         (layers.empty() || layers == kLayersOneByOne || layers.starts_with("megatron.bridge.models.gpt_provider."));
}

// A decoder that the equations above describe, with `generation`'s attention.
inline bool is_decoder(const Config& megatron, Generation generation) {
  const bool biases = megatron.flag("add_qkv_bias"), norms = megatron.flag("qk_layernorm");
  return is_own_model(megatron) && (generation == Generation::qwen2 ? biases && !norms : norms && !biases) &&
         megatron.string("normalization", "") == "RMSNorm" && !megatron.flag("layernorm_zero_centered_gamma") &&
         megatron.flag("gated_linear_unit") && !megatron.flag("add_bias_linear") && megatron.string("activation_func", "silu") == "silu" &&
         megatron.string("softmax_type", "vanilla") == "vanilla" && megatron.number("rotary_percent", 1.0) == 1.0 &&
         !megatron.flag("attention_output_gate") && !megatron.flag("multi_latent_attention") && !megatron.flag("heterogeneous_block_specs") &&
         !megatron.flag("is_hybrid_model") && megatron.integer("mtp_num_layers", 0) == 0;
}

// None of these has any value in the documents of Qwen2 and Qwen3.
inline bool is_plain(const Config& megatron) {
  for (const auto* other : {"window_size", "mrope_section", "no_rope_freq", "experimental_attention_variant", "hybrid_layer_pattern",
                            "moe_shared_expert_intermediate_size"})
    if (megatron.has(other)) return false;
  return true;
}

}  // namespace qwen
