#include "forward/state_difference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weighbridge {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double ratio(double difference, double largest) {
  if (std::isnan(difference) || difference == kInfinite) return kInfinite;
  if (difference == 0) return 0;
  return largest > 0 ? difference / largest : kInfinite;
}

}  // namespace

StateDifference state_difference(const float* a, std::int64_t a_columns, const float* b, std::int64_t b_columns, std::int64_t tokens,
                                 std::int64_t columns) {
  StateDifference result;
  double difference = 0, largest = 0;
  for (std::int64_t t = 0; t < tokens; ++t, a += a_columns, b += b_columns) {
    double own_difference = 0, own_largest = 0;
    for (std::int64_t j = 0; j < columns; ++j) {
      const auto apart = std::abs(static_cast<double>(a[j]) - static_cast<double>(b[j]));
      own_difference = std::isnan(apart) ? kInfinite : std::max(own_difference, apart);
      if (!std::isnan(b[j])) own_largest = std::max(own_largest, std::abs(static_cast<double>(b[j])));
      if (own_difference == kInfinite) break;
    }
    if (const auto own = ratio(own_difference, own_largest); own > result.worst_token) {
      result.worst_token = own;
      result.token = t;
    }
    result.same_choice += std::max_element(a, a + columns) - a == std::max_element(b, b + columns) - b;
    difference = std::max(difference, own_difference);
    largest = std::max(largest, own_largest);
  }
  result.relative = ratio(difference, largest);
  return result;
}

}  // namespace weighbridge
