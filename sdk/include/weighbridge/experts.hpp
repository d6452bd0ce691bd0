#pragma once
// Mixture-of-experts layers as most families have them.

#include <weighbridge/model.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {

// Grouped experts of a layer: fc1(e) is the gate above the up projection of expert e, fc2(e) its down projection.
template <class First, class Second>
void grouped_experts(const MegatronLayer& layer, std::int64_t experts, First&& fc1, Second&& fc2) {
  for (std::int64_t e = 0; e < experts; ++e) {
    layer["mlp.experts.linear_fc1.weight"].of_expert(e, experts) = column(fc1(e));
    layer["mlp.experts.linear_fc2.weight"].of_expert(e, experts) = row(fc2(e));
  }
}

// The same, where every expert has tensors of its own: `prefix` + e + ".gate_proj.weight" and so on.
inline void separate_experts(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::string_view prefix, std::int64_t experts,
                             std::int64_t width, std::int64_t hidden) {
  const auto of = [&](std::int64_t e, std::string_view projection, const Dimensions& shape) {
    return hf(std::string{prefix} + std::to_string(e) + std::string{projection}, shape);
  };
  grouped_experts(layer, experts,
      [&](std::int64_t e) { return concat(of(e, ".gate_proj.weight", {width, hidden}), of(e, ".up_proj.weight", {width, hidden})); },
      [&](std::int64_t e) { return of(e, ".down_proj.weight", {hidden, width}); });
}

}  // namespace sdk_v1
}  // namespace weighbridge
