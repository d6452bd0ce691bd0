#include "tensor/shape.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weighbridge {

std::optional<std::int64_t> checked_multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

std::optional<std::int64_t> element_count(const Shape& shape) {
  std::int64_t count = 1;
  bool empty = false;
  for (const auto extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) { empty = true; continue; }  // a later extent may still be negative or too large
    const auto product = checked_multiply(count, extent);
    if (!product) return std::nullopt;
    count = *product;
  }
  return empty ? 0 : count;
}

std::optional<std::int64_t> byte_count(const Shape& shape, DType dtype) {
  const auto count = element_count(shape);
  if (!count) return std::nullopt;
  const auto total = checked_multiply(*count, bits(dtype));
  if (!total || *total % 8 != 0) return std::nullopt;
  return *total / 8;
}

Shape row_major_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * std::max<std::int64_t>(shape[axis], 1);
  return strides;
}

Shape coordinates_of(std::int64_t index, const Shape& shape) {
  Shape coordinates(shape.size());
  for (auto axis = shape.size(); axis-- > 0; index /= shape[axis]) coordinates[axis] = index % shape[axis];
  return coordinates;
}

Box whole(const Shape& shape) { return {Shape(shape.size(), 0), shape}; }

std::optional<Box> intersection(const Box& a, const Box& b) {
  Box both;
  for (std::size_t axis = 0; axis < a.offsets.size(); ++axis) {
    const auto begin = std::max(a.offsets[axis], b.offsets[axis]);
    const auto end = std::min(a.offsets[axis] + a.sizes[axis], b.offsets[axis] + b.sizes[axis]);
    if (begin >= end) return std::nullopt;
    both.offsets.push_back(begin);
    both.sizes.push_back(end - begin);
  }
  return both;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace weighbridge
