#pragma once
// Whether boxes tile a tensor exactly.

#include <optional>
#include <span>
#include <string>

#include "tensor/shape.hpp"

namespace weighbridge {

// What is wrong with `boxes` as a tiling of a tensor of `shape`, as a clause: a box outside, two that overlap, elements
// that no box covers. Nothing if they cover each element exactly once. Boxes without elements are only checked for
// their bounds. Takes O(n log n) time on grids; what no straight cut divides costs more, and a hostile case is refused.
std::optional<std::string> tiling_fault(const Shape& shape, std::span<const Box> boxes);

}  // namespace weighbridge
