#pragma once
// A mixture of experts as Hugging Face models have it where every expert has tensors of its own.

#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// `at` is "model.layers.3.mlp.".
inline Matrix separate_mixture(const Forward& run, const std::string& at, const Matrix& x, Routing routing) {
  routing.bias = run.values_if_any(at + "gate.e_score_correction_bias");
  auto y = mixture(x, run.linear(at + "gate.weight", x), routing, [&](std::int64_t e, const Matrix& own) {
    return separate_gated(run, at + "experts." + std::to_string(e) + ".", own);
  });
  if (run.has(at + "shared_experts.gate_proj.weight")) add(y, separate_gated(run, at + "shared_experts.", x));
  return y;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
