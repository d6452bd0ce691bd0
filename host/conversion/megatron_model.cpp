#include "conversion/megatron_model.hpp"

#include <fmt/format.h>

#include <utility>

#include "checkpoints/hybrid_names.hpp"
#include "checkpoints/megatron_document.hpp"
#include "conversion/family_choice.hpp"
#include "conversion/source_use.hpp"
#include "conversion/stored_parameters.hpp"
#include "families/call.hpp"
#include "formats/file_tree.hpp"

namespace weighbridge {

Result<std::string> understood_as_gpt(const ExportOptions& options, Registry& registry, MegatronCheckpoint& checkpoint) {
  const auto gpt = gpt_document(checkpoint.document);
  if (!gpt) return std::string{};
  std::vector<std::string> ignored;
  std::optional<ConfigDocument> config;
  const auto folder = options.reference.value_or(checkpoint.location.folder / kKeptFolder);
  if (tree::is_file(folder / "config.json")) {
    auto read = ConfigDocument::read(folder / "config.json");
    if (!read) return read.error();
    config = *std::move(read);
  }
  auto chosen = config ? choose_family(*config, registry) : choose_family(ConfigDocument{checkpoint.document}, options.architecture, registry);
  if (!chosen) return std::string{};  // told by whoever needs the family
  if (!config) {
    auto made = to_hugging_face(chosen->family, ConfigDocument{*gpt}, ignored);
    if (!made) return std::string{};
    config = *std::move(made);
  }
  const auto own = to_megatron(chosen->family, *config, ignored);
  if (!own || string_field(own->root(), "hybrid_layer_pattern")) return std::string{};
  auto pattern = string_field(checkpoint.document, "hybrid_layer_pattern").value_or("");
  checkpoint.document = *gpt;
  return pattern;
}

Result<MegatronModel> open_megatron_model(const ExportOptions& options, Registry& registry, Conversion& conversion) {
  auto location = locate_megatron(options.megatron);
  if (!location) return location.error();
  auto checkpoint = MegatronCheckpoint::open(*location, {.configuration = !options.reference});
  if (!checkpoint) return checkpoint.error();
  conversion.notes = checkpoint->notes;
  if (const auto& other = checkpoint->other; other.of_training())
    conversion.dropped.push_back({"optimizer, random and rerun state",
                                  fmt::format("{} tensors and {} objects of training, which are no weights", other.optimizer_tensors,
                                              other.optimizer_objects + other.random_states + other.rerun_states), kTrainingRule});
  auto hybrid_pattern = understood_as_gpt(options, registry, *checkpoint);
  if (!hybrid_pattern) return hybrid_pattern.error();
  auto reference = find_reference(options, *checkpoint, registry, conversion);
  if (!reference) return reference.error();
  conversion.family = family_id(reference->chosen.family);
  conversion.family_version = reference->chosen.family.manifest.version;
  conversion.architecture = reference->chosen.architecture;
  conversion.megatron = checkpoint->document;

  auto known = reference_tensors(*reference, *checkpoint);
  if (!known) return known.error();
  auto set = equations_of_export(*reference, *known, options, conversion);
  if (!set) return set.error();
  if (auto status = settle_copies(*set, known->tensors); !status) return status.error();
  if (auto status = prove_family(*set, reference->chosen.family); !status) return status.error();
  auto parameters = stored_parameters(*set, *checkpoint, *hybrid_pattern, options.strict, conversion);
  if (!parameters) return parameters.error();
  for (const auto& parameter : *parameters) {
    if (parameter.extents.empty()) continue;
    ++conversion.proven.input_tensors;
    conversion.proven.input_elements += element_count(parameter.shape).value_or(0);
  }
  return MegatronModel{*std::move(checkpoint), *std::move(hybrid_pattern), *std::move(reference), *std::move(known), *std::move(set), *std::move(parameters)};
}

}  // namespace weighbridge
