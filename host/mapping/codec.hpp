#pragma once
// Block-scaled storage of weights: what a number of bytes and a grid of scales mean. Layouts: FP8 files with _scale_inv,
// the OCP Microscaling formats 1.0 (MXFP4), compressed-tensors' packed INT4.

#include <cstdint>
#include <optional>
#include <string_view>

#include "tensor/dtype.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

enum class Codec : std::uint8_t {
  fp8_e4m3 = 1,  // a byte a value
  mxfp4,         // E2M1, two values a byte, the first in the low half
  int4,          // eight values an I32, the first in the lowest half byte; 8 stands for zero
};
std::optional<Codec> codec_from_name(std::string_view name);  // as weighbridge/abi.h spells them
std::string_view to_string(Codec codec);
int bits(Codec codec);  // a value takes

// A tensor of block-scaled values. Its rows are all axes but the last taken together; blocks at the lower and right edge
// are shorter where the block does not divide the shape.
struct BlockScaled {
  Codec codec{};
  std::int64_t block_rows{}, block_columns{};
  Shape shape;  // of the values

  std::int64_t columns() const;
  std::int64_t rows() const;
  std::int64_t block_grid_columns() const;  // scales of one row of blocks
  std::int64_t scale_count() const;

  friend bool operator==(const BlockScaled&, const BlockScaled&) = default;
};

// Whether `type` may hold the values or the scales of a codec.
bool holds_values(Codec codec, DType type);
bool holds_scales(Codec codec, DType type);

}  // namespace weighbridge
