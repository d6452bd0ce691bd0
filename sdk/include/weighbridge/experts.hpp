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

// Whether the source keeps the experts of this layer in one tensor for all.
inline bool are_packed(const HuggingFaceLayer& hf, std::string_view prefix) {
  const auto gate_up = std::string{prefix} + "gate_up_proj";
  return hf.source(gate_up) || hf.source(gate_up + ".weight");
}

// The same in one tensor for all: `prefix` + "gate_up_proj" of entries [gate above up, hidden] and "down_proj" of entries
// [hidden, width], or both with their entries turned; no numbers are such that both tensors fit both ways. Some files put
// ".weight" behind either name.
inline void packed_experts(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::string_view prefix, std::int64_t experts,
                           std::int64_t width, std::int64_t hidden) {
  const auto name_of = [&](const char* projection) {
    const auto name = std::string{prefix} + projection;
    return hf.source(name + ".weight") ? name + ".weight" : name;
  };
  const auto gate_up = name_of("gate_up_proj"), down = name_of("down_proj");
  const auto of_source = [&](const std::string& name, const Dimensions& shape) {
    const auto found = hf.source(name);
    return found && found->shape == shape;
  };
  const bool turned = of_source(gate_up, {experts, hidden, 2 * width}) && of_source(down, {experts, width, hidden});
  const auto all = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
    return turned ? transpose(hf(name, {experts, columns, rows}), {0, 2, 1}) : hf(name, {experts, rows, columns});
  };
  const auto gates_and_ups = all(gate_up, 2 * width, hidden), downs = all(down, hidden, width);
  const auto half = [&](std::int64_t e, std::int64_t begin) {
    return reshape(slice(slice(gates_and_ups, 0, e, e + 1), 1, begin, begin + width), {width, hidden});
  };
  grouped_experts(layer, experts,
      [&](std::int64_t e) { return concat(half(e, 0), half(e, width)); },
      [&](std::int64_t e) { return reshape(slice(downs, 0, e, e + 1), {hidden, width}); });
}

}  // namespace sdk_v1
}  // namespace weighbridge
