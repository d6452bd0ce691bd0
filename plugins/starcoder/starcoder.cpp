// StarCoder2.
//
//   x + attention(norm(x)),  x + c_proj(gelu(c_fc(norm(x)))):  LayerNorm, biases everywhere, grouped queries, rotary embedding, a sliding window.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <string>

namespace {

using namespace weighbridge;

constexpr std::int64_t kGroups = 2, kContext = 4096;  // where a config.json does not say

constexpr RopeScalings kRope{.theta = 10000.0, .known = "StarCoder2 has default, linear and yarn", .linear = true,
                             .yarn = RopeScalings::Yarn::with_rounding};

bool is_tied(const Config& hf) { return hf.flag("tie_word_embeddings", true); }
bool has_biases(const Config& hf) { return hf.flag("use_bias", true); }

constexpr Field kFields[] = {
    integer_field("num_hidden_layers", "num_layers"),
    integer_field("hidden_size", "hidden_size"),
    integer_field("intermediate_size", "ffn_hidden_size"),
    integer_field("num_attention_heads", "num_attention_heads"),
    integer_field("num_key_value_heads", "num_query_groups", kGroups),
    integer_field("vocab_size", "vocab_size"),
    number_field("initializer_range", "init_method_std", 0.018042),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("residual_dropout", "hidden_dropout", 0.0),
    number_field("norm_epsilon", "layernorm_epsilon", 1e-5),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", true),
    flag_field("use_bias", "add_bias_linear", true),
};

void layer_equations(const Config& c, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size");
  const GroupedAttention attention{hidden, attention_heads(c), c.integer("num_key_value_heads", kGroups), head_width(c)};
  for (const std::string kind : {"weight", "bias"}) {
    decoder["self_attention.linear_qkv.layer_norm_" + kind] = replicated(hf("input_layernorm." + kind, {hidden}));
    decoder["mlp.linear_fc1.layer_norm_" + kind] = replicated(hf("post_attention_layernorm." + kind, {hidden}));
  }
  grouped_projections(decoder, hf, attention);
  decoder["mlp.linear_fc1.weight"] = column(hf("mlp.c_fc.weight", {ffn, hidden}));
  decoder["mlp.linear_fc2.weight"] = row(hf("mlp.c_proj.weight", {hidden, ffn}));
  if (!has_biases(c)) return;
  all_attention_biases(decoder, hf, attention);
  decoder["mlp.linear_fc1.bias"] = column(hf("mlp.c_fc.bias", {ffn}));
  decoder["mlp.linear_fc2.bias"] = replicated(hf("mlp.c_proj.bias", {hidden}));
}

// Megatron-Core's own name of an activation of config.json.
std::string_view activation_in_megatron(const Config& hf) {
  const auto name = hf.string("hidden_act", "gelu_pytorch_tanh");
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return "gelu_tanh";
  if (name == "gelu") return "gelu";
  throw Failure("hidden_act is " + name + "; StarCoder2 computes with gelu_pytorch_tanh or gelu");
}

struct Starcoder2 {
  static constexpr std::string_view id = "starcoder2";
  static constexpr std::string_view architectures[] = {"Starcoder2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"starcoder2"};

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), rows = c.integer("vocab_size");
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) layer_equations(c, decoder, hf);
    for (const std::string kind : {"weight", "bias"}) model["decoder.final_layernorm." + kind] = norm(model.tensor("model.norm." + kind, {hidden}));
    output_layer(model, is_tied(c), rows, hidden);
  }

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    weighbridge::to_megatron(kFields, hf, megatron);
    dtype_to_megatron(hf, megatron);
    megatron.set("normalization", "LayerNorm");
    megatron.set("gated_linear_unit", false);
    megatron.set("activation_func", activation_in_megatron(hf));
    megatron.set("bias_activation_fusion", false);  // Megatron-Core fuses a bias with its own gelu only
    megatron.set("add_qkv_bias", false);            // add_bias_linear gives them already
    megatron.set("position_embedding_type", "rope");
    megatron.set("rotary_percent", 1.0);
    megatron.set("kv_channels", head_width(hf));
    megatron.set("seq_length", hf.integer("max_position_embeddings", kContext));
    megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer("vocab_size")));
    for (const auto& [name, only] : {std::pair{"norm_type", "layer_norm"}, std::pair{"mlp_type", "default"}})
      if (const auto type = hf.string(name, only); type != only) throw Failure(std::string{name} + " is " + type + "; StarCoder2 has " + only);
    if (hf.number("embedding_dropout", 0.0) != hf.number("residual_dropout", 0.0))
      notes("embedding_dropout differs from residual_dropout; Megatron has one hidden_dropout for both and gets residual_dropout");
    rope_to_megatron(hf, megatron, notes, kRope);
    if (const auto window = hf.find_integer("sliding_window")) window_size_to_megatron(*window, megatron);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kFields, megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("embedding_dropout", megatron.number("hidden_dropout", 0.0));
    hf.set("head_dim", megatron.integer("kv_channels", megatron.integer("hidden_size") / attention_heads(megatron)));
    hf.set("max_position_embeddings", megatron.has("seq_length") ? megatron.integer("seq_length") : megatron.integer("max_position_embeddings"));
    hf.set("hidden_act", megatron.string("activation_func", "gelu") == "gelu" ? "gelu" : "gelu_pytorch_tanh");
    hf.set("norm_type", "layer_norm");
    hf.set("mlp_type", "default");
    hf.set("use_cache", true);
    rope_to_hugging_face(megatron, hf, kRope);
    sliding_window_to_hugging_face(megatron, hf);
  }

  static bool recognises(const Config& megatron) {
    for (const auto* other : {"num_moe_experts", "window_attn_skip_freq", "no_rope_freq", "hybrid_layer_pattern", "mamba_stack_spec"})
      if (megatron.has(other)) return false;
    for (const auto* other : {"gated_linear_unit", "add_qkv_bias", "qk_layernorm", "layernorm_zero_centered_gamma", "multi_latent_attention", "is_hybrid_model",
                              "heterogeneous_block_specs", "apply_residual_connection_post_layernorm"})
      if (megatron.flag(other)) return false;
    const auto activation = megatron.string("activation_func", ""), positions = megatron.string("position_embedding_type", "");
    return megatron.string("normalization", "") == "LayerNorm" && (activation == "gelu_tanh" || activation == "gelu") &&
           (positions == "rope" || positions == "yarn") && megatron.number("rotary_percent", 1.0) == 1.0 &&
           (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider"));
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const auto heads = attention_heads(c), width = head_width(c);
    const auto attention = forward::grouped_queries(heads, c.integer("num_key_value_heads", kGroups), width, c.integer("sliding_window", 0));
    const auto rotary = forward::stated_rotary(c, kRope.theta, width);
    const auto activation = forward::activation_named(c.string("hidden_act", "gelu_pytorch_tanh"));
    const forward::Norm norm{.epsilon = static_cast<float>(c.number("norm_epsilon", 1e-5))};
    const auto normed = [&](const forward::Matrix& x, const std::string& name) {
      return forward::layer_norm(x, run.values(name + ".weight"), run.values(name + ".bias"), norm);
    };
    auto x = run.embedded("model.embed_tokens.weight");
    run.state(-1, x);
    for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
      const auto layer = "model.layers." + std::to_string(i) + ".";
      forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed(x, layer + "input_layernorm"), attention, rotary));
      const auto inner = run.module(layer + "mlp.c_fc.", normed(x, layer + "post_attention_layernorm"));
      forward::add(x, run.module(layer + "mlp.c_proj.", forward::activated(inner, activation)));
      run.state(i, x);
    }
    run.logits(forward::output(run, normed(x, "model.norm"), is_tied(c)));
  }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Starcoder2>("starcoder", "1.0.0"); }
