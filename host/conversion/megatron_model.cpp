#include "conversion/megatron_model.hpp"

#include <fmt/format.h>

#include <utility>

#include "conversion/source_use.hpp"
#include "conversion/stored_parameters.hpp"
#include "families/call.hpp"

namespace weighbridge {

Result<MegatronModel> open_megatron_model(const ExportOptions& options, Registry& registry, Conversion& conversion) {
  auto location = locate_megatron(options.megatron);
  if (!location) return location.error();
  auto checkpoint = MegatronCheckpoint::open(*location, {.configuration = !options.reference});
  if (!checkpoint) return checkpoint.error();
  conversion.notes = checkpoint->notes;
  if (const auto& other = checkpoint->other; other.of_training())
    conversion.dropped.push_back({"optimizer, random and rerun state",
                                  fmt::format("{} tensors and {} objects of training, which are no weights", other.optimizer_tensors,
                                              other.optimizer_objects + other.random_states + other.rerun_states)});
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
  auto parameters = stored_parameters(*set, *checkpoint, options.strict, conversion);
  if (!parameters) return parameters.error();
  return MegatronModel{*std::move(checkpoint), *std::move(reference), *std::move(known), *std::move(set), *std::move(parameters)};
}

}  // namespace weighbridge
