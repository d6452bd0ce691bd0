#pragma once
// What a config.json of DeepSeek V4 says of layers, in either of its spellings: that of the published files (compress_ratios,
// num_hash_layers, qk_rope_head_dim, rope_scaling) and that of transformers (layer_types, mlp_layer_types, partial_rotary_factor,
// rope_parameters of "main" and "compress").

#include <weighbridge/config.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace deepseek_v4 {

using namespace weighbridge;

// How many tokens the attention of a layer joins in one: 0, none: it sees a window only; 4, with an indexer that selects; 128.
struct Ratios {
  std::vector<std::int64_t> of_layers;       // num_hidden_layers of them
  std::vector<std::int64_t> of_predictions;  // num_nextn_predict_layers of them
};
Ratios ratios_of(const Config& hf);

// The first layers, whose experts follow from the token alone.
std::int64_t hash_layers_of(const Config& hf);

// Of a head: features that positions turn.
std::int64_t rotary_width(const Config& hf);

struct Positions {
  double base{}, compressed_base{};  // of layers that see a window only; of the others
  double factor{1};                  // YaRN's, of the others
  std::int64_t original{};
  double fast{32}, slow{1};
};
Positions positions_of(const Config& hf);

// Layers of the source that predict further tokens. transformers leaves them out when it saves.
std::int64_t predictions_of(const Config& hf);

}  // namespace deepseek_v4
