#pragma once
// Configuration in both directions from one table, and the few fields that are more than a name.

#include <weighbridge/config.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {

// A field that only changes its name. Where a config.json leaves it out, the config class's default counts; a field
// without default (`required`) must be there.
struct Field {
  enum class Kind : std::uint8_t { integer = 1, number, flag } kind{};
  enum class Absent : std::uint8_t { required = 1, otherwise } absent{};
  std::string_view hugging_face, megatron;
  double otherwise{};  // the default, as a number
};

constexpr Field integer_field(std::string_view hf, std::string_view megatron) { return {Field::Kind::integer, Field::Absent::required, hf, megatron, 0}; }
constexpr Field integer_field(std::string_view hf, std::string_view megatron, double otherwise) { return {Field::Kind::integer, Field::Absent::otherwise, hf, megatron, otherwise}; }
constexpr Field number_field(std::string_view hf, std::string_view megatron, double otherwise) { return {Field::Kind::number, Field::Absent::otherwise, hf, megatron, otherwise}; }
constexpr Field flag_field(std::string_view hf, std::string_view megatron, bool otherwise) { return {Field::Kind::flag, Field::Absent::otherwise, hf, megatron, otherwise ? 1.0 : 0.0}; }

namespace detail {

inline void translate(const Field& field, const Config& from, std::string_view source, const Config& to, std::string_view target) {
  if (field.absent == Field::Absent::required && !from.has(source))
    throw Failure(std::string{source} + " is missing from the configuration");
  switch (field.kind) {
    case Field::Kind::integer: to.set(target, from.integer(source, static_cast<std::int64_t>(field.otherwise))); break;
    case Field::Kind::number: to.set(target, from.number(source, field.otherwise)); break;
    case Field::Kind::flag: to.set(target, from.flag(source, field.otherwise != 0)); break;
  }
}

}  // namespace detail

inline void to_megatron(std::span<const Field> table, const Config& hf, const Config& megatron) {
  for (const auto& field : table) detail::translate(field, hf, field.hugging_face, megatron, field.megatron);
}
inline void to_hugging_face(std::span<const Field> table, const Config& megatron, const Config& hf) {
  for (const auto& field : table) detail::translate(field, megatron, field.megatron, hf, field.hugging_face);
}

// The fields that every dense decoder has. Defaults are those of the config classes, where families agree about them.
inline constexpr Field kDecoderFields[] = {
    integer_field("num_hidden_layers", "num_layers"),
    integer_field("hidden_size", "hidden_size"),
    integer_field("intermediate_size", "ffn_hidden_size"),
    integer_field("num_attention_heads", "num_attention_heads"),
    integer_field("vocab_size", "vocab_size"),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("rms_norm_eps", "layernorm_epsilon", 1e-6),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
};

// Whether the class that builds the Megatron model is `provider`, in whatever module. Megatron-LM's arguments name none.
inline bool is_built_by(const Config& megatron, std::string_view provider) {
  const auto target = megatron.string("_target_", "");
  return std::string_view{target}.substr(target.rfind('.') + 1) == provider;
}
inline bool names_no_builder(const Config& megatron) { return megatron.string("_target_", "").empty(); }

// torch_dtype (or `dtype`, as newer files say) <-> params_dtype, bf16, fp16.
inline void dtype_to_megatron(const Config& hf, const Config& megatron) {
  auto name = hf.string("torch_dtype", hf.string("dtype", "float32"));
  if (name.starts_with("torch.")) name.erase(0, 6);
  if (name != "bfloat16" && name != "float16" && name != "float32")
    throw Failure("torch_dtype is " + name + "; bfloat16, float16 or float32 are what Megatron trains in");
  megatron.set("params_dtype", name);
  megatron.set("bf16", name == "bfloat16");
  megatron.set("fp16", name == "float16");
}
inline void dtype_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("torch_dtype", megatron.string("params_dtype", megatron.flag("bf16") ? "bfloat16" : megatron.flag("fp16") ? "float16" : "float32"));
}

// Of either document.
inline std::int64_t attention_heads(const Config& config) {
  const auto heads = config.integer("num_attention_heads");
  if (heads < 1) throw Failure("num_attention_heads is " + std::to_string(heads) + "; it should be 1 or more");
  return heads;
}

// head_dim where it is stated, else hidden_size / num_attention_heads.
inline std::int64_t head_width(const Config& hf) { return hf.integer("head_dim", hf.integer("hidden_size") / attention_heads(hf)); }

// Megatron's divisor of the padded vocabulary: the largest power of two up to 128 that divides it.
inline std::int64_t vocabulary_divisor(std::int64_t rows) {
  std::int64_t divisor = 128;
  while (divisor > 1 && rows % divisor != 0) divisor /= 2;
  return divisor;
}

// The rotary embedding's base and scaling, from `rope_theta` and `rope_scaling`, or `rope_parameters` with both.
struct Rope {
  double theta{};
  std::string type;        // "default" where there is none
  std::string at;          // the path of the object that holds the scaling; empty if there is none
};
inline Rope rope_of(const Config& hf, double default_theta) {
  Rope rope{hf.number("rope_theta", hf.number("rope_parameters.rope_theta", default_theta)), "default", {}};
  for (const auto* at : {"rope_scaling", "rope_parameters"}) {
    const std::string path{at};
    if (!hf.has_object(path)) continue;
    rope.type = hf.string(path + ".rope_type", hf.string(path + ".type", "default"));
    rope.at = path;
    break;
  }
  return rope;
}

