#pragma once
// What Megatron-Core has in place of attention: Mamba-2 and gated DeltaNet, whose fused projections checkpoints hold in parts.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/causal_convolution.hpp>
#include <weighbridge/forward/gated_delta.hpp>
#include <weighbridge/forward/megatron_attention.hpp>
#include <weighbridge/forward/state_space.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

namespace detail {

// silu of the convolution of one part.
inline Matrix convolved_part(const Forward& run, const std::string& convolution, const std::string& part, const Matrix& x) {
  return activated(causal_convolution(x, run.values(convolution + "weight." + part), run.values_if_any(convolution + "bias." + part), run.length()),
                   Activation::silu);
}

}  // namespace detail

// `at` is "decoder.layers.3.mixer."; x is normalised.
inline Matrix megatron_mamba(const Config& c, const Forward& run, const std::string& at, const Matrix& x, const MixerScales& scales = {}) {
  const auto projected = [&](const std::string& part, float factor) {
    auto y = run.linear(at + "in_proj.weight." + part, x);
    scale(y, factor);
    return y;
  };
  const auto convolved = [&](const std::string& part, float factor) { return detail::convolved_part(run, at + "conv1d.", part, projected(part, factor)); };
  StateSpace s{.heads = 0, .width = positive(c, "mamba_head_dim", 64), .groups = positive(c, "mamba_num_groups", 8), .state = positive(c, "mamba_state_dim", 128)};
  s.decay_log = run.values(at + "A_log");
  s.heads = static_cast<std::int64_t>(s.decay_log.size());
  s.skip = run.values(at + "D");
  s.step_bias = run.values(at + "dt_bias");
  const auto y = scan(convolved("x", scales.x), convolved("B", scales.b), convolved("C", scales.c), projected("dt", scales.dt), run.length(), s);
  const auto gated = gate_and_norm(y, projected("z", scales.z), run.values_if_any(at + "norm.weight"), s.groups,
                                   static_cast<float>(c.number("layernorm_epsilon", 1e-5)));
  return run.module(at + "out_proj.", gated);
}

// `at` is "decoder.layers.3.self_attention."; x comes as it is in the residual stream.
inline Matrix megatron_gated_delta(const Config& c, const Forward& run, const std::string& at, const Matrix& stream) {
  const auto x = megatron_norm(c, run, at + "in_proj.layer_norm_", stream);
  const auto projected = [&](const std::string& part) { return run.linear(at + "in_proj.weight." + part, x); };
  const auto convolved = [&](const std::string& part) { return detail::convolved_part(run, at + "conv1d.", part, projected(part)); };
  const GatedDelta d{.key_heads = positive(c, "linear_num_key_heads", 16), .value_heads = positive(c, "linear_num_value_heads", 32),
                     .key_width = positive(c, "linear_key_head_dim", 128), .value_width = positive(c, "linear_value_head_dim", 128),
                     .decay_log = run.values(at + "A_log"), .step_bias = run.values(at + "dt_bias")};
  const auto y = gated_delta(convolved("query"), convolved("key"), convolved("value"), projected("beta"), projected("alpha"), run.length(), d);
  auto of_head = megatron_norm(c);
  of_head.width = d.value_width;
  return run.module(at + "out_proj.", norm_and_gate(y, projected("z"), run.values(at + "out_norm.weight"), of_head));
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
