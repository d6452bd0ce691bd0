#pragma once
// Values written out, and how close computed ones must come.

#include <weighbridge/forward/matrix.hpp>

#include <gmock/gmock.h>

#include <vector>

namespace weighbridge::test {

inline forward::Matrix rows(const std::vector<std::vector<float>>& values) {
  forward::Matrix result{static_cast<std::int64_t>(values.size()), static_cast<std::int64_t>(values.at(0).size())};
  for (std::size_t i = 0; i < values.size(); ++i) std::copy(values[i].begin(), values[i].end(), result.row(static_cast<std::int64_t>(i)));
  return result;
}

// A matcher: as many values, each within 1e-5 of its size.
inline auto near(const std::vector<float>& expected) {
  std::vector<testing::Matcher<float>> each;
  for (const auto value : expected) each.push_back(testing::FloatNear(value, 1e-5F * std::max(1.0F, std::abs(value))));
  return testing::ElementsAreArray(each);
}

}  // namespace weighbridge::test
