#include "engine/decoded_reader.hpp"

#include <algorithm>
#include <utility>

#include "engine/block_codec.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kPiece = 512 << 10;       // values that are decoded at a time: reads so long go around the cache
constexpr std::int64_t kScalesAtOnce = 16 << 10;  // scales that are read at a time, but at least a row of blocks

}  // namespace

DecodedReader::DecodedReader(const DecodedSource& source, DType type, ReadSource read) : source_{&source}, type_{type}, read_{std::move(read)} {}

// Decodes piece by piece; a piece lies within the rows of blocks whose scales are held.
Status DecodedReader::read(std::uint64_t offset, std::span<std::byte> into) {
  const auto& form = source_->form;
  const auto width = static_cast<std::size_t>(bits(type_) / 8);
  auto first = static_cast<std::int64_t>(offset / width);
  const auto end = first + static_cast<std::int64_t>(into.size() / width);
  const auto strip = form.columns() * form.block_rows;
  auto* target = into.data();
  while (first < end) {
    if (auto status = read_scales(first / strip); !status) return status;
    const auto held = source_->scales ? scales_end_ * strip : end;
    const auto count = std::min({end, held, first + kPiece}) - first;
    const auto begin_byte = first * bits(form.codec) / 8, end_byte = ((first + count) * bits(form.codec) + 7) / 8;
    codes_.resize(static_cast<std::size_t>(end_byte - begin_byte));
    if (auto status = read_(source_->data.source_file, source_->data.offset + static_cast<std::uint64_t>(begin_byte), codes_); !status)
      return status;
    decode_rows(first, count, target);
    target += static_cast<std::size_t>(count) * width;
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

RowScales DecodedReader::scales(std::int64_t block_row, std::int64_t column) const {
  if (!source_->scales) return {};
  const auto first = (block_row - scales_begin_) * source_->form.block_grid_columns();
  return {scales_.data() + first, static_cast<std::size_t>(source_->form.block_columns), static_cast<std::size_t>(column)};
}

// codes_ begins with the byte that holds value `first`.
void DecodedReader::decode_rows(std::int64_t first, std::int64_t count, std::byte* into) {
  const auto& form = source_->form;
  const bool halves = bits(form.codec) == 4;
  const auto columns = form.columns();
  const auto start = halves ? first & ~std::int64_t{1} : first;  // the value that codes_ begins with
  for (auto value = first; value < first + count;) {
    const auto row = value / columns, column = value % columns;
    const auto run = std::min(columns - column, first + count - value);
    const auto inside = value - start;
    decode_row(form.codec, codes_.data() + (halves ? inside / 2 : inside), static_cast<std::size_t>(halves ? inside % 2 : 0),
               static_cast<std::size_t>(run), scales(row / form.block_rows, column), type_, into);
    into += run * (bits(type_) / 8);
    value += run;
  }
}

}  // namespace weighbridge
