#pragma once
// Which layers of SmolLM3 are told positions, and which slide; and what a config.json of SmolLM3 leaves out.

#include <weighbridge/forward/megatron_config.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace smollm {

using namespace weighbridge;

inline constexpr double kTheta = 2000000.0;

inline bool is_tied(const Config& hf) { return hf.flag("tie_word_embeddings", true); }
// Null stands for as many as heads.
inline std::int64_t groups_of(const Config& hf) {
  return hf.is_null("num_key_value_heads") ? attention_heads(hf) : hf.integer("num_key_value_heads", 4);
}

struct Kind {
  bool positions{}, slides{};
};

// By layer. no_rope_layers says 1 of a layer that is told positions; without it every no_rope_layer_interval-th is not. Where layer_types says
// nothing, layers without positions slide if any may.
inline std::vector<Kind> kinds_of(const Config& hf) {
  const auto layers = hf.integer("num_hidden_layers"), interval = hf.integer("no_rope_layer_interval", 4);
  const auto listed = hf.find_count("no_rope_layers"), typed = hf.find_count("layer_types");
  if (listed && *listed < layers)
    throw Failure("no_rope_layers has " + std::to_string(*listed) + " entries for " + std::to_string(layers) + " layers");
  if (typed && *typed < layers) throw Failure("layer_types has " + std::to_string(*typed) + " entries for " + std::to_string(layers) + " layers");
  if (!listed && interval < 1) throw Failure("no_rope_layer_interval is " + std::to_string(interval) + "; every layer counts from 1");
  const bool may_slide = hf.flag("use_sliding_window") && hf.has("sliding_window");
  std::vector<Kind> kinds;
  for (std::int64_t i = 0; i < layers; ++i) {
    Kind kind;
    kind.positions = listed ? hf.truth(Config::at("no_rope_layers", i)) : (i + 1) % interval != 0;
    const auto at = Config::at("layer_types", i);
    const auto type = typed ? hf.string(at, "") : may_slide && !kind.positions ? "sliding_attention" : "full_attention";
    kind.slides = type == "sliding_attention";
    if (!kind.slides && type != "full_attention") throw Failure(at + " is \"" + type + "\"; SmolLM3 has sliding_attention and full_attention");
    if (kind.slides && !may_slide) throw Failure(at + " is sliding_attention, but use_sliding_window and sliding_window do not give a window");
    kinds.push_back(kind);
  }
  return kinds;
}

// Megatron's lists say 1 of a layer that is told no positions, and of one that has a window: (keys before the query, keys after it).
inline void kinds_to_megatron(const Config& hf, const Config& megatron) {
  const auto kinds = kinds_of(hf);
  bool any = false;
  megatron.set_list("no_rope_freq");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    megatron.set(Config::at("no_rope_freq", static_cast<std::int64_t>(i)), std::int64_t{!kinds[i].positions});
    any = any || kinds[i].slides;
  }
  if (!any) return;
  window_size_to_megatron(hf.integer("sliding_window"), megatron);
  megatron.set_list("window_attn_skip_freq");
  for (std::size_t i = 0; i < kinds.size(); ++i)
    megatron.set(Config::at("window_attn_skip_freq", static_cast<std::int64_t>(i)), std::int64_t{kinds[i].slides});
}

inline void kinds_to_hugging_face(const Config& megatron, const Config& hf) {
  const bool windows = megatron.has("window_size.0");
  hf.set("use_sliding_window", windows);
  sliding_window_to_hugging_face(megatron, hf);
  hf.set_list("no_rope_layers");
  hf.set_list("layer_types");
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i) {
    hf.set(Config::at("no_rope_layers", i), std::int64_t{forward::has_positions(megatron, i)});
    hf.set(Config::at("layer_types", i), windows && forward::has_window(megatron, i) ? "sliding_attention" : "full_attention");
  }
}

}  // namespace smollm
