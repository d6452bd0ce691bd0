// Falcon-H1: every layer has Mamba-2 and attention side by side, then a gated MLP.
//
//   x + mamba(n) + attention(n)  with n = norm(x),   x + down(silu(gate(norm(x))) * up(norm(x)))
//
// Constant multipliers (muP) scale what goes into and comes out of the branches; they are run-time numbers on both
// sides, no weight holds them.

#include <weighbridge/family.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mamba.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cmath>

#include "forward.hpp"

namespace {

using namespace weighbridge;

// A number that others are divided by.
std::int64_t positive(const Config& c, std::string_view field, std::int64_t otherwise) {
  const auto number = c.integer(field, otherwise);
  if (number < 1) throw Failure(std::string{field} + " is " + std::to_string(number) + "; it should be 1 or more");
  return number;
}

struct Attention {
  explicit Attention(const Config& c)
      : heads{positive(c, "num_attention_heads", 32)}, groups{c.integer("num_key_value_heads", c.is_null("num_key_value_heads") ? heads : 8)},
        width{c.integer("head_dim", c.integer("hidden_size", 4096) / heads)} {}
  std::int64_t heads, groups, width;
};

// Heads of the Mamba branch and their width, which follows from the branch's width unless it is stated.
Mamba2 mamba_of(const Config& c) {
  const auto hidden = c.integer("hidden_size", 4096), heads = positive(c, "mamba_n_heads", 128);
  const auto inner = c.is_null("mamba_d_ssm") ? c.integer("mamba_expand", 2) * hidden : c.integer("mamba_d_ssm", 1024);
  const auto width = c.is_text("mamba_d_head") ? inner / heads : c.integer("mamba_d_head", inner / heads);
  if (heads * width != inner)
    throw Failure("mamba_d_ssm is " + std::to_string(inner) + ", but mamba_n_heads * mamba_d_head is " + std::to_string(heads * width));
  return {hidden, heads, width, c.integer("mamba_n_groups", 1), c.integer("mamba_d_state", 256), c.integer("mamba_d_conv", 4),
          c.flag("mamba_rms_norm", false)};
}

constexpr Field kFields[] = {
    integer_field("num_hidden_layers", "num_layers", 32),
    integer_field("hidden_size", "hidden_size", 4096),
    integer_field("intermediate_size", "ffn_hidden_size", 14336),
    integer_field("num_attention_heads", "num_attention_heads", 32),
    integer_field("vocab_size", "vocab_size", 128000),
    integer_field("max_position_embeddings", "seq_length", 8192),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("rms_norm_eps", "layernorm_epsilon", 1e-5),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
    integer_field("mamba_d_state", "mamba_state_dim", 256),
    integer_field("mamba_n_groups", "mamba_num_groups", 1),
    integer_field("mamba_expand", "expand", 2),
    integer_field("mamba_d_conv", "d_conv", 4),
    integer_field("mamba_chunk_size", "chunk_size", 256),
    flag_field("mamba_conv_bias", "conv_bias", true),
    flag_field("mamba_rms_norm", "rmsnorm", false),
    number_field("embedding_multiplier", "embedding_multiplier", 1.0),
    number_field("lm_head_multiplier", "lm_head_multiplier", 1.0),
    number_field("key_multiplier", "key_multiplier", 1.0),
    number_field("attention_in_multiplier", "attention_in_multiplier", 1.0),
    number_field("attention_out_multiplier", "attention_out_multiplier", 1.0),
    number_field("ssm_in_multiplier", "ssm_in_multiplier", 1.0),
    number_field("ssm_out_multiplier", "ssm_out_multiplier", 1.0),
};

// Lists of multipliers, of the same name on both sides: gate and down projection; z, x, B, C and dt.
void multipliers(const Config& from, const Config& to) {
  for (const auto& [field, count] : {std::pair{"mlp_multipliers", 2}, std::pair{"ssm_multipliers", 5}}) {
    if (const auto found = from.find_count(field); found && *found != count)
      throw Failure(std::string{field} + " has " + std::to_string(*found) + " numbers; " + std::to_string(count) + " are wanted");
    to.set_list(field);
    for (int i = 0; i < count; ++i) to.set(Config::at(field, i), from.number(Config::at(field, i), 1.0));
  }
}

// What the mixer of Megatron-Core asserts, and what one switch of Megatron's does for attention and MLP together.
void check(const Config& hf) {
  for (const auto* bias : {"mamba_proj_bias", "projectors_bias"})
    if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; the projections of Mamba in Megatron-Core have no biases");
  if (!hf.flag("mamba_conv_bias", true)) throw Failure("mamba_conv_bias is false; the convolution of Mamba in Megatron-Core has a bias");
  if (hf.flag("mamba_rms_norm", false) && hf.flag("mamba_norm_before_gate", true))
    throw Failure("mamba_norm_before_gate is true; Mamba in Megatron-Core has its norm behind the gate");
  if (hf.flag("attention_bias") != hf.flag("mlp_bias"))
    throw Failure("attention_bias and mlp_bias differ; Megatron's add_bias_linear gives both or neither a bias");
  if (const auto act = hf.string("hidden_act", "silu"); act != "silu") throw Failure("hidden_act is " + act + "; this family computes with silu");
  check_step_limits(hf, "time_step_limit");
}

struct FalconH1 {
  static constexpr std::string_view id = "falcon_h1";
  static constexpr std::string_view architectures[] = {"FalconH1ForCausalLM"};
  static constexpr std::string_view model_types[] = {"falcon_h1"};
  static constexpr std::string_view provider = "megatron.bridge.models.falcon_h1.falconh1_provider.FalconH1ModelProvider";
  static constexpr std::string_view stack_spec = "megatron.bridge.models.falcon_h1.falconh1_provider.get_default_falconh1_stack_spec";

