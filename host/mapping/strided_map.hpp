#pragma once
// The one currency of the algebra: a strided, one-to-one map between elements of two tensors, each element named by
// its row-major index. Operators, shards and chunks only ever rewrite one side of such maps.

#include <cstdint>
#include <optional>
#include <vector>

#include "mapping/plan.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

// target[target_base + sum(i_k * target_stride_k)] <-> source[source_base + sum(i_k * source_stride_k)].
// Strides are positive; no index occurs twice on either side.
struct StridedMap {
  std::int64_t source_base{};
  std::int64_t target_base{};
  std::vector<Loop> loops;

  std::int64_t count() const;  // of elements
  StridedMap inverse() const;  // source and target exchanged
  friend bool operator==(const StridedMap&, const StridedMap&) = default;
};

// The first `count` elements, one by one.
StridedMap identity_map(std::int64_t count);

// The part of `map` whose target lies in `box` of a tensor of `shape`, with its target indexed anew: the element at
// coordinates c is at base + sum((c_a - box.offsets_a) * strides_a). This is concatenation, slicing, transposition,
// padding, sharding and chunking in one. A map that does not fit the shape's rows becomes several.
// Nothing if that takes more than kMaxPieces: such an equation is no layout.
std::optional<std::vector<StridedMap>> place_target(const StridedMap& map, const Shape& shape, const Box& box,
                                                    const Shape& strides, std::int64_t base);
inline constexpr std::size_t kMaxPieces = 1 << 16;

// Joins loops that run on contiguously on both sides and orders them by descending target stride. Same elements.
void simplify(StridedMap& map);

}  // namespace weighbridge
