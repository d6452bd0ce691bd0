// OLMo 2 and 3.
//
//   x + norm(attention(x)),  x + norm(down(silu(gate(x)) * up(x))),  an RMSNorm over all queries and one over all keys.
//   OLMo 3 has a sliding window in three of four layers.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cmath>
#include <string>
#include <vector>

#include "layer_spec.hpp"
#include "olmo1.hpp"

namespace {

using namespace weighbridge;
using olmo::has_layer_spec;
using olmo::layer_spec_to_megatron;

constexpr double kEpsilon = 1e-5;  // where a config.json does not say
constexpr RopeScalings kRope{.theta = 10000.0, .known = "Megatron-Core computes default, linear and yarn", .linear = true,
                             .yarn = RopeScalings::Yarn::with_rounding};

void decoder_equations(const Config& c, const Model& model) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto heads = attention_heads(c);
  const GroupedAttention attention{hidden, heads, c.integer("num_key_value_heads", heads), head_width(c)};
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    grouped_projections(decoder, hf, attention);
    norms_of_all_heads(decoder, hf, attention);
    decoder["self_attention.linear_proj.post_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {hidden}));
    gated_projections(decoder.under("mlp."), hf, "mlp.", ffn, hidden);
    decoder["mlp.linear_fc2.post_layernorm.weight"] = norm(hf("post_feedforward_layernorm.weight", {hidden}));
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
}

// ---- Configuration --------------------------------------------------------------------------------------------------

void positions_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  const auto rope = rope_to_megatron(hf, megatron, notes, kRope);
  if (rope.type != "yarn") return;
  const auto usual = forward::yarn_scale(hf.number(rope.at + ".factor"));
  if (const auto widening = hf.find_number(rope.at + ".attention_factor"); widening && std::abs(*widening - usual) > 1e-6)
    throw Failure(rope.at + ".attention_factor is " + std::to_string(*widening) + "; Megatron-Core makes it of the factor: " + std::to_string(usual));
}

void positions_to_hugging_face(const Config& megatron, const Config& hf) {
  rope_to_hugging_face(megatron, hf, kRope);
  if (hf.string("rope_scaling.rope_type", "") == "yarn")
    hf.set("rope_scaling.attention_factor", forward::yarn_scale(megatron.number("yarn_rotary_scaling_factor")));
}

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  dense_decoder(megatron);
  to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, 0, 2048);
  dtype_to_megatron(hf, megatron);
  megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
  megatron.set("qk_layernorm", true);
  if (hf.flag("attention_bias")) throw Failure("attention_bias is true; Megatron adds a bias behind the norm of the layer that the model adds before it");
  layer_spec_to_megatron(megatron);
  positions_to_megatron(hf, megatron, notes);
}

void config_to_hugging_face(const Config& megatron, const Config& hf) {
  to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  hf.set("attention_bias", false);
  positions_to_hugging_face(megatron, hf);
}

// Whether the attention of a layer slides, for every layer; all but every fourth do where nothing is said.
std::vector<bool> sliding_layers(const Config& hf) {
  const auto layers = hf.integer("num_hidden_layers");
  const auto stated = hf.find_count("layer_types");
  if (stated && *stated != layers)
    throw Failure("layer_types has " + std::to_string(*stated) + " entries for " + std::to_string(layers) + " layers");
  std::vector<bool> sliding;
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto at = Config::at("layer_types", i);
    const auto type = stated ? hf.string(at, "") : (i + 1) % 4 != 0 ? "sliding_attention" : "full_attention";
    if (type != "sliding_attention" && type != "full_attention")
      throw Failure(at + " is \"" + type + "\"; OLMo 3 has sliding_attention and full_attention");
    sliding.push_back(type == "sliding_attention");
  }
  return sliding;
}

// OLMo 3 was trained so, and vLLM computes so. transformers 5.12 scales everywhere, too.
constexpr std::string_view kScaledEverywhere =
    "rope_scaling is meant for layers of full attention; Megatron-Core has one rotary embedding and scales the positions of layers that slide, too";

// A query sees itself and sliding_window - 1 keys before it.
void window_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  const auto sliding = sliding_layers(hf);
  if (hf.is_null("sliding_window")) throw Failure("sliding_window is null; the layers of OLMo 3 that slide need a number");
  window_size_to_megatron(hf.integer("sliding_window", 4096), megatron);
  megatron.set_list("window_attn_skip_freq");
  bool any = false;
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    megatron.set(Config::at("window_attn_skip_freq", static_cast<std::int64_t>(i)), std::int64_t{sliding[i]});
    any = any || sliding[i];
  }
  if (any && rope_of(hf, kRope.theta).type != "default") notes(kScaledEverywhere);
}

void window_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("sliding_window", megatron.integer("window_size.0") + 1);
  hf.set_list("layer_types");
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    hf.set(Config::at("layer_types", i), forward::has_window(megatron, i) ? "sliding_attention" : "full_attention");
}

// ---- Forward --------------------------------------------------------------------------------------------------------

// `window` tells of a layer how many keys are seen; 0: all.
template <class Window>
void forward_decoder(const Config& c, const Forward& run, Window&& window) {
  const auto heads = attention_heads(c), width = head_width(c);
  auto attention = forward::grouped_queries(heads, c.integer("num_key_value_heads", heads), width);
  const auto rotary = forward::stated_rotary(c, kRope.theta, width);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
  const auto normed = [&](const forward::Matrix& x, const std::string& name) { return forward::rms_norm(x, run.values(name), norm); };
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    attention.window = window(i);
    forward::add(x, normed(forward::separate_attention(run, layer + "self_attn.", x, attention, rotary, norm), layer + "post_attention_layernorm.weight"));
    forward::add(x, normed(forward::separate_gated(run, layer + "mlp.", x), layer + "post_feedforward_layernorm.weight"));
    run.state(i, x);
  }
  run.logits(forward::output(run, normed(x, "model.norm.weight"), c.flag("tie_word_embeddings")));
}

struct Olmo2 {
  static constexpr std::string_view id = "olmo2";
  static constexpr std::string_view architectures[] = {"Olmo2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"olmo2"};

  static void to_megatron(Config hf, Config megatron, Notes notes) { config_to_megatron(hf, megatron, notes); }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf); }
  static bool recognises(const Config& megatron) { return has_layer_spec(megatron) && !megatron.has("window_size"); }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model); }
  static void forward_hugging_face(const Config& c, Forward& run) {
    forward_decoder(c, run, [](std::int64_t) { return std::int64_t{0}; });
  }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

struct Olmo3 {
  static constexpr std::string_view id = "olmo3";
  static constexpr std::string_view architectures[] = {"Olmo3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"olmo3"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    config_to_megatron(hf, megatron, notes);
    window_to_megatron(hf, megatron, notes);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) {
    config_to_hugging_face(megatron, hf);
    window_to_hugging_face(megatron, hf);
  }
  static bool recognises(const Config& megatron) { return has_layer_spec(megatron) && megatron.has("window_size"); }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model); }
  static void forward_hugging_face(const Config& c, Forward& run) {
    const auto sliding = sliding_layers(c);
    forward_decoder(c, run, [&](std::int64_t layer) { return sliding[static_cast<std::size_t>(layer)] ? c.integer("sliding_window", 4096) : 0; });
  }
  static void forward_megatron(const Config& megatron, Forward& run) {
    if (is_yarn(megatron) || megatron.has("seq_len_interpolation_factor")) run.note(kScaledEverywhere);
    forward::megatron_gpt(megatron, run);
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<olmo::Olmo1, Olmo2, Olmo3>("olmo", "1.0.0"); }
