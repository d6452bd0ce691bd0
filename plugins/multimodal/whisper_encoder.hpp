#pragma once
// The audio encoder of Whisper.

#include <string_view>

#include "kept_module.hpp"

namespace multimodal {

// `config` is the path of its configuration: "audio_config".
void whisper_encoder_equations(const Config& c, std::string_view config, const KeptModule& tower);
std::int64_t whisper_encoder_width(const Config& c, std::string_view config);

}  // namespace multimodal
