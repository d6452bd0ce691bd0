#pragma once
// The name of a parameter in the live Megatron model.

#include <cstdint>
#include <string>
#include <string_view>

namespace weighbridge {

// "decoder.layers.3.self_attention.linear_qkv.weight"; of one of `experts` grouped experts with its number behind:
// "decoder.layers.3.mlp.experts.linear_fc1.weight7". Outside a stack `stack` is empty.
std::string live_name(std::string_view stack, std::int64_t layer, std::string_view name, std::int64_t expert, std::int64_t experts);

}  // namespace weighbridge
