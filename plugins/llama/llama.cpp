// Llama 2, 3, 3.1, 3.2, 3.3 and models of their shape; Mistral 7B and its successors.
//
//   x + attention(norm(x)),  x + down(silu(gate(norm(x))) * up(norm(x))),  RMSNorm, rotary embedding, grouped queries.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>

#include "decoder_forward.hpp"

namespace {

using namespace weighbridge;

// Llama's layers; `attention_bias` and `mlp_bias` add a bias to every linear layer of the block.
void decoder_equations(const Config& c, Model& model) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto heads = c.integer("num_attention_heads");
  const GroupedAttention attention{hidden, heads, c.integer("num_key_value_heads", c.string("model_type", "") == "mistral" ? 8 : heads), head_width(c)};

  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    grouped_attention(decoder, hf, attention);
    gated_mlp(decoder, hf, ffn, hidden);
    if (c.flag("attention_bias")) all_attention_biases(decoder, hf, attention);
    if (c.flag("mlp_bias")) gated_biases(decoder, hf, ffn, hidden);
    model.dropped(hf.name("self_attn.rotary_emb.inv_freq"), "computed from rope_theta; old checkpoints carry it");
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
}

struct Llama {
  static constexpr std::string_view id = "llama";
  static constexpr std::string_view architectures[] = {"LlamaForCausalLM"};
  static constexpr std::string_view model_types[] = {"llama"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, 0, 2048);
    dtype_to_megatron(hf, megatron);
    for (const auto* fused : {"bias_activation_fusion", "masked_softmax_fusion", "persist_layer_norm", "bias_dropout_fusion", "apply_rope_fusion"})
      megatron.set(fused, true);

    for (const auto* biases : {"add_bias_linear", "add_qkv_bias"}) megatron.set(biases, linear_biases(hf));
    rope_to_megatron(hf, megatron, notes, llama::kRope);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    rope_to_hugging_face(megatron, hf, llama::kRope);
    const bool bias = megatron.flag("add_bias_linear");
    if (megatron.flag("add_qkv_bias") && !bias) throw Failure("add_qkv_bias without add_bias_linear: Llama has both or neither");
    hf.set("attention_bias", bias);
    hf.set("mlp_bias", bias);
  }

  static bool recognises(const Config& megatron) {
    return megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") && !megatron.flag("qk_layernorm") &&
           megatron.string("activation_func", "silu") == "silu" && !megatron.has("num_moe_experts") && !megatron.has("window_size") &&
           !megatron.has("no_rope_freq") && !megatron.has("rotary_longrope_original_length") && megatron.number("rotary_percent", 1.0) == 1.0 &&
           !megatron.flag("multi_latent_attention") && !megatron.flag("use_mup") && (megatron.flag("add_bias_linear") || !megatron.flag("add_qkv_bias")) &&
           megatron.string("_target_", "GPTModelProvider").ends_with("GPTModelProvider") && !megatron.flag("heterogeneous_block_specs") &&
           !megatron.has("mamba_stack_spec") && !megatron.flag("is_hybrid_model") &&
           !megatron.has("heterogeneous_layers_config_encoded_json");
  }

  static void equations(const Config& c, Model& model) { decoder_equations(c, model); }
  static void forward_hugging_face(const Config& c, Forward& run) { llama::forward_decoder(c, run, 0, 0); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

// As RoPE goes to Megatron-Core; on the way back Mistral takes what Llama does.
constexpr RopeScalings kMistralRope{.theta = 10000.0, .known = "Mistral has default and yarn", .yarn = RopeScalings::Yarn::stated};

// Llama's equations without biases, and a sliding window: a query sees itself and sliding_window - 1 keys before it.
struct Mistral {
  static constexpr std::string_view id = "mistral";
  static constexpr std::string_view architectures[] = {"MistralForCausalLM"};
  static constexpr std::string_view model_types[] = {"mistral"};
  static constexpr std::string_view provider = "megatron.bridge.models.mistral.mistral_provider.MistralModelProvider";

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    megatron.set("_target_", provider);
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, 8, 131072);
    dtype_to_megatron(hf, megatron);
    rope_to_megatron(hf, megatron, notes, kMistralRope);
    if (const auto window = hf.find_integer("sliding_window")) {
      window_size_to_megatron(*window, megatron);
      megatron.set("cp_comm_type", "a2a");
    }
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    rope_to_hugging_face(megatron, hf, llama::kRope);
    sliding_window_to_hugging_face(megatron, hf);
  }

  static bool recognises(const Config& megatron) {
    return megatron.string("_target_", "").find("MistralModelProvider") != std::string::npos;
  }

  static void equations(const Config& c, Model& model) { decoder_equations(c, model); }
  static void forward_hugging_face(const Config& c, Forward& run) { llama::forward_decoder(c, run, 8, c.integer("sliding_window", 0)); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Llama, Mistral>("llama", "1.0.0"); }
