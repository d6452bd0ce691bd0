#include "layer_kinds.hpp"

#include <weighbridge/forward/megatron_config.hpp>
#include <weighbridge/translation.hpp>

#include <string>

namespace exaone {
namespace {

using namespace weighbridge;

// As the config classes take it where there are no layer_types.
bool slides_by_pattern(const Config& hf, std::int64_t layer, std::int64_t layers) {
  const std::string field = "sliding_window_pattern";
  if (hf.is_text(field)) {
    const auto pattern = hf.string(field, "");
    if (pattern.empty() || pattern.find_first_not_of("LG") != std::string::npos)
      throw Failure(field + " is \"" + pattern + "\"; it should be letters L, for a window, and G");
    return layer + 1 != layers && pattern[static_cast<std::size_t>(layer) % pattern.size()] == 'L';
  }
  if (hf.is_null(field)) throw Failure(field + " is null, and sliding_window is not; layer_types should say which layers have the window");
  const auto period = hf.integer(field, 4);
  if (period < 1) throw Failure(field + " is " + std::to_string(period) + "; every layer counts from 1");
  return (layer + 1) % period != 0;
}

// The shortest pattern of layers with a window and one without that gives these layers; empty if none does.
std::string pattern_of(const LayerKinds& kinds) {
  const auto layers = static_cast<std::int64_t>(kinds.sliding.size());
  for (std::int64_t period = 1; period <= layers; ++period) {
    bool fits = true;
    for (std::int64_t i = 0; i < layers && fits; ++i) fits = kinds.is_sliding(i) == (i + 1 != layers && (i + 1) % period != 0);
    if (fits) return std::string(static_cast<std::size_t>(period) - 1, 'L') + 'G';
  }
  return {};
}

}  // namespace

LayerKinds kinds_of(const Config& hf, std::int64_t layers) {
  LayerKinds kinds;
  if (!hf.is_null("sliding_window")) kinds.window = hf.integer("sliding_window", 4096);
  if (kinds.window && *kinds.window < 1) throw Failure("sliding_window is " + std::to_string(*kinds.window) + "; it should be 1 or more, or null");
  const auto stated = hf.find_count("layer_types");
  if (stated && *stated != layers) throw Failure("layer_types has " + std::to_string(*stated) + " entries for " + std::to_string(layers) + " layers");
  for (std::int64_t i = 0; i < layers; ++i) {
    if (!stated) {
      kinds.sliding.push_back(kinds.window && slides_by_pattern(hf, i, layers));
      continue;
    }
    const auto at = Config::at("layer_types", i);
    const auto type = hf.string(at, "");
    if (type != "full_attention" && type != "sliding_attention") throw Failure(at + " is " + type + "; EXAONE has full_attention and sliding_attention");
    kinds.sliding.push_back(type == "sliding_attention");
  }
  return kinds;
}

void kinds_to_megatron(const LayerKinds& kinds, const Config& megatron) {
  if (kinds.window) window_size_to_megatron(*kinds.window, megatron);
  for (const auto* list : {"window_attn_skip_freq", "no_rope_freq"}) megatron.set_list(list);
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(kinds.sliding.size()); ++i) {
    megatron.set(Config::at("window_attn_skip_freq", i), kinds.is_sliding(i) ? 1 : 0);
    megatron.set(Config::at("no_rope_freq", i), kinds.has_positions(i) ? 0 : 1);
  }
}

void kinds_to_hugging_face(const Config& megatron, const Config& hf) {
  const auto layers = megatron.integer("num_layers");
  LayerKinds kinds;
  kinds.window = window_of_megatron(megatron);
  hf.set_list("layer_types");
  for (std::int64_t i = 0; i < layers; ++i) {
    // Megatron's documents without a window need not say anything of it.
    const auto listed = forward::listed(megatron, "window_attn_skip_freq", i);
    kinds.sliding.push_back(kinds.window ? forward::has_window(megatron, i) : listed.value_or(false));
    if (forward::has_positions(megatron, i) != kinds.has_positions(i))
      throw Failure("no_rope_freq: layer " + std::to_string(i) + (kinds.has_positions(i) ? " is told no positions" : " is told positions") +
                    "; EXAONE tells them to all layers, or to those with a window where there is one");
    hf.set(Config::at("layer_types", i), kinds.is_sliding(i) ? "sliding_attention" : "full_attention");
  }
  hf.set_null("sliding_window");
  hf.set_null("sliding_window_pattern");
  if (!kinds.window) return;
  hf.set("sliding_window", *kinds.window);
  if (const auto pattern = pattern_of(kinds); !pattern.empty()) hf.set("sliding_window_pattern", pattern);
}

}  // namespace exaone
