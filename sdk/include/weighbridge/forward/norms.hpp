#pragma once
// RMSNorm and LayerNorm, over whole rows or over groups of columns (the heads of a projection).

#include <weighbridge/forward/matrix.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

struct Norm {
  float epsilon{1e-6F};
  float offset{0};       // 1 where the weight is kept zero-centred: x * (1 + w)
  std::int64_t width{};  // of a group that is normalised by itself; 0: a row is one
};

namespace detail {

// Calls body(group, column of its first element) for every group of every row; the width that it has is returned.
template <class Body>
void each_group(Matrix& x, std::int64_t width, Body&& body) {
  if (width <= 0 || x.columns % width != 0)
    throw std::invalid_argument("groups of " + std::to_string(width) + " in " + std::to_string(x.columns) + " features");
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t begin = 0; begin < x.columns; begin += width) body(x.row(i) + begin, begin);
}

inline void check_weight(const std::vector<float>& weight, const Matrix& x, std::int64_t width) {
  const auto size = static_cast<std::int64_t>(weight.size());
  if (size != 0 && size != width && size != x.columns)
    throw std::invalid_argument("a norm's weight of " + std::to_string(size) + " meets " + std::to_string(x.columns) + " features");
}

}  // namespace detail

// `weight` has a value for each column, or for each of a group that all groups share; empty: 1.
inline Matrix rms_norm(Matrix x, const std::vector<float>& weight, const Norm& norm) {
  const auto width = norm.width > 0 ? norm.width : x.columns;
  detail::check_weight(weight, x, width);
  detail::each_group(x, width, [&](float* group, std::int64_t begin) {
    float squares = 0;
    for (std::int64_t j = 0; j < width; ++j) squares += group[j] * group[j];
    const auto factor = 1.0F / std::sqrt(squares / static_cast<float>(width) + norm.epsilon);
    for (std::int64_t j = 0; j < width; ++j) {
      group[j] *= factor;
      if (!weight.empty()) group[j] *= norm.offset + weight[static_cast<std::size_t>(begin + j) % weight.size()];
    }
  });
  return x;
}

inline Matrix layer_norm(Matrix x, const std::vector<float>& weight, const std::vector<float>& bias, const Norm& norm) {
  const auto width = norm.width > 0 ? norm.width : x.columns;
  detail::check_weight(weight, x, width);
  detail::each_group(x, width, [&](float* group, std::int64_t begin) {
    float sum = 0, squares = 0;
    for (std::int64_t j = 0; j < width; ++j) sum += group[j];
    const auto mean = sum / static_cast<float>(width);
    for (std::int64_t j = 0; j < width; ++j) squares += (group[j] - mean) * (group[j] - mean);
    const auto factor = 1.0F / std::sqrt(squares / static_cast<float>(width) + norm.epsilon);
    for (std::int64_t j = 0; j < width; ++j) {
      const auto at = static_cast<std::size_t>(begin + j);
      group[j] = (group[j] - mean) * factor;
      if (!weight.empty()) group[j] *= norm.offset + weight[at % weight.size()];
      if (!bias.empty()) group[j] += bias[at % bias.size()];
    }
  });
  return x;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
