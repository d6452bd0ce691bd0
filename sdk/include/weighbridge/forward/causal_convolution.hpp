#pragma once
// Convolution along a sequence, each feature by itself, that sees only what came before.

#include <weighbridge/forward/matrix.hpp>

#include <cstdint>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// y[t, c] = bias[c] + sum over k of weight[c, k] * x[t - kernel + 1 + k, c], where what lies before the sequence is 0. `weight`
// is [features, kernel]; `bias` may be empty.
inline Matrix causal_convolution(const Matrix& x, const std::vector<float>& weight, const std::vector<float>& bias, std::int64_t length) {
  const auto kernel = x.columns > 0 ? static_cast<std::int64_t>(weight.size()) / x.columns : 0;
  if (kernel < 1 || kernel * x.columns != static_cast<std::int64_t>(weight.size()))
    throw std::invalid_argument("a convolution of " + std::to_string(weight.size()) + " weights meets " + std::to_string(x.columns) + " features");
  Matrix y{x.rows, x.columns};
  add_row(y, bias);
  for (std::int64_t t = 0; t < x.rows; ++t)
    for (std::int64_t k = 0; k < kernel; ++k) {
      const auto back = kernel - 1 - k;
      if (t % length < back) continue;
      for (std::int64_t c = 0; c < x.columns; ++c) y.row(t)[c] += weight[static_cast<std::size_t>(c * kernel + k)] * x.row(t - back)[c];
    }
  return y;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
