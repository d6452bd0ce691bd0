#pragma once
// Feed-forward layers as Megatron-Core computes them: gate above up in linear_fc1, and mixtures of grouped experts.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/megatron_attention.hpp>
#include <weighbridge/forward/megatron_config.hpp>
#include <weighbridge/forward/mixture.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// The MLP whose modules are `at` + "linear_fc1." and "linear_fc2."; `number` stands behind the names of an expert's tensors.
inline Matrix megatron_mlp(const Config& c, const Forward& run, const std::string& at, const Matrix& x, const std::string& number = "",
                           std::optional<float> clamp = std::nullopt) {
  const auto linear = [&](const std::string& module, const Matrix& input) {
    auto y = run.linear(module + "weight" + number, input);
    add_row(y, run.values_if_any(module + "bias" + number));
    return y;
  };
  auto inner = linear(at + "linear_fc1.", x);
  const auto gate = megatron_gate(c, clamp);
  if (c.flag("gated_linear_unit")) {
    const auto half = inner.columns / 2;
    inner = gated(columns(inner, 0, half), columns(inner, half, half), gate);
  } else {
    inner = activated(std::move(inner), gate.activation);
  }
  return linear(at + "linear_fc2.", inner);
}

inline Matrix megatron_experts(const Config& c, const Forward& run, const std::string& at, std::int64_t layer, const Matrix& x, const MegatronExtras& extras) {
  auto routing = megatron_routing(c, extras);
  routing.bias = run.values_if_any(at + "router.expert_bias");
  const auto logits = run.module(at + "router.", x);
  const auto narrow = at + "fc1_latent_proj.", wide = at + "fc2_latent_proj.";
  const bool latent = run.has(narrow + "weight");
  auto result = mixture(latent ? run.module(narrow, x) : x, logits, routing, [&](std::int64_t expert, const Matrix& own) {
    return megatron_mlp(c, run, at + "experts.", own, std::to_string(expert), clamp_of(extras.clamps, layer));
  });
  if (latent) result = run.module(wide, result);
  if (const auto shared = at + "shared_experts."; run.has(shared + "linear_fc1.weight")) {
    auto made = megatron_mlp(c, run, shared, x, "", clamp_of(extras.shared_clamps, layer));
    if (run.has(shared + "gate_weight")) {
      const auto gate = run.linear(shared + "gate_weight", x);
      for (std::int64_t t = 0; t < made.rows; ++t)
        for (std::int64_t j = 0; j < made.columns; ++j) made.row(t)[j] *= sigmoid(gate.row(t)[0]);
    }
    add(result, made);
  }
  return result;
}

// Says so where Megatron-Core ranks groups of experts by another number of their experts than `group_best`, by which the model does.
inline void tell_group_ranking(const Config& c, const Forward& run, std::int64_t group_best) {
  const auto groups = c.integer("moe_router_group_topk", 0), chosen = c.integer("moe_router_topk", 2);
  if (groups > 0 && c.integer("moe_router_num_groups", 1) > 1 && chosen / groups != group_best)
    run.note("Megatron-Core ranks groups of experts by the sum of their best " + std::to_string(chosen / groups) + ", transformers by that of their best " +
             std::to_string(group_best) + ", which is what is compared");
}

// The second half of layer number `layer` ("decoder.layers.3."): dense, or a mixture where it has a router.
inline Matrix megatron_feed_forward(const Config& c, const Forward& run, const std::string& name, std::int64_t layer, const Matrix& x, const MegatronExtras& extras) {
  const auto at = name + "mlp.";
  const auto normed = norm_before(c, run, at + "linear_fc1.", name + "pre_mlp_layernorm.", x);
  return run.has(at + "router.weight") ? megatron_experts(c, run, at, layer, normed, extras)
                                       : megatron_mlp(c, run, at, normed, "", clamp_of(extras.clamps, layer));
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
