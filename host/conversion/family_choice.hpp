#pragma once
// Which family a checkpoint belongs to, from what it says of itself.

#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "families/registry.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct ChosenFamily {
  Family family;
  std::string architecture;  // as config.json names it
  std::string model_type;    // of config.json; the family's own first one where that is silent
};

// By "architectures" (the first), else "model_type" of a config.json.
Result<ChosenFamily> choose_family(const ConfigDocument& hugging_face, Registry& registry);

// By what the Megatron document holds: the one family that recognises it. Several or none: an error that names them
// and --architecture. `architecture`, where given, decides alone.
Result<ChosenFamily> choose_family(const ConfigDocument& megatron, const std::optional<std::string>& architecture, Registry& registry);

}  // namespace weighbridge
