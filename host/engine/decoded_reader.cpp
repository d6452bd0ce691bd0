#include "engine/decoded_reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "engine/block_codec.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kPiece = 64 << 10;        // values that are decoded at a time
constexpr std::int64_t kScalesAtOnce = 16 << 10;  // scales that are read at a time, but at least a row of blocks

}  // namespace

DecodedReader::DecodedReader(const DecodedSource& source, ReadSource read) : source_{&source}, read_{std::move(read)} {}

// Decodes piece by piece; a piece lies within one row of blocks, so that one read of scales serves it.
Status DecodedReader::read(std::uint64_t offset, std::span<std::byte> into) {
  const auto& form = source_->form;
  auto first = static_cast<std::int64_t>(offset / sizeof(float));
  const auto end = first + static_cast<std::int64_t>(into.size() / sizeof(float));
  const auto strip = form.columns() * form.block_rows;
  auto* target = into.data();
  while (first < end) {
    const auto block_row = first / strip;
    const auto count = std::min({end, (block_row + 1) * strip, first + kPiece}) - first;
    if (auto status = read_scales(block_row); !status) return status;
    const auto begin_byte = first * bits(form.codec) / 8, end_byte = ((first + count) * bits(form.codec) + 7) / 8;
    codes_.resize(static_cast<std::size_t>(end_byte - begin_byte));
    if (auto status = read_(source_->data.source_file, source_->data.offset + static_cast<std::uint64_t>(begin_byte), codes_); !status)
      return status;
    decode_rows(first, count, target);
    target += static_cast<std::size_t>(count) * sizeof(float);
    first += count;
  }
  return done();
}

Status DecodedReader::read_scales(std::int64_t block_row) {
  if (!source_->scales || (block_row >= scales_begin_ && block_row < scales_end_)) return done();
  const auto& form = source_->form;
  const auto columns = form.block_grid_columns(), rows = form.scale_count() / columns;
  const auto taken = std::min(rows - block_row, std::max(std::int64_t{1}, kScalesAtOnce / columns));
  const auto width = scale_bytes(source_->scales->dtype);
  std::vector<std::byte> bytes(static_cast<std::size_t>(taken * columns) * width);
  const auto at = source_->scales->offset + static_cast<std::uint64_t>(block_row * columns) * width;
  if (auto status = read_(source_->scales->source_file, at, bytes); !status) return status;
  scales_.resize(static_cast<std::size_t>(taken * columns));
  for (std::size_t i = 0; i < scales_.size(); ++i) scales_[i] = scale_from_bytes(source_->scales->dtype, bytes.data() + i * width);
  scales_begin_ = block_row;
  scales_end_ = block_row + taken;
  return done();
}

float DecodedReader::scale(std::int64_t block_row, std::int64_t block_column) const {
  if (!source_->scales) return 1;
  return scales_[static_cast<std::size_t>((block_row - scales_begin_) * source_->form.block_grid_columns() + block_column)];
}

// codes_ begins with the byte that holds value `first`. `into` need not be aligned.
void DecodedReader::decode_rows(std::int64_t first, std::int64_t count, std::byte* into) {
  const auto& form = source_->form;
  const bool halves = bits(form.codec) == 4;
  const auto columns = form.columns();
  const auto start = halves ? first & ~std::int64_t{1} : first;  // the value that codes_ begins with
  std::array<float, 256> values;
  for (auto value = first; value < first + count;) {
    const auto row = value / columns, column = value % columns;
    const auto block_end = std::min((column / form.block_columns + 1) * form.block_columns, columns) - column;
    const auto run = std::min({block_end, first + count - value, static_cast<std::int64_t>(values.size())});
    const auto inside = value - start;
    decode_run(form.codec, codes_.data() + (halves ? inside / 2 : inside), halves ? inside % 2 : 0, run,
               scale(row / form.block_rows, column / form.block_columns), values.data());
    std::memcpy(into, values.data(), static_cast<std::size_t>(run) * sizeof(float));
    into += static_cast<std::size_t>(run) * sizeof(float);
    value += run;
  }
}

}  // namespace weighbridge