// YaRN's numbers, both ways; `at` is the path of the object that holds them. Where a config.json does not say for which
// length the model was trained first, it was max_position_embeddings.
inline void yarn_to_megatron(const Config& hf, const std::string& at, const Config& megatron) {
  megatron.set("position_embedding_type", "yarn");
  megatron.set("yarn_rotary_scaling_factor", hf.number(at + ".factor"));
  const auto length = at + ".original_max_position_embeddings";
  megatron.set("yarn_original_max_position_embeddings", hf.integer(hf.has(length) ? length : "max_position_embeddings"));
  megatron.set("yarn_beta_fast", hf.number(at + ".beta_fast", 32.0));
  megatron.set("yarn_beta_slow", hf.number(at + ".beta_slow", 1.0));
  if (const auto scale = hf.find_number(at + ".mscale")) megatron.set("yarn_mscale", *scale);
  if (const auto scale = hf.find_number(at + ".mscale_all_dim")) megatron.set("yarn_mscale_all_dim", *scale);
  if (hf.has(at + ".truncate")) megatron.set("yarn_correction_range_round_to_int", hf.flag(at + ".truncate"));
}
// transformers rounds where nothing is said; Megatron-Bridge then says nothing, and Megatron-Core does not round.
inline void tell_unrounded_yarn(const Config& hf, const std::string& at, const Notes& notes) {
  if (!hf.has(at + ".truncate"))
    notes(at + " is YaRN without truncate, for which Megatron-Bridge leaves yarn_correction_range_round_to_int unset: set it to true in Megatron, "
          "or a run there turns some positions otherwise than transformers");
}
inline bool is_yarn(const Config& megatron) { return megatron.string("position_embedding_type", "") == "yarn"; }
inline void yarn_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("rope_scaling.rope_type", "yarn");
  hf.set("rope_scaling.factor", megatron.number("yarn_rotary_scaling_factor"));
  hf.set("rope_scaling.original_max_position_embeddings", megatron.integer("yarn_original_max_position_embeddings"));
  hf.set("rope_scaling.beta_fast", megatron.number("yarn_beta_fast", 32.0));
  hf.set("rope_scaling.beta_slow", megatron.number("yarn_beta_slow", 1.0));
  if (const auto scale = megatron.find_number("yarn_mscale")) hf.set("rope_scaling.mscale", *scale);
  if (const auto scale = megatron.find_number("yarn_mscale_all_dim")) hf.set("rope_scaling.mscale_all_dim", *scale);
  if (const auto* rounded = "yarn_correction_range_round_to_int"; megatron.has(rounded)) hf.set("rope_scaling.truncate", megatron.flag(rounded));
}

// A window in which a query sees `keys` keys, its own included; Megatron counts those before it and those behind it.
inline void window_size_to_megatron(std::int64_t keys, const Config& megatron) {
  megatron.set_list("window_size");
  megatron.set("window_size.0", keys - 1);
  megatron.set("window_size.1", 0);
}
inline std::optional<std::int64_t> window_of_megatron(const Config& megatron) {
  if (!megatron.has("window_size.0")) return std::nullopt;
  return megatron.integer("window_size.0") + 1;
}
inline void sliding_window_to_hugging_face(const Config& megatron, const Config& hf) {
  if (const auto keys = window_of_megatron(megatron)) hf.set("sliding_window", *keys);
  else hf.set_null("sliding_window");
}

// Whether linear layers have biases: one switch of Megatron's gives every one of a block its own.
inline bool linear_biases(const Config& hf) {
  const bool attention = hf.flag("attention_bias"), mlp = hf.flag("mlp_bias");
  if (attention != mlp) throw Failure("attention_bias and mlp_bias differ; Megatron's add_bias_linear gives both or neither a bias");
  return mlp;
}

// What a Megatron-Core GPT model of RMSNorm, SwiGLU and rotary embedding always says.
inline void dense_decoder(const Config& megatron) {
  megatron.set("normalization", "RMSNorm");
  megatron.set("activation_func", "silu");
  megatron.set("gated_linear_unit", true);
  megatron.set("position_embedding_type", "rope");
  megatron.set("rotary_percent", 1.0);
  megatron.set("hidden_dropout", 0.0);
  megatron.set("add_bias_linear", false);
}

// The attention geometry and context length, both ways; `default_groups` is num_key_value_heads where a config.json
// does not say (0: as many as heads).
inline void attention_to_megatron(const Config& hf, const Config& megatron, std::int64_t default_groups, std::int64_t default_context) {
  const auto heads = attention_heads(hf);
  megatron.set("num_query_groups", hf.integer("num_key_value_heads", default_groups ? default_groups : heads));
  megatron.set("kv_channels", head_width(hf));
  megatron.set("seq_length", hf.integer("max_position_embeddings", default_context));
  megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer("vocab_size")));
  if (const auto activation = hf.string("hidden_act", "silu"); activation != "silu")
    throw Failure("hidden_act is " + activation + "; this family computes with silu");
}
inline void attention_to_hugging_face(const Config& megatron, const Config& hf) {
  const auto heads = attention_heads(megatron);
  hf.set("num_key_value_heads", megatron.integer("num_query_groups", heads));
  hf.set("head_dim", megatron.integer("kv_channels", megatron.integer("hidden_size") / heads));
  hf.set("max_position_embeddings", megatron.has("seq_length") ? megatron.integer("seq_length") : megatron.integer("max_position_embeddings"));
  hf.set("hidden_act", "silu");
  hf.set("use_cache", true);
}

}  // namespace sdk_v1
}  // namespace weighbridge
