#pragma once
// Moves elements within memory, from one arrangement to another.

#include <cstddef>

#include "engine/element.hpp"
#include "engine/nest.hpp"

namespace weighbridge {

// For every element of `nest` (levels by descending target step): target[its target offset] becomes the element at
// source[its source offset], through `element`. The nest's own source and target offsets are not looked at, the
// pointers already include them; source steps may have any sign. The memories must not overlap.
void rearrange(const Nest& nest, const Element& element, const std::byte* source, std::byte* target);

}  // namespace weighbridge
