#pragma once
// Mamba-2: a state for each head that decays and takes in the input, step by step.

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

struct StateSpace {
  std::int64_t heads{}, width{};      // of the input
  std::int64_t groups{}, state{};     // of B and C, which the heads of a group share
  std::vector<float> decay_log{};     // A_log, of each head
  std::vector<float> skip{};          // D
  std::vector<float> step_bias{};     // dt_bias
  float least_step{};                 // steps are no shorter
};

// Constants that the parts of a mixer's projection are multiplied with.
struct MixerScales {
  float z{1}, x{1}, b{1}, c{1}, dt{1};
};

// x [tokens, heads * width], b and c [tokens, groups * state] (all behind their convolution) and step [tokens, heads]:
//   dt = softplus(step + step_bias),  h = exp(-exp(A_log) dt) h + dt x b^T,  y = h c + D x
inline Matrix scan(const Matrix& x, const Matrix& b, const Matrix& c, const Matrix& step, std::int64_t length, const StateSpace& s) {
  const auto each_head = static_cast<std::size_t>(s.heads);
  if (s.groups < 1 || s.heads % s.groups != 0 || x.columns != s.heads * s.width || b.columns != s.groups * s.state || c.columns != b.columns ||
      step.columns != s.heads || s.decay_log.size() != each_head || s.skip.size() != each_head || s.step_bias.size() != each_head)
    throw std::invalid_argument("projections do not fit the " + std::to_string(s.heads) + " heads of a state space");
  Matrix y{x.rows, x.columns};
  std::vector<float> h(static_cast<std::size_t>(s.width * s.state));
  for (std::int64_t head = 0; head < s.heads; ++head) {
    const auto at = static_cast<std::size_t>(head);
    const auto group = head / (s.heads / s.groups) * s.state;
    for (std::int64_t t = 0; t < x.rows; ++t) {
      if (t % length == 0) std::ranges::fill(h, 0.0F);
      const auto dt = std::max(softplus(step.row(t)[head] + s.step_bias[at]), s.least_step);
      const auto decay = std::exp(-std::exp(s.decay_log[at]) * dt);
      for (std::int64_t i = 0; i < s.width; ++i) {
        const auto input = x.row(t)[head * s.width + i];
        float sum = 0;
        for (std::int64_t n = 0; n < s.state; ++n) {
          auto& value = h[static_cast<std::size_t>(i * s.state + n)];
          value = decay * value + dt * input * b.row(t)[group + n];
          sum += value * c.row(t)[group + n];
        }
        y.row(t)[head * s.width + i] = sum + s.skip[at] * input;
      }
    }
  }
  return y;
}

// What follows: y * silu(gate), and an RMSNorm over each group of it where there is one.
inline Matrix gate_and_norm(Matrix y, const Matrix& gate, const std::vector<float>& weight, std::int64_t groups, float epsilon) {
  same_shape(y, gate);
  for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] *= silu(gate.values[i]);
  if (weight.empty()) return y;
  const auto width = groups > 0 ? y.columns / groups : y.columns;
  return rms_norm(std::move(y), weight, {.epsilon = epsilon, .width = width});
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
