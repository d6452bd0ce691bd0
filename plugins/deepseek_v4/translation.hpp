#pragma once
// DeepSeek V4's configuration, both ways.

#include <weighbridge/config.hpp>

namespace deepseek_v4 {

void config_to_megatron(const weighbridge::Config& hf, const weighbridge::Config& megatron, const weighbridge::Notes& notes);
void config_to_hugging_face(const weighbridge::Config& megatron, const weighbridge::Config& hf);

}  // namespace deepseek_v4
