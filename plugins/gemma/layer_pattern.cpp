// Which layers attend to everything before them.

#include "gemma.hpp"

#include <algorithm>

namespace gemma {

std::vector<bool> global_layers(const Config& hf, std::int64_t layers, std::int64_t period) {
  std::vector<bool> global;
  const auto stated = hf.find_count("layer_types");
  if (stated && *stated != layers)
    throw Failure("layer_types has " + std::to_string(*stated) + " entries for " + std::to_string(layers) + " layers");
  if (!stated && period < 1) throw Failure("sliding_window_pattern is " + std::to_string(period) + "; every layer counts from 1");
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto at = Config::at("layer_types", i);
    const auto type = stated ? hf.string(at, "") : (i + 1) % period == 0 ? "full_attention" : "sliding_attention";
    if (type != "full_attention" && type != "sliding_attention")
      throw Failure(at + " is " + type + "; Gemma has full_attention and sliding_attention");
    global.push_back(type == "full_attention");
  }
  return global;
}

std::int64_t period_of(const std::vector<bool>& global) {
  const auto layers = static_cast<std::int64_t>(global.size()), first = std::ranges::find(global, true) - global.begin();
  // Without a global layer any period beyond the last one does; 6 is Gemma's.
  const auto period = first < layers ? first + 1 : std::max<std::int64_t>(layers + 1, 6);
  for (std::int64_t i = 0; i < layers; ++i)
    if (global[static_cast<std::size_t>(i)] != ((i + 1) % period == 0))
      throw Failure("layer_types makes layer " + std::to_string(i) + " leave the pattern of the layers before it: so many with a window, "
                    "then one with full attention; Megatron's model repeats one pattern");
  return period;
}

void pattern_to_megatron(const std::vector<bool>& global, const Config& megatron) {
  megatron.set_list("interleaved_attn_pattern");
  megatron.set("interleaved_attn_pattern.0", period_of(global) - 1);
  megatron.set("interleaved_attn_pattern.1", 1);
}

std::int64_t period_of(const Config& megatron) {
  return megatron.integer("interleaved_attn_pattern.0", 5) + megatron.integer("interleaved_attn_pattern.1", 1);
}

}  // namespace gemma
