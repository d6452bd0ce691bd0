#include "engine/block_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/block_codec.hpp"

namespace weighbridge {

EncodedShape encoded_shape(const Encoding& encoding) {
  const auto& form = encoding.form;
  const auto strips = (form.rows() - 1) / form.block_rows + 1;
  const auto values = std::min(form.block_rows, form.rows()) * form.columns();
  const auto bytes = encoding.part == Encoding::Part::data
                         ? form.block_rows * form.columns() * bits(form.codec) / 8
                         : form.block_grid_columns() * static_cast<std::int64_t>(scale_bytes(encoding.scales_dtype));
  return {strips, values, bytes};
}

// A block keeps its scale where that gives its values back exactly; else it gets a new one.
void BlockEncoder::choose_scales(const Encoding& encoding, std::int64_t rows, std::span<const float> values, std::span<const std::byte> original) {
  const auto& form = encoding.form;
  const auto columns = form.columns(), blocks = form.block_grid_columns();
  const auto width = scale_bytes(encoding.scales_dtype);
  scales_.resize(static_cast<std::size_t>(blocks));
  scale_bytes_.resize(static_cast<std::size_t>(blocks) * width);
  if (!encoding.scaled) return scales_.assign(static_cast<std::size_t>(blocks), 1.0F);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto begin = block * form.block_columns, wide = std::min(form.block_columns, columns - begin);
    const auto* first = values.data() + begin;
    auto* bytes = scale_bytes_.data() + static_cast<std::size_t>(block) * width;
    auto& scale = scales_[static_cast<std::size_t>(block)];
    if (!original.empty()) {
      const auto* kept = original.data() + static_cast<std::size_t>(block) * width;
      scale = scale_from_bytes(encoding.scales_dtype, kept);
      if (gives_back(form.codec, first, rows, wide, columns, scale, encoding.held)) {
        std::memcpy(bytes, kept, width);
        totals_.blocks_kept += encoding.part == Encoding::Part::scales;
        continue;
      }
    }
    float largest = 0;
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t column = 0; column < wide; ++column)
        if (const auto magnitude = std::fabs(first[row * columns + column]); std::isfinite(magnitude)) largest = std::max(largest, magnitude);
    scale = nearest_scale(form.codec, largest, encoding.scales_dtype);
    scale_to_bytes(scale, encoding.scales_dtype, bytes);
    totals_.blocks_new += encoding.part == Encoding::Part::scales;
  }
}

void EncodingTotals::add(const EncodingTotals& other) {
  blocks_kept += other.blocks_kept;
  blocks_new += other.blocks_new;
  largest_error = std::max(largest_error, other.largest_error);
}

// How far the values are from what their codes give back.
void BlockEncoder::measure(const Encoding& encoding, std::int64_t rows, std::span<const float> values) {
  const auto& form = encoding.form;
  const auto columns = form.columns();
  for (std::int64_t block = 0; block < form.block_grid_columns(); ++block) {
    const auto begin = block * form.block_columns, end = std::min(begin + form.block_columns, columns);
    const auto scale = scales_[static_cast<std::size_t>(block)];
    double largest = 0, error = 0;
    for (std::int64_t row = 0; row < rows; ++row)
      for (auto column = begin; column < end; ++column) {
        const auto value = values[static_cast<std::size_t>(row * columns + column)];
        if (!std::isfinite(value)) continue;
        largest = std::max(largest, std::fabs(double{value}));
        error = std::max(error, std::fabs(double{value} - double{decoded_value(form.codec, encode_value(form.codec, value, scale), scale)}));
      }
    if (largest > 0) totals_.largest_error = std::max(totals_.largest_error, error / largest);
  }
}

std::span<const std::byte> BlockEncoder::encode(const Encoding& encoding, std::int64_t strip, std::span<const float> values,
                                                std::span<const std::byte> original) {
  const auto& form = encoding.form;
  const auto columns = form.columns();
  const auto rows = std::min(form.block_rows, form.rows() - strip * form.block_rows);
  choose_scales(encoding, rows, values, original);
  if (encoding.part == Encoding::Part::scales) return scale_bytes_;
  measure(encoding, rows, values);
  codes_.assign(static_cast<std::size_t>(rows * columns * bits(form.codec) / 8), std::byte{0});
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const auto code = encode_value(form.codec, values[static_cast<std::size_t>(i)],
                                   scales_[static_cast<std::size_t>(i % columns / form.block_columns)]);
    if (bits(form.codec) == 8)
      codes_[static_cast<std::size_t>(i)] = std::byte{code};
    else
      codes_[static_cast<std::size_t>(i / 2)] |= std::byte{code} << (i % 2 == 0 ? 0 : 4);
  }
  return codes_;
}

}  // namespace weighbridge
