#pragma once
// What config.json says of the layers of MiMo-V2-Flash.

#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>

namespace mimo {

using namespace weighbridge;

inline std::int64_t value_width(const Config& c) { return c.integer("v_head_dim", head_width(c)); }

struct Groups {
  std::int64_t everywhere{}, window{};  // of layers that attend to everything, and of those with a window
};
inline Groups groups_of(const Config& c) {
  const auto everywhere = c.integer("num_key_value_heads", c.integer("num_attention_heads"));
  return {everywhere, c.integer("swa_num_key_value_heads", everywhere)};
}

// Old files give a distance instead of the list: every so many layers, one attends to everything.
inline bool has_window(const Config& c, std::int64_t layer) {
  if (!c.has("hybrid_layer_pattern") && c.has("hybrid_block_size")) {
    const auto distance = c.integer("hybrid_block_size");
    if (distance < 1) throw Failure("hybrid_block_size is " + std::to_string(distance) + "; it counts layers, from 1 on");
    return (layer + 1) % distance != 0;
  }
  return c.integer(Config::at("hybrid_layer_pattern", layer)) != 0;
}
inline bool is_mixture(const Config& c, std::int64_t layer) { return c.integer(Config::at("moe_layer_freq", layer)) != 0; }

}  // namespace mimo
