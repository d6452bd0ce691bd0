#pragma once
// A mixture of experts as Hugging Face models have it: every expert has tensors of its own, or all share packed ones.

#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

namespace detail {

// Of an expert, where all share the tensor `down` [experts, features, width], whichever way its entries lie.
inline std::int64_t packed_width(const Forward& run, const std::string& down, std::int64_t features) {
  const auto shape = run.shape(down);
  if (shape.size() != 3 || features <= 0) throw Failure(down + " should have three axes");
  return shape[1] * shape[2] / features;
}

}  // namespace detail

// `at` is "model.layers.3.mlp.". `bias`, which helps to choose, and shared experts, where there are such.
inline Matrix separate_mixture(const Forward& run, const std::string& at, const Matrix& x, Routing routing,
                               const std::string& bias = "gate.e_score_correction_bias") {
  routing.bias = run.values_if_any(at + bias);
  const auto down = at + "experts.down_proj", named_weight = down + ".weight";
  const bool packed = run.has(down) || run.has(named_weight);
  const auto width = packed ? detail::packed_width(run, run.has(down) ? down : named_weight, x.columns) : 0;
  auto y = mixture(x, run.linear(at + "gate.weight", x), routing, [&](std::int64_t e, const Matrix& own) {
    return packed ? packed_gated(run, at + "experts.", e, width, own) : separate_gated(run, at + "experts." + std::to_string(e) + ".", own);
  });
  if (run.has(at + "shared_experts.gate_proj.weight")) add(y, separate_gated(run, at + "shared_experts.", x));
  return y;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
