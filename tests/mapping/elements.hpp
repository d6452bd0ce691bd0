#pragma once
// Tensors small enough to look at one element at a time: the plain model that maps are compared with.

#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mapping/expression.hpp"

namespace weighbridge::testing {

// (target, source) of every element of `map`, in the order of its loops.
inline std::vector<std::pair<std::int64_t, std::int64_t>> elements_of(const StridedMap& map) {
  std::vector<std::pair<std::int64_t, std::int64_t>> elements{{map.target_base, map.source_base}};
  for (const auto& loop : map.loops) {
    std::vector<std::pair<std::int64_t, std::int64_t>> more;
    for (const auto& [target, source] : elements)
      for (std::int64_t i = 0; i < loop.extent; ++i)
        more.emplace_back(target + i * loop.target_stride, source + i * loop.source_stride);
    elements = std::move(more);
  }
  return elements;
}

// Source by target; no target may occur twice.
inline std::map<std::int64_t, std::int64_t> sources_of(const std::vector<StridedMap>& maps) {
  std::map<std::int64_t, std::int64_t> sources;
  for (const auto& map : maps)
    for (const auto& [target, source] : elements_of(map))
      EXPECT_TRUE(sources.emplace(target, source).second) << "target " << target << " twice";
  return sources;
}

inline Shape coordinates_of(std::int64_t index, const Shape& shape) {
  Shape at(shape.size());
  for (auto axis = shape.size(); axis-- > 0; index /= shape[axis]) at[axis] = index % shape[axis];
  return at;
}

inline std::int64_t index_of(const Shape& at, const Shape& shape) {
  std::int64_t index = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) index = index * shape[axis] + at[axis];
  return index;
}

// The elements of `expression` where those of leaf number n, counted from 1, say where they come from, two digits a
// coordinate: 10203 is row 2, column 3 of the first leaf. Zero where no leaf gives one.
inline std::vector<std::int64_t> values(const Algebra& algebra, const Expression& expression) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(element_count(expression.shape).value()), 0);
  for (const auto& piece : expression.pieces)
    for (const auto& [target, source] : elements_of(piece.map)) {
      std::int64_t value = piece.leaf + 1;
      for (const auto at : coordinates_of(source, algebra.leaves()[piece.leaf].shape)) value = value * 100 + at;
      auto& place = result.at(static_cast<std::size_t>(target));
      EXPECT_EQ(place, 0) << "element " << target << " twice";
      place = value;
    }
  return result;
}

// Reproducible choices.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_{seed} {}
  std::int64_t between(std::int64_t low, std::int64_t high) {  // both included
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::size_t below(std::size_t count) {
    return static_cast<std::size_t>(between(0, static_cast<std::int64_t>(count) - 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }

 private:
  std::mt19937 engine_;
};

}  // namespace weighbridge::testing
