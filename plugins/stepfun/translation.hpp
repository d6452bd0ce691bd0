#pragma once
// The configuration of Step-3.5, both ways.

#include <weighbridge/config.hpp>

namespace stepfun {

void config_to_megatron(const weighbridge::Config& hf, const weighbridge::Config& megatron, const weighbridge::Notes& notes);
void config_to_hugging_face(const weighbridge::Config& megatron, const weighbridge::Config& hf, const weighbridge::Notes& notes);

inline constexpr std::string_view kProvider = "megatron.bridge.models.stepfun.step35_provider.Step35ModelProvider";

}  // namespace stepfun
