// Nemotron, dense: Nemotron-3 8B, Nemotron-4, Minitron.
//
//   x + attention(norm(x)),  x + down(max(0, up(norm(x)))²),  LayerNorm with weights kept less one on both sides, rotary embedding of
//   a part of each head, grouped queries.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <string>
#include <utility>

namespace {

using namespace weighbridge;

constexpr double kPart = 0.5, kEpsilon = 1e-5;  // where a config.json does not say
constexpr std::int64_t kContext = 4096;
constexpr RopeScalings kRope{.theta = 10000.0, .known = "Nemotron has default and linear", .linear = true};

constexpr Field kFields[] = {
    integer_field("num_hidden_layers", "num_layers"),
    integer_field("hidden_size", "hidden_size"),
    integer_field("intermediate_size", "ffn_hidden_size"),
    integer_field("num_attention_heads", "num_attention_heads"),
    integer_field("vocab_size", "vocab_size"),
    integer_field("max_position_embeddings", "seq_length", kContext),
    number_field("initializer_range", "init_method_std", 0.0134),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("norm_eps", "layernorm_epsilon", kEpsilon),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
};

double turned_part(const Config& hf) { return hf.number("rope_parameters.partial_rotary_factor", hf.number("partial_rotary_factor", kPart)); }

struct Nemotron {
  static constexpr std::string_view id = "nemotron";
  static constexpr std::string_view architectures[] = {"NemotronForCausalLM"};
  static constexpr std::string_view model_types[] = {"nemotron"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    dense_decoder(megatron);
    megatron.set("normalization", "LayerNorm");
    megatron.set("layernorm_zero_centered_gamma", true);
    megatron.set("activation_func", "squared_relu");
    megatron.set("gated_linear_unit", false);
    if (const auto activation = hf.string("hidden_act", "relu2"); activation != "relu2")
      throw Failure("hidden_act is " + activation + "; Nemotron computes with relu2");
    weighbridge::to_megatron(kFields, hf, megatron);
    megatron.set("num_query_groups", hf.integer("num_key_value_heads", attention_heads(hf)));
    megatron.set("kv_channels", head_width(hf));
    megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer("vocab_size")));
    dtype_to_megatron(hf, megatron);
    rope_of_a_part_to_megatron(hf, megatron, notes, kRope, turned_part(hf));
    for (const auto* fused : {"masked_softmax_fusion", "persist_layer_norm", "cross_entropy_loss_fusion", "apply_rope_fusion"}) megatron.set(fused, true);

    for (const auto* biases : {"add_bias_linear", "add_qkv_bias"}) megatron.set(biases, linear_biases(hf));
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kFields, megatron, hf);
    const auto heads = attention_heads(megatron);
    hf.set("num_key_value_heads", megatron.integer("num_query_groups", heads));
    hf.set("head_dim", megatron.integer("kv_channels", megatron.integer("hidden_size") / heads));
    dtype_to_hugging_face(megatron, hf);
    rope_to_hugging_face(megatron, hf, kRope);
    hf.set("partial_rotary_factor", megatron.number("rotary_percent", 1.0));
    const bool bias = megatron.flag("add_bias_linear");
    if (megatron.flag("add_qkv_bias") && !bias) throw Failure("add_qkv_bias without add_bias_linear: Nemotron has both or neither");
    hf.set("attention_bias", bias);
    hf.set("mlp_bias", bias);
    hf.set("hidden_act", "relu2");
    hf.set("use_cache", true);
  }

  static bool recognises(const Config& megatron) {
    for (const auto* other : {"num_moe_experts", "window_size", "no_rope_freq", "hybrid_layer_pattern", "hybrid_override_pattern", "mamba_stack_spec",
                              "heterogeneous_layers_config_encoded_json", "experimental_attention_variant"})
      if (megatron.has(other)) return false;
    return (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) && megatron.string("normalization", "LayerNorm") == "LayerNorm" &&
           megatron.flag("layernorm_zero_centered_gamma") && megatron.string("activation_func", "gelu") == "squared_relu" &&
           !megatron.flag("gated_linear_unit") && !megatron.flag("qk_layernorm") && !megatron.flag("multi_latent_attention") &&
           !megatron.flag("is_hybrid_model") && !megatron.flag("heterogeneous_block_specs") && megatron.integer("mtp_num_layers", 0) == 0;
  }

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
    const auto heads = attention_heads(c);
    const GroupedAttention attention{hidden, heads, c.integer("num_key_value_heads", heads), head_width(c)};

    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      grouped_attention(decoder, hf, attention);
      decoder["self_attention.linear_qkv.layer_norm_bias"] = replicated(hf("input_layernorm.bias", {hidden}));
      decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
      decoder["mlp.linear_fc1.layer_norm_bias"] = replicated(hf("post_attention_layernorm.bias", {hidden}));
      decoder["mlp.linear_fc1.weight"] = column(hf("mlp.up_proj.weight", {ffn, hidden}));
      decoder["mlp.linear_fc2.weight"] = row(hf("mlp.down_proj.weight", {hidden, ffn}));
      if (c.flag("attention_bias")) all_attention_biases(decoder, hf, attention);
      if (c.flag("mlp_bias")) {
        decoder["mlp.linear_fc1.bias"] = column(hf("mlp.up_proj.bias", {ffn}));
        decoder["mlp.linear_fc2.bias"] = replicated(hf("mlp.down_proj.bias", {hidden}));
      }
      model.dropped(hf.name("self_attn.rotary_emb.inv_freq"), "computed from rope_theta; old checkpoints carry it");
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    model["decoder.final_layernorm.bias"] = norm(model.tensor("model.norm.bias", {hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const auto heads = attention_heads(c), width = head_width(c);
    const auto attention = forward::grouped_queries(heads, c.integer("num_key_value_heads", heads), width);
    const auto rope = rope_of(c, kRope.theta);
    auto frequencies = forward::frequencies_of(rope.theta, static_cast<std::int64_t>(static_cast<double>(width) * turned_part(c)));
    if (rope.type == "linear") frequencies = forward::interpolated(std::move(frequencies), c.number(rope.at + ".factor"));
    const forward::Rotary rotary{std::move(frequencies)};
    const forward::Norm norm{.epsilon = static_cast<float>(c.number("norm_eps", kEpsilon)), .offset = 1};
    const auto normed = [&](const forward::Matrix& x, const std::string& at) { return forward::layer_norm(x, run.values(at + "weight"), run.values(at + "bias"), norm); };
    auto x = run.embedded("model.embed_tokens.weight");
    run.state(-1, x);
    for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
      const auto layer = "model.layers." + std::to_string(i) + ".";
      forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed(x, layer + "input_layernorm."), attention, rotary));
      const auto inner = run.module(layer + "mlp.up_proj.", normed(x, layer + "post_attention_layernorm."));
      forward::add(x, run.module(layer + "mlp.down_proj.", forward::activated(inner, forward::Activation::squared_relu)));
      run.state(i, x);
    }
    run.logits(forward::output(run, normed(x, "model.norm."), c.flag("tie_word_embeddings")));
  }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Nemotron>("nemotron", "1.0.0"); }
