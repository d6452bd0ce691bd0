#pragma once
// A Mamba-2 mixer as Hugging Face models have it: one projection for everything, one convolution of x, B and C.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/causal_convolution.hpp>
#include <weighbridge/forward/state_space.hpp>
#include <weighbridge/mamba.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// `at` is "model.layers.3.mamba."; steps are no shorter than `least_step`.
inline Matrix fused_mamba(const Forward& run, const std::string& at, const Matrix& x, const Mamba2& m, float epsilon, float least_step = 0,
                          const MixerScales& scales = {}) {
  const auto inner = m.heads * m.width, shared = m.groups * m.state;
  const auto all = run.module(at + "in_proj.", x);
  std::int64_t begin = 0;
  const auto next = [&](std::int64_t count, float factor) {
    auto part = columns(all, begin, count);
    begin += count;
    scale(part, factor);
    return part;
  };
  const auto gate = next(inner, scales.z);
  Matrix mixed{x.rows, inner + 2 * shared};
  put_columns(mixed, 0, next(inner, scales.x));
  put_columns(mixed, inner, next(shared, scales.b));
  put_columns(mixed, inner + shared, next(shared, scales.c));
  const auto step = next(m.heads, scales.dt);
  mixed = activated(causal_convolution(mixed, run.values(at + "conv1d.weight"), run.values_if_any(at + "conv1d.bias"), run.length()), Activation::silu);
  const StateSpace s{.heads = m.heads, .width = m.width, .groups = m.groups, .state = m.state, .decay_log = run.values(at + "A_log"),
                     .skip = run.values(at + "D"), .step_bias = run.values(at + "dt_bias"), .least_step = least_step};
  const auto y = scan(columns(mixed, 0, inner), columns(mixed, inner, shared), columns(mixed, inner + shared, shared), step, run.length(), s);
  const auto weight = m.gated_norm ? run.values(at + "norm.weight") : std::vector<float>{};
  return run.module(at + "out_proj.", gate_and_norm(y, gate, weight, m.groups, epsilon));
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