  static void to_megatron(Config hf, Config megatron, Notes) {
    check(hf);
    dense_decoder(megatron);
    weighbridge::to_megatron(kFields, hf, megatron);
    megatron.set("num_query_groups", Attention{hf}.groups);
    megatron.set("kv_channels", Attention{hf}.width);
    megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer("vocab_size", 128000)));
    dtype_to_megatron(hf, megatron);
    const auto mamba = mamba_of(hf);
    megatron.set("_target_", provider);
    megatron.set("falconh1_stack_spec._target_", stack_spec);
    megatron.set("falconh1_stack_spec._call_", false);
    megatron.set("falconh1_ratio", 1.0);
    for (const auto* part : {"use_mamba", "use_attention", "use_mlp"}) megatron.set(part, true);
    megatron.set("mamba_num_heads", mamba.heads);
    megatron.set("mamba_head_dim", mamba.width);
    megatron.set("norm_before_gate", false);
    megatron.set("add_bias_linear", hf.flag("mlp_bias"));
    megatron.set("add_qkv_bias", hf.flag("attention_bias"));
    multipliers(hf, megatron);
    const auto rope = rope_of(hf, 10000.0);
    if (rope.theta == std::floor(rope.theta) && rope.theta < 9e15) megatron.set("rotary_base", static_cast<std::int64_t>(rope.theta));
    else megatron.set("rotary_base", rope.theta);
    if (rope.type == "linear") megatron.set("seq_len_interpolation_factor", hf.number(rope.at + ".factor"));
    else if (rope.type != "default") throw Failure(rope.at + " is of type " + rope.type + "; Falcon-H1 in Megatron has default and linear");
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    if (megatron.number("falconh1_ratio", 1.0) != 1.0 || megatron.has("hybrid_override_pattern"))
      throw Failure("falconh1_ratio or hybrid_override_pattern makes layers of other kinds; Falcon-H1 has Mamba, attention and MLP in every layer");
    weighbridge::to_hugging_face(kFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    const auto width = positive(megatron, "mamba_head_dim", 64);
    const auto heads = megatron.integer("mamba_num_heads", megatron.integer("expand", 2) * megatron.integer("hidden_size") / width);
    hf.set("mamba_n_heads", heads);
    hf.set("mamba_d_head", width);
    hf.set("mamba_d_ssm", heads * width);
    hf.set("mamba_rms_norm", megatron.flag("rmsnorm", true));
    for (const auto* none : {"mamba_norm_before_gate", "mamba_proj_bias", "projectors_bias"}) hf.set(none, false);
    hf.set("mamba_use_mlp", true);
    const bool bias = megatron.flag("add_bias_linear");
    if (megatron.flag("add_qkv_bias") && !bias) throw Failure("add_qkv_bias without add_bias_linear: Falcon-H1 has both or neither");
    hf.set("attention_bias", bias);
    hf.set("mlp_bias", bias);
    multipliers(megatron, hf);
    rope_to_hugging_face(megatron, hf, {.theta = 1e11, .linear = true});
  }

  static bool recognises(const Config& megatron) { return is_built_by(megatron, "FalconH1ModelProvider"); }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const Attention a{c};
    falcon_h1::forward_model(c, run, {.heads = a.heads, .groups = a.groups, .width = a.width, .values = a.width}, mamba_of(c));
  }
  static void forward_megatron(const Config& megatron, Forward& run) { falcon_h1::forward_megatron_model(megatron, run); }

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size", 4096), ffn = c.integer("intermediate_size", 14336), rows = c.integer("vocab_size", 128000);
    const Attention a{c};
    const GroupedAttention attention{hidden, a.heads, a.groups, a.width};

    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers", 32))) {
      decoder["norm.weight"] = norm(hf("input_layernorm.weight", {hidden}));
      mamba2_mixer(decoder.under("mamba_mixer."), hf, "mamba.", mamba_of(c));
      grouped_projections(decoder, hf, attention);
      decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("pre_ff_layernorm.weight", {hidden}));
      gated_projections(decoder.under("mlp."), hf, "feed_forward.", ffn, hidden);
      if (c.flag("attention_bias")) {
        all_attention_biases(decoder, hf, attention);
        decoder["mlp.linear_fc1.bias"] = column(concat(hf("feed_forward.gate_proj.bias", {ffn}), hf("feed_forward.up_proj.bias", {ffn})));
        decoder["mlp.linear_fc2.bias"] = replicated(hf("feed_forward.down_proj.bias", {hidden}));
      }
    }
    model["decoder.final_norm.weight"] = norm(model.tensor("model.final_layernorm.weight", {hidden}));
    model["output_layer"] = module_state(WB_EXTRA_NONE);
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<FalconH1>("falcon_h1", "1.0.0"); }
