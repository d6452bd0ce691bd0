#pragma once
// Gemma 4 in numbers.

#include "gemma.hpp"

namespace gemma {

// Of query heads there are as many in every layer; the rest differs by kind of layer.
struct Heads {
  std::int64_t groups{}, width{};
};

struct Decoder {
  Sizes sizes;                           // groups and width: those of layers with a window
  std::vector<bool> global;              // by layer
  Heads global_heads;
  bool key_is_value{};                   // in global layers the key projection makes the values, too
  std::int64_t shared{};                 // so many last layers take keys and values from an earlier one
  bool wide{};                           // and have a feed-forward twice as wide
  std::int64_t input_width{}, input_rows{};  // of the embeddings that every layer gets besides; width 0: none
  std::int64_t experts{}, expert_ffn{};  // 0: dense

  Heads heads(std::int64_t layer) const { return is_global(layer) ? global_heads : Heads{sizes.groups, sizes.width}; }
  bool is_global(std::int64_t layer) const { return global[static_cast<std::size_t>(layer)]; }
  bool is_shared(std::int64_t layer) const { return layer >= sizes.layers - shared; }
  std::int64_t ffn(std::int64_t layer) const { return sizes.ffn * (wide && is_shared(layer) ? 2 : 1); }
};

Decoder decoder_of(const Config& hf);

}  // namespace gemma
