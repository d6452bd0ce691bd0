#pragma once
// The configuration of the three families, both ways.

#include <weighbridge/config.hpp>

#include <cstdint>
#include <string>

#include "geometry.hpp"

namespace qwen_next {

// Layers of multi-token prediction that Megatron builds; why it builds none, where config.json states some.
struct Predictions {
  std::int64_t count{};
  std::string why_none;
};
Predictions predictions_of(const weighbridge::Config& hf, const Geometry& geometry);

void config_to_megatron(const weighbridge::Config& hf, const weighbridge::Config& megatron, const weighbridge::Notes& notes,
                        const Generation& generation);
void config_to_hugging_face(const weighbridge::Config& megatron, const weighbridge::Config& hf, const Generation& generation);

// Whether a Megatron document is of a language model with gated DeltaNet layers as these families have them.
bool is_gated_delta_net(const weighbridge::Config& megatron);
// Whether it has routed experts, and beside them a gated one that all tokens share.
bool has_experts(const weighbridge::Config& megatron);
bool has_shared_expert(const weighbridge::Config& megatron);

}  // namespace qwen_next
