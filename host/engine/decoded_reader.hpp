#pragma once
// Reads the values of a block-scaled tensor as if they were bytes of a file.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/block_decoder.hpp"
#include "engine/gather.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// All of `into`, from a file of the plan's sources.
using ReadSource = std::function<Status(std::uint32_t source_file, std::uint64_t offset, std::span<std::byte> into)>;

// For one thread; keeps the scales it read last. Values are float32, or rounded to BF16 or F16 on the way: `type`. Reads must begin and
// end between values.
class DecodedReader : public ByteSource {
 public:
  DecodedReader(const DecodedSource& source, DType type, ReadSource read);
  DType type() const { return type_; }
  Status read(std::uint64_t offset, std::span<std::byte> into) override;

 private:
  Status read_scales(std::int64_t block_row);
  void decode_rows(std::int64_t first, std::int64_t count, std::byte* into);
  RowScales scales(std::int64_t block_row, std::int64_t column) const;

  const DecodedSource* source_;
  DType type_;
  ReadSource read_;
  std::vector<std::byte> codes_;
  std::vector<float> scales_;  // of the block rows [scales_begin_, scales_end_)
  std::int64_t scales_begin_{}, scales_end_{};
};

}  // namespace weighbridge
