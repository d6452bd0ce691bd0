#pragma once
// The operators of the algebra as plain loops over arrays that know where each element came from.

#include <algorithm>
#include <vector>

#include "elements.hpp"

namespace weighbridge::testing {

struct Origin {
  std::int64_t leaf{-1};  // -1: padding
  std::int64_t element{};
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct PlainArray {
  Shape shape;
  std::vector<Origin> cells;  // row-major

  const Origin& at(const Shape& coordinates) const {
    return cells[static_cast<std::size_t>(index_of(coordinates, shape))];
  }
};

// The array of `shape` whose element at coordinates c is cell(c).
PlainArray filled(const Shape& shape, auto&& cell) {
  PlainArray array{shape, {}};
  const auto count = element_count(shape).value();
  for (std::int64_t i = 0; i < count; ++i) array.cells.push_back(cell(coordinates_of(i, shape)));
  return array;
}

inline PlainArray plain_tensor(std::int64_t leaf, const Shape& shape) {
  return filled(shape, [&](const Shape& at) { return Origin{leaf, index_of(at, shape)}; });
}

// Takes turns: extent / groups indices of each operand, `groups` times. One group is concatenation.
inline PlainArray plain_interleave(std::size_t axis, std::int64_t groups, const std::vector<PlainArray>& operands) {
  auto shape = operands.front().shape;
  shape[axis] = 0;
  for (const auto& operand : operands) shape[axis] += operand.shape[axis];
  std::vector<std::pair<std::size_t, std::int64_t>> order;  // operand and index, along the axis
  for (std::int64_t group = 0; group < groups; ++group)
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const auto part = operands[k].shape[axis] / groups;
      for (std::int64_t i = 0; i < part; ++i) order.emplace_back(k, group * part + i);
    }
  return filled(shape, [&](Shape at) {
    const auto [k, index] = order[static_cast<std::size_t>(at[axis])];
    at[axis] = index;
    return operands[k].at(at);
  });
}

inline PlainArray plain_slice(const PlainArray& operand, std::size_t axis, std::int64_t begin, std::int64_t end) {
  auto shape = operand.shape;
  shape[axis] = end - begin;
  return filled(shape, [&](Shape at) {
    at[axis] += begin;
    return operand.at(at);
  });
}

inline PlainArray plain_stack(std::size_t axis, const std::vector<PlainArray>& operands) {
  auto shape = operands.front().shape;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<std::int64_t>(operands.size()));
  return filled(shape, [&](Shape at) {
    const auto& operand = operands[static_cast<std::size_t>(at[axis])];
    at.erase(at.begin() + static_cast<std::ptrdiff_t>(axis));
    return operand.at(at);
  });
}

inline PlainArray plain_transpose(const PlainArray& operand, const Shape& permutation) {
  Shape shape;
  for (const auto axis : permutation) shape.push_back(operand.shape[static_cast<std::size_t>(axis)]);
  return filled(shape, [&](const Shape& at) {
    Shape from(at.size());
    for (std::size_t axis = 0; axis < at.size(); ++axis) from[static_cast<std::size_t>(permutation[axis])] = at[axis];
    return operand.at(from);
  });
}

inline PlainArray plain_pad(const PlainArray& operand, std::size_t axis, std::int64_t extent) {
  auto shape = operand.shape;
  shape[axis] = extent;
  return filled(shape, [&](const Shape& at) { return at[axis] < operand.shape[axis] ? operand.at(at) : Origin{}; });
}

}  // namespace weighbridge::testing
