#pragma once
// Gated DeltaNet: linear attention whose state forgets by a gate and is corrected towards each value.

#include <weighbridge/forward/activation.hpp>
#include <weighbridge/forward/matrix.hpp>
#include <weighbridge/forward/norms.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

struct GatedDelta {
  std::int64_t key_heads{}, value_heads{};  // several heads of values share one of keys
  std::int64_t key_width{}, value_width{};
  std::vector<float> decay_log{};  // A_log, of each head of values
  std::vector<float> step_bias{};  // dt_bias
};

namespace detail {

inline std::vector<float> unit(const float* from, std::int64_t width) {
  std::vector<float> result(from, from + width);
  float squares = 0;
  for (const auto value : result) squares += value * value;
  const auto factor = 1.0F / std::sqrt(squares + 1e-6F);
  for (auto& value : result) value *= factor;
  return result;
}

}  // namespace detail

// q and k [tokens, key_heads * key_width], v [tokens, value_heads * value_width] (behind their convolution), beta and alpha
// [tokens, value_heads]:
//   S = exp(-exp(A_log) softplus(alpha + dt_bias)) S,  S = S + k (sigmoid(beta) (v - S^T k))^T,  y = S^T q / sqrt(key_width)
// with q and k of length one.
inline Matrix gated_delta(const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& beta, const Matrix& alpha, std::int64_t length, const GatedDelta& d) {
  const auto heads = static_cast<std::size_t>(d.value_heads);
  if (d.key_heads < 1 || d.value_heads % d.key_heads != 0 || q.columns != d.key_heads * d.key_width || k.columns != q.columns ||
      v.columns != d.value_heads * d.value_width || beta.columns != d.value_heads || alpha.columns != d.value_heads || d.decay_log.size() != heads ||
      d.step_bias.size() != heads)
    throw std::invalid_argument("projections do not fit the " + std::to_string(d.value_heads) + " heads of a gated DeltaNet");
  const auto scale = 1.0F / std::sqrt(static_cast<float>(d.key_width));
  Matrix y{v.rows, v.columns};
  std::vector<float> s(static_cast<std::size_t>(d.key_width * d.value_width));
  for (std::int64_t head = 0; head < d.value_heads; ++head) {
    const auto at = static_cast<std::size_t>(head);
    const auto of_key = head / (d.value_heads / d.key_heads) * d.key_width;
    for (std::int64_t t = 0; t < v.rows; ++t) {
      if (t % length == 0) std::ranges::fill(s, 0.0F);
      const auto query = detail::unit(q.row(t) + of_key, d.key_width), key = detail::unit(k.row(t) + of_key, d.key_width);
      const auto decay = std::exp(-std::exp(d.decay_log[at]) * softplus(alpha.row(t)[head] + d.step_bias[at]));
      for (auto& value : s) value *= decay;
      const auto strength = sigmoid(beta.row(t)[head]);
      for (std::int64_t j = 0; j < d.value_width; ++j) {
        const auto column = [&](std::int64_t i) -> float& { return s[static_cast<std::size_t>(i * d.value_width + j)]; };
        float remembered = 0, sum = 0;
        for (std::int64_t i = 0; i < d.key_width; ++i) remembered += column(i) * key[static_cast<std::size_t>(i)];
        const auto correction = strength * (v.row(t)[head * d.value_width + j] - remembered);
        for (std::int64_t i = 0; i < d.key_width; ++i) {
          column(i) += key[static_cast<std::size_t>(i)] * correction;
          sum += column(i) * query[static_cast<std::size_t>(i)] * scale;
        }
        y.row(t)[head * d.value_width + j] = sum;
      }
    }
  }
  return y;
}

// What follows: an RMSNorm of each head, times silu(gate).
inline Matrix norm_and_gate(Matrix y, const Matrix& gate, const std::vector<float>& weight, const Norm& of_head) {
  y = rms_norm(std::move(y), weight, of_head);
  same_shape(y, gate);
  for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] *= silu(gate.values[i]);
  return y;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
