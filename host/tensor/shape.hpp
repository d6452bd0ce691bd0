#pragma once
// Shapes and boxes. Elements are counted in std::int64_t; every product of numbers that came from a file goes through
// the checked functions.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/dtype.hpp"

namespace weighbridge {

using Shape = std::vector<std::int64_t>;

inline constexpr std::size_t kMostAxes = 64;  // of a tensor in a file: what torch can hold

// A rectangular part of a tensor: element i of axis a is in it if offsets[a] <= i < offsets[a] + sizes[a].
struct Box {
  Shape offsets;
  Shape sizes;
  friend bool operator==(const Box&, const Box&) = default;
};

std::optional<std::int64_t> checked_multiply(std::int64_t a, std::int64_t b);  // nothing on overflow
std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b);

// Number of elements; nothing if an extent is negative or the product overflows. A scalar ({}) has one element.
std::optional<std::int64_t> element_count(const Shape& shape);
// Bytes of that many elements; nothing on overflow or if they do not fill whole bytes (4- and 6-bit types).
std::optional<std::int64_t> byte_count(const Shape& shape, DType dtype);

// Row-major (C order) strides in elements.
Shape row_major_strides(const Shape& shape);

// The coordinates of the element with this row-major index; extents must not be 0.
Shape coordinates_of(std::int64_t index, const Shape& shape);

Box whole(const Shape& shape);
std::optional<Box> intersection(const Box& a, const Box& b);  // nothing if they share no element
std::string to_string(const Shape& shape);                    // "[4096, 1024]"

}  // namespace weighbridge
