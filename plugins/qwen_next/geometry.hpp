#pragma once
// What config.json says of the shape of a model, with the config classes' defaults where it says nothing.

#include <weighbridge/config.hpp>

#include <cstdint>

namespace qwen_next {

// Where the three families differ: the defaults of their config classes, and whether layers have experts.
struct Generation {
  std::int64_t layers, hidden, groups, rows;  // num_hidden_layers, hidden_size, num_key_value_heads, vocab_size
  std::int64_t ffn;                           // intermediate_size; 0 where the class has none
  std::int64_t experts, experts_per_token;    // num_experts, num_experts_per_tok; 0: none
  bool next;                                  // Qwen3-Next, with its own names, file layout and fields
};
inline constexpr Generation kQwen3Next{48, 2048, 2, 151936, 5632, 512, 10, true};
inline constexpr Generation kQwen35{32, 4096, 4, 248320, 12288, 0, 0, false};
inline constexpr Generation kQwen35Moe{40, 2048, 2, 248320, 0, 256, 8, false};

struct Geometry {
  std::int64_t layers, hidden, rows;
  std::int64_t heads, groups, width;                          // attention; width of a head
  std::int64_t key_heads, value_heads, key_width, value_width, kernel;  // gated DeltaNet; kernel of its convolution
  std::int64_t ffn;
  std::int64_t experts, expert_width, shared_width;           // experts is 0 where no layer has any

  std::int64_t queries() const { return heads * width; }
  std::int64_t keys() const { return groups * width; }
  std::int64_t linear_keys() const { return key_heads * key_width; }
  std::int64_t linear_values() const { return value_heads * value_width; }
};

// Refuses what the equations do not cover.
Geometry geometry_of(const weighbridge::Config& hf, const Generation& generation);

// Whether layer `index` is a gated DeltaNet, and whether its MLP is a mixture of experts.
bool is_linear(const weighbridge::Config& hf, std::int64_t index);
bool is_sparse(const weighbridge::Config& hf, const Generation& generation, std::int64_t index);

// Layers of multi-token prediction that config.json states.
std::int64_t stated_predictions(const weighbridge::Config& hf);

}  // namespace qwen_next
