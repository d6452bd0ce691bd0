#include "forward/model_sides.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "checkpoints/hugging_face_repository.hpp"
#include "conversion/decoded_tensors.hpp"
#include "conversion/megatron_model.hpp"
#include "conversion/source_use.hpp"
#include "families/call.hpp"
#include "mapping/live_name.hpp"

namespace weighbridge {
namespace {

// Packed values go by the name that they would have unpacked.
std::string plain_name(std::string name) {
  constexpr std::string_view packed = "_packed";
  if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  return name;
}

// In the live model, where checkpoints may count the layers of a kind apart.
std::string name_in_model(const Equation& equation) {
  if (equation.live_rest.empty()) return equation.live_name();
  return live_name(equation.stack, equation.live_layer.value_or(equation.layer), equation.live_rest, equation.expert, equation.experts);
}

// What decoded values are rounded to by those who run the model: its own type.
DType type_of(const ConfigDocument& config) {
  for (const auto* path : {"torch_dtype", "dtype", "text_config.torch_dtype", "text_config.dtype"})
    if (const auto stated = config.string(path))
      if (const auto dtype = dtype_from_torch(*stated); dtype == DType::f16 || dtype == DType::f32) return *dtype;
  return DType::bf16;
}

// Not of how a build is called or how fast it runs.
bool changes_results(std::string_view field) {
  return !field.starts_with('_') && !field.ends_with("_fusion") && !field.ends_with("_spec") && field != "persist_layer_norm";
}

// What the checkpoint says of itself. Arguments of Megatron-LM have no place for some of what a model computes with; a
// checkpoint may say nothing at all.
Result<ConfigDocument> settled_document(const MegatronModel& model, std::vector<std::string>& notes) {
  auto document = model.checkpoint.document;
  if (model.checkpoint.flavor == MegatronFlavor::bridge) return ConfigDocument{std::move(document)};
  std::vector<std::string> ignored, missing;
  const auto made = to_megatron(model.reference.chosen.family, model.reference.config, ignored);
  if (!made) return made.error();
  if (document.empty()) {
    notes.emplace_back("the Megatron checkpoint holds no configuration; its side is run with what an import of the Hugging Face side would write");
    return *made;
  }
  const auto is_assumed = [&](std::string_view field) { return std::ranges::find(model.checkpoint.assumed, field) != model.checkpoint.assumed.end(); };
  for (const auto& field : made->root()) {
    auto& stated = document[field.key()];
    if (stated == field.value() || (model.checkpoint.document.contains(field.key()) && !is_assumed(field.key()))) continue;
    stated = field.value();
    if (changes_results(field.key())) missing.emplace_back(field.key());
  }
  if (!missing.empty())
    notes.push_back(fmt::format("the arguments in the Megatron checkpoint do not say {}; its side is run with what an import of the Hugging Face side would write",
                                some_of(missing)));
  return ConfigDocument{std::move(document)};
}

}  // namespace

Result<ModelSide> open_hugging_face_side(const std::filesystem::path& folder, bool strict, Registry& registry, std::uint64_t memory,
                                         std::stop_token stop) {
  auto repository = HuggingFaceRepository::open(folder, {.strict = strict});
  if (!repository) return repository.error();
  auto chosen = choose_family(repository->config, registry);
  if (!chosen) return chosen.error();
  std::vector<std::string> ignored;  // notes of a conversion, which this is none
  const auto made = to_megatron(chosen->family, repository->config, ignored, &repository->catalogue);
  if (!made) return made.error();
  auto set = state_equations(chosen->family, repository->config, &repository->catalogue, ignored, &*made);
  if (!set) return set.error();
  Conversion conversion;
  if (auto status = settle_copies(*set, repository->catalogue); !status) return status.error();
  if (auto status = check_use(*set, repository->catalogue, folder.string(), strict, conversion); !status) return status.error();

  Plan plan;
  plan.sources = repository->catalogue.files;
  const auto of_leaves = tensors_of_leaves(set->algebra, repository->catalogue, plan);
  if (!of_leaves) return of_leaves.error();
  HeldTensors tensors;
  for (const auto& [name, stored] : repository->catalogue.tensors) tensors.emplace(name, HeldTensor{stored});
  const auto& leaves = set->algebra.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].decoding) tensors.insert_or_assign(plain_name(leaves[i].name), HeldTensor{(*of_leaves)[i], type_of(repository->config)});
  auto config = std::move(repository->config);
  auto rows = TensorRows::make(std::move(plan), std::move(tensors), memory, std::move(stop));
  if (!rows) return rows.error();
  return ModelSide{*std::move(chosen), std::move(config), *std::move(rows)};
}

Result<ModelSide> open_megatron_side(const ExportOptions& options, Registry& registry, std::uint64_t memory, std::stop_token stop,
                                     std::vector<std::string>& notes) {
  Conversion conversion;
  auto model = open_megatron_model(options, registry, conversion);
  if (!model) return model.error();
  HeldTensors tensors;
  for (std::size_t i = 0; i < model->parameters.size(); ++i) {
    tensors.insert_or_assign(name_in_model(model->set.equations[i]), HeldTensor{std::move(model->parameters[i])});
  }
  auto document = settled_document(*model, notes);
  if (!document) return document.error();
  Plan plan;
  plan.sources = model->checkpoint.catalogue.files;
  auto chosen = model->reference.chosen;
  model = Error{};  // its equations are of no use any more
  auto rows = TensorRows::make(std::move(plan), std::move(tensors), memory, std::move(stop));
  if (!rows) return rows.error();
  return ModelSide{std::move(chosen), *std::move(document), *std::move(rows)};
}

}  // namespace weighbridge
