#pragma once
// The vision transformer of SigLIP, without its pooling head.

#include <string_view>

#include "kept_module.hpp"

namespace multimodal {

// `config` is the path of its configuration: "vision_config".
void siglip_equations(const Config& c, std::string_view config, const KeptModule& tower);
std::int64_t siglip_width(const Config& c, std::string_view config);

}  // namespace multimodal
