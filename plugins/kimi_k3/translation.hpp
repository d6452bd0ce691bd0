#pragma once
// Kimi K3's configuration, whose language model is described below text_config, both ways.

#include <weighbridge/config.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kimi_k3 {

using namespace weighbridge;

inline std::string text(std::string_view field) { return "text_config." + std::string{field}; }

// Which layers do what, counted from nought.
struct Layers {
  std::vector<bool> linear;   // Kimi Delta Attention; the others have gated latent attention
  std::vector<bool> mixture;  // the others are dense
};
Layers layers_of(const Config& hf);

void config_to_megatron(const Config& hf, const Config& megatron);
void config_to_hugging_face(const Config& megatron, const Config& hf);

}  // namespace kimi_k3
