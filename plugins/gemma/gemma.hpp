#pragma once
// What the generations of Gemma share: sizes with defaults of their own, the tanh form of GELU, tied embeddings.

#include <weighbridge/family.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace gemma {

using namespace weighbridge;

// Gemma's files leave out what is the default of the generation's config class, sizes included.
struct Sizes {
  std::int64_t rows{}, hidden{}, ffn{}, layers{}, heads{}, groups{}, width{}, context{};
};

inline Sizes sizes_of(const Config& hf, const Sizes& defaults) {
  return {hf.integer("vocab_size", defaults.rows),
          hf.integer("hidden_size", defaults.hidden),
          hf.integer("intermediate_size", defaults.ffn),
          hf.integer("num_hidden_layers", defaults.layers),
          hf.integer("num_attention_heads", defaults.heads),
          hf.integer("num_key_value_heads", defaults.groups),
          hf.integer("head_dim", defaults.width),
          hf.integer("max_position_embeddings", defaults.context)};
}

inline constexpr Field kTrainingFields[] = {
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("rms_norm_eps", "layernorm_epsilon", 1e-6),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", true),
};

inline bool is_tied(const Config& hf) { return hf.flag("tie_word_embeddings", true); }

// The decoder as every generation has it.
inline void decoder_to_megatron(const Config& hf, const Config& megatron, const Sizes& sizes) {
  dense_decoder(megatron);
  megatron.set("activation_func", "gelu_tanh");
  to_megatron(kTrainingFields, hf, megatron);
  dtype_to_megatron(hf, megatron);
  megatron.set("vocab_size", sizes.rows);
  megatron.set("hidden_size", sizes.hidden);
  megatron.set("ffn_hidden_size", sizes.ffn);
  megatron.set("num_layers", sizes.layers);
  megatron.set("num_attention_heads", sizes.heads);
  megatron.set("num_query_groups", sizes.groups);
  megatron.set("kv_channels", sizes.width);
  megatron.set("seq_length", sizes.context);
  megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(sizes.rows));
  if (hf.flag("attention_bias")) throw Failure("attention_bias is true; Gemma has no biases in its equations");
}

inline void decoder_to_hugging_face(const Config& megatron, const Config& hf) {
  to_hugging_face(kTrainingFields, megatron, hf);
  const auto heads = attention_heads(megatron);
  hf.set("vocab_size", megatron.integer("vocab_size"));
  hf.set("hidden_size", megatron.integer("hidden_size"));
  hf.set("intermediate_size", megatron.integer("ffn_hidden_size"));
  hf.set("num_hidden_layers", megatron.integer("num_layers"));
  hf.set("num_attention_heads", heads);
  hf.set("num_key_value_heads", megatron.integer("num_query_groups", heads));
  hf.set("head_dim", megatron.integer("kv_channels", megatron.integer("hidden_size") / heads));
  hf.set("max_position_embeddings", megatron.has("seq_length") ? megatron.integer("seq_length") : megatron.integer("max_position_embeddings"));
  hf.set("attention_bias", false);
  hf.set("use_cache", true);
}

// What comes before the first layer and after the last one, but for the embedding's padding.
inline void output_equations(const Config& c, const Model& model, const Sizes& sizes) {
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {sizes.hidden}));
  output_layer(model, is_tied(c), sizes.rows, sizes.hidden);
}

// From Gemma 2 on; a config.json of Gemma 1 has it as hidden_act.
inline void check_activation(const Config& hf) {
  if (const auto name = hf.string("hidden_activation", "gelu_pytorch_tanh"); name != "gelu_pytorch_tanh")
    throw Failure("hidden_activation is " + name + "; Gemma computes with gelu_pytorch_tanh");
}

// The first of several places that holds a value; empty if none does.
inline std::string_view first_of(const Config& document, std::initializer_list<std::string_view> paths) {
  for (const auto path : paths)
    if (document.has(path)) return path;
  return {};
}

// Takes a number over as it stands at `from`; where nothing stands, `otherwise`.
inline void copy_number(const Config& from, std::string_view path, const Config& to, std::string_view name, double otherwise) {
  if (path.empty() || !from.has(path)) to.set(name, otherwise);
  else to.copy(name, from, path);
}

// A limit that is switched off by null.
inline void copy_or_null(const Config& from, std::string_view path, const Config& to, std::string_view name) {
  if (from.has(path)) to.copy(name, from, path);
  else to.set_null(name);
}

// For every layer whether it attends to everything before it (full_attention) or to a window: as layer_types says,
// else every `period`-th does.
std::vector<bool> global_layers(const Config& hf, std::int64_t layers, std::int64_t period);

// Megatron's pattern: so many layers, the last of which is global, over and over. Refused where layers follow none.
std::int64_t period_of(const std::vector<bool>& global);
void pattern_to_megatron(const std::vector<bool>& global, const Config& megatron);
std::int64_t period_of(const Config& megatron);

inline bool is_provider(const Config& megatron, std::string_view path) {
  return megatron.string("_target_", "") == std::string{"megatron.bridge.models.gemma."} + std::string{path};
}

struct Gemma1 {
  static constexpr std::string_view id = "gemma";
  static constexpr std::string_view architectures[] = {"GemmaForCausalLM"};
  static constexpr std::string_view model_types[] = {"gemma"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
  static bool recognises(const Config& megatron);
};

struct Gemma2 {
  static constexpr std::string_view id = "gemma2";
  static constexpr std::string_view architectures[] = {"Gemma2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"gemma2"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
  static bool recognises(const Config& megatron);
};

struct Gemma3 {
  static constexpr std::string_view id = "gemma3";
  static constexpr std::string_view architectures[] = {"Gemma3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"gemma3_text"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
  static bool recognises(const Config& megatron);
};

struct Gemma4 {
  static constexpr std::string_view id = "gemma4";
  static constexpr std::string_view architectures[] = {"Gemma4ForCausalLM"};
  static constexpr std::string_view model_types[] = {"gemma4_text"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
  static bool recognises(const Config& megatron);
};

}  // namespace gemma
