// Qwen2, Qwen2.5 and Qwen3, dense.
//
//   Llama's block; Qwen2 has a bias in q, k and v, Qwen3 an RMSNorm over each head of q and k.

#include <weighbridge/family.hpp>
#include <weighbridge/translation.hpp>

namespace {

using namespace weighbridge;

enum class Generation { qwen2, qwen3 };

// head_dim is 128 in Qwen3 where the config does not say; in Qwen2 it follows from the heads.
std::int64_t width_of(const Config& c, Generation generation) {
  return generation == Generation::qwen3 ? c.integer("head_dim", 128) : head_width(c);
}

void decoder_equations(const Config& c, Model& model, Generation generation) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto heads = c.integer("num_attention_heads"), groups = c.integer("num_key_value_heads", 32);
  const auto width = width_of(c, generation), query = heads * width, key = groups * width;

  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    decoder["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {hidden}));
    decoder["self_attention.linear_qkv.weight"] = column(interleave(groups,
        hf("self_attn.q_proj.weight", {query, hidden}),
        hf("self_attn.k_proj.weight", {key, hidden}),
        hf("self_attn.v_proj.weight", {key, hidden})));
    if (generation == Generation::qwen2) {
      decoder["self_attention.linear_qkv.bias"] = column(interleave(groups,
          hf("self_attn.q_proj.bias", {query}), hf("self_attn.k_proj.bias", {key}), hf("self_attn.v_proj.bias", {key})));
    } else {
      decoder["self_attention.q_layernorm.weight"] = norm(hf("self_attn.q_norm.weight", {width}));
      decoder["self_attention.k_layernorm.weight"] = norm(hf("self_attn.k_norm.weight", {width}));
    }
    decoder["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {hidden, query}));
    decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
    decoder["mlp.linear_fc1.weight"] = column(concat(hf("mlp.gate_proj.weight", {ffn, hidden}), hf("mlp.up_proj.weight", {ffn, hidden})));
    decoder["mlp.linear_fc2.weight"] = row(hf("mlp.down_proj.weight", {hidden, ffn}));
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  if (c.flag("tie_word_embeddings"))
    model.tied("lm_head.weight", "model.embed_tokens.weight", "tie_word_embeddings");
  else
    model["output_layer.weight"] = vocabulary(model.tensor("lm_head.weight", {rows, hidden}));
}

void config_to_megatron(const Config& hf, const Config& megatron, Generation generation) {
  dense_decoder(megatron);
  to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, 32, 32768);
  dtype_to_megatron(hf, megatron);
  megatron.set("kv_channels", width_of(hf, generation));
  megatron.set("add_qkv_bias", generation == Generation::qwen2);
  megatron.set("qk_layernorm", generation == Generation::qwen3);
  if (generation == Generation::qwen3 && hf.flag("attention_bias"))
    throw Failure("attention_bias is true; Qwen3 has no biases in its equations");
  if (hf.flag("use_sliding_window")) throw Failure("use_sliding_window is true; Megatron's window would be the same in every layer");
  const auto rope = rope_of(hf, 10000.0);
  megatron.set("rotary_base", rope.theta);
  if (rope.type == "yarn") {
    yarn_to_megatron(hf, rope.at, megatron);
  } else if (rope.type != "default") {
    throw Failure(rope.at + " is of type " + rope.type + "; Qwen has default and yarn");
  }
}

void config_to_hugging_face(const Config& megatron, const Config& hf) {
  to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  hf.set("use_sliding_window", false);
  hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  if (is_yarn(megatron)) {
    yarn_to_hugging_face(megatron, hf);
  } else {
    hf.set_null("rope_scaling");
  }
}

bool is_dense_decoder(const Config& megatron) {
  return megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") && !megatron.flag("add_bias_linear") &&
         megatron.string("activation_func", "silu") == "silu" && !megatron.has("num_moe_experts") && !megatron.has("window_size") &&
         !megatron.flag("multi_latent_attention");
}

struct Qwen2 {
  static constexpr std::string_view id = "qwen2";
  static constexpr std::string_view architectures[] = {"Qwen2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen2"};

  static void to_megatron(Config hf, Config megatron, Notes) { config_to_megatron(hf, megatron, Generation::qwen2); }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf); }
  static bool recognises(const Config& megatron) {
    return is_dense_decoder(megatron) && megatron.flag("add_qkv_bias") && !megatron.flag("qk_layernorm");
  }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model, Generation::qwen2); }
};

struct Qwen3 {
  static constexpr std::string_view id = "qwen3";
  static constexpr std::string_view architectures[] = {"Qwen3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen3"};

  static void to_megatron(Config hf, Config megatron, Notes) { config_to_megatron(hf, megatron, Generation::qwen3); }
  static void to_hugging_face(Config megatron, Config hf, Notes) {
    config_to_hugging_face(megatron, hf);
    hf.set("attention_bias", false);
  }
  static bool recognises(const Config& megatron) {
    return is_dense_decoder(megatron) && megatron.flag("qk_layernorm") && !megatron.flag("add_qkv_bias");
  }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model, Generation::qwen3); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Qwen2, Qwen3>("qwen", "1.0.0"); }
