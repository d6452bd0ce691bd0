#pragma once
// Small matrices, turned in registers.

#include <cstddef>
#include <cstdint>

namespace weighbridge {

// Rows and columns of the square that transpose_square turns; 1 for widths that it does not know.
std::int64_t square_side(std::int64_t width);

// For a square of elements of that width (1, 2 or 4 bytes): the element at source[j * source_step + i * width] becomes
// target[i * target_step + j * width]. Steps are in bytes; nothing needs to be aligned; the memories must not overlap.
void transpose_square(std::int64_t width, const std::byte* source, std::int64_t source_step, std::byte* target,
                      std::int64_t target_step);

}  // namespace weighbridge
