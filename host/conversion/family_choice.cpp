#include "conversion/family_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "families/call.hpp"

namespace weighbridge {

Result<ChosenFamily> choose_family(const ConfigDocument& hugging_face, Registry& registry) {
  if (const auto* named = hugging_face.find("architectures"); named != nullptr && !named->is_null()) {
    const auto* list = named->if_array();
    if (list == nullptr || std::ranges::any_of(*list, [](const auto& name) { return !name.is_string(); }))
      return Error{Error::Kind::mismatch, hugging_face.file().string(), "architectures", "is no list of names",
                   "Write it as \"architectures\": [\"…ForCausalLM\"]"};
  }
  const auto architecture = hugging_face.string("architectures.0").value_or("");
  const auto model_type = hugging_face.string("model_type").value_or("");
  if (architecture.empty() && model_type.empty())
    return Error{Error::Kind::mismatch, hugging_face.file().string(), "architectures", "neither this nor model_type is there",
                 "A config.json must name its model; add \"architectures\": [\"…ForCausalLM\"]"};
  auto family = registry.find(architecture, model_type);
  if (!family) {
    auto error = family.error();
    error.file = hugging_face.file().string();
    return error;
  }
  return ChosenFamily{*family, architecture.empty() ? architectures_of(*family).front() : architecture, model_type};
}

Result<ChosenFamily> choose_family(const ConfigDocument& megatron, const std::optional<std::string>& architecture, Registry& registry) {
  std::vector<ChosenFamily> candidates;
  std::vector<std::string> names;
  const auto manifests = registry.manifests();
  for (const auto& manifest : manifests) {
    if (architecture && std::ranges::find(manifest.architectures, *architecture) == manifest.architectures.end()) continue;
    auto families = registry.load(manifest);
    if (!families) continue;  // listed among the registry's skipped ones
    for (const auto& family : *families) {
      const auto own = architectures_of(family);
      if (architecture) {
        if (std::ranges::find(own, *architecture) == own.end()) continue;
      } else {
        auto known = recognises(family, megatron);
        if (!known || !*known) continue;  // a document that a family cannot even read is not its own
      }
      const auto types = model_types_of(family);
      candidates.push_back({family, architecture.value_or(own.front()), types.empty() ? "" : types.front()});
      names.push_back(candidates.back().architecture);
    }
  }
  if (candidates.size() == 1) return candidates.front();
  if (architecture) {
    auto found = registry.find(*architecture, "");
    return found ? Error{Error::Kind::plugin, "", *architecture, "several plugins claim this architecture", "Remove all but one"} : found.error();
  }
  return Error{Error::Kind::mismatch, megatron.file().string(), "model",
               candidates.empty() ? "its configuration is of no family that is installed"
                                  : fmt::format("its configuration fits {}", fmt::join(names, " and ")),
               "Say which with --architecture NAME, or give a Hugging Face folder of the model with --hf-model"};
}

}  // namespace weighbridge
