#pragma once
// How torch_dist keys name grouped experts.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weighbridge {

// "mlp.experts.linear_fc1.weight", of every expert, is one tensor "mlp.experts.experts.linear_fc1.weight" with an axis of
// experts; a name without ".experts." is its own key.
std::string experts_key(std::string_view name);
// The key of one expert where checkpoints keep each apart: "mlp.experts.experts.3.linear_fc1.weight".
std::string expert_key(std::string_view name, std::int64_t expert);

}  // namespace weighbridge
