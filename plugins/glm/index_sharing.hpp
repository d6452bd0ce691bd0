#pragma once
// Which layers select tokens with an indexer of their own, and which see those that the last one before them selected.

#include <weighbridge/config.hpp>

#include <cstdint>

namespace glm {

// As Megatron-Core counts: layers up to number `offset` (from one) have an indexer, and behind them every `period`-th.
struct IndexSharing {
  std::int64_t period{1}, offset{};

  // Layers are counted from nought.
  bool has_indexer(std::int64_t layer) const;
};

// config.json may list the layers (indexer_types), draw them ("FSSF", index_topk_pattern), or count them. What Megatron-Core
// cannot count is refused.
IndexSharing index_sharing_of(const weighbridge::Config& hf, std::int64_t layers);
void index_sharing_to_megatron(const IndexSharing& sharing, const weighbridge::Config& megatron);
void index_sharing_to_hugging_face(const weighbridge::Config& megatron, const weighbridge::Config& hf);

}  // namespace glm
