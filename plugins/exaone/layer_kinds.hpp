#pragma once
// Which layers of EXAONE 4 and EXAONE-MoE attend to a window. In a model with a window only these are told positions.

#include <weighbridge/config.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace exaone {

struct LayerKinds {
  std::optional<std::int64_t> window;  // so many keys are seen, the query's own included
  std::vector<bool> sliding;           // of every layer

  bool is_sliding(std::int64_t layer) const { return sliding[static_cast<std::size_t>(layer)]; }
  bool has_window(std::int64_t layer) const { return window && is_sliding(layer); }
  bool has_positions(std::int64_t layer) const { return !window || is_sliding(layer); }
};

// By layer_types, else by sliding_window_pattern: "LLLG" over and over, the last layer always global, or every n-th global.
LayerKinds kinds_of(const weighbridge::Config& hf, std::int64_t layers);

void kinds_to_megatron(const LayerKinds& kinds, const weighbridge::Config& megatron);

// Refused where a Megatron model tells positions to other layers than those with a window.
void kinds_to_hugging_face(const weighbridge::Config& megatron, const weighbridge::Config& hf);

}  // namespace exaone
