#pragma once
// Makes block-scaled data or scales of a strip of values: a row of blocks.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mapping/plan.hpp"

namespace weighbridge {

// The geometry of an encoded output tensor, row-major in bytes.
struct EncodedShape {
  std::int64_t strips{};        // rows of blocks
  std::int64_t strip_values{};  // float32 values of a whole strip; the last may have fewer rows
  std::int64_t strip_bytes{};   // of the output tensor
};
EncodedShape encoded_shape(const Encoding& encoding);

// What encoding did to values. Both are the same for any order of the strips.
struct EncodingTotals {
  std::uint64_t blocks_kept{}, blocks_new{};  // that kept their original scale, and that got a new one
  double largest_error{};                     // of a value, as a part of the largest magnitude of its block

  void add(const EncodingTotals& other);
};

class BlockEncoder {
 public:
  // `values` are those of strip `strip`; `original` its original scales as stored, or empty. Valid until the next call.
  std::span<const std::byte> encode(const Encoding& encoding, std::int64_t strip, std::span<const float> values,
                                    std::span<const std::byte> original);

  const EncodingTotals& totals() const { return totals_; }

 private:
  void choose_scales(const Encoding& encoding, std::int64_t rows, std::span<const float> values, std::span<const std::byte> original);
  void measure(const Encoding& encoding, std::int64_t rows, std::span<const float> values);
  EncodingTotals totals_;
  std::vector<float> scales_;
  std::vector<std::byte> scale_bytes_, codes_;
};

}  // namespace weighbridge
