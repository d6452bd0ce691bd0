#pragma once
// From the codes of block-scaled values to the values, many at a time.

#include <cstddef>

#include "engine/instructions.hpp"
#include "mapping/codec.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {

// The scales of a row of blocks, one for each `block` values. What is decoded begins with value `begin` of the row of values
// that the first of them belongs to. Not owned; null: all are 1.
struct RowScales {
  const float* values{};
  std::size_t block{1};
  std::size_t begin{};
};

// `count` values of one row from codes, times their scales in float32, rounded to `type`: F32, BF16 or F16. `skip` values of the first
// byte are left out (0 or 1; only of half bytes). `into` needs no alignment. The result is the same for any instructions.
void decode_row(Codec codec, const std::byte* codes, std::size_t skip, std::size_t count, const RowScales& scales, DType type, std::byte* into,
                Instructions instructions = Instructions::best);

}  // namespace weighbridge
