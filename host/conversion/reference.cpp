#include "conversion/reference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checkpoints/hugging_face_side_files.hpp"
#include "conversion/document_agreement.hpp"
#include "families/call.hpp"
#include "formats/file_tree.hpp"

namespace weighbridge {
namespace {

// What the checkpoint and a config.json say differently of the model.
Result<std::vector<std::string>> differences(const Family& family, const ConfigDocument& config, const Catalogue* weights,
                                             const MegatronCheckpoint& checkpoint) {
  std::vector<std::string> notes;
  auto document = to_megatron(family, config, notes, weights);
  if (!document) return document.error();
  auto expected = document->root();
  for (const auto& field : checkpoint.assumed) expected.erase(field);
  if (checkpoint.flavor == MegatronFlavor::megatron_lm) expected.erase("vocab_size");  // args may count padding
  return architecture_differences(checkpoint.document, expected);
}

Status collect(const std::filesystem::path& folder, std::vector<CarriedFile>& into) {
  if (!tree::is_folder(folder)) return done();
  auto found = find_side_files(folder, {std::string{kSourceIndex}});
  if (!found) return found.error();
  for (auto& file : found->carried) into.push_back(std::move(file));
  return done();
}

Result<Reference> from_repository(const ExportOptions& options, const MegatronCheckpoint& checkpoint, Registry& registry, Conversion& conversion) {
  Reference reference;
  auto repository = HuggingFaceRepository::open(*options.reference);
  reference.has_weights = static_cast<bool>(repository);
  if (!repository) {
    const auto reason = repository.error().text();
    repository = HuggingFaceRepository::open(*options.reference, {.weights = false});
    if (!repository) return repository.error();
    conversion.notes.push_back(fmt::format("the weights of the reference are not looked at ({})", reason));
  }
  auto chosen = choose_family(repository->config, registry);
  if (!chosen) return chosen.error();
  if (!checkpoint.document.empty()) {
    auto found = differences(chosen->family, repository->config, reference.has_weights ? &repository->catalogue : nullptr, checkpoint);
    if (!found) return found.error();
    if (!found->empty())
      return Error{Error::Kind::mismatch, repository->config.file().string(), "--hf-model",
                   fmt::format("the Megatron checkpoint and this reference are of different models: {}", fmt::join(*found, "; ")),
                   "Give the reference that the checkpoint was made of, or none"};
  }
  reference.chosen = std::move(*chosen);
  reference.config = repository->config;
  reference.side_files = repository->side_files;
  for (const auto& left : repository->left_out) conversion.notes.push_back(fmt::format("{} is not carried over: {}", left.name, left.reason));
  reference.repository = std::move(*repository);
  return reference;
}

}  // namespace

Result<Reference> find_reference(const ExportOptions& options, const MegatronCheckpoint& checkpoint, Registry& registry, Conversion& conversion) {
  if (options.reference) return from_repository(options, checkpoint, registry, conversion);
  Reference reference;
  const auto& folder = checkpoint.location.folder;
  for (const auto* name : {"tokenizer", kKeptFolder})
    if (auto status = collect(folder / name, reference.side_files); !status) return status.error();

  const auto carried = folder / kKeptFolder / "config.json";
  if (tree::is_file(carried)) {
    auto config = ConfigDocument::read(carried);
    if (!config) return config.error();
    auto chosen = choose_family(*config, registry);
    if (!chosen) return chosen.error();
    auto index = read_source_index(folder / kKeptFolder);
    if (!index) return index.error();
    auto found = differences(chosen->family, *config, *index ? &(*index)->tensors : nullptr, checkpoint);
    if (!found) return found.error();
    if (found->empty()) {
      reference.chosen = std::move(*chosen);
      reference.config = std::move(*config);
      reference.index = *std::move(index);
      return reference;
    }
    conversion.notes.push_back(fmt::format("config.json is made anew: the model has changed since its import ({})", fmt::join(*found, "; ")));
  }
  const ConfigDocument document{checkpoint.document};
  auto chosen = choose_family(document, options.architecture, registry);
  if (!chosen) {
    auto failure = chosen.error();
    if (failure.file.empty()) failure.file = folder.string();
    return failure;
  }
  auto made = to_hugging_face(chosen->family, document, conversion.notes);
  if (!made) return made.error();
  boost::json::array architectures{boost::json::value(chosen->architecture)};
  if (auto status = made->set("architectures", std::move(architectures)); !status) return status.error();
  if (auto status = made->set("model_type", boost::json::value(chosen->model_type)); !status) return status.error();
  reference.chosen = std::move(*chosen);
  reference.config = std::move(*made);
  reference.standard_style = true;
  return reference;
}

}  // namespace weighbridge
