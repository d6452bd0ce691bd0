#pragma once
// Where an export takes from what Megatron does not keep: config.json, side files, shard names, types of tensors.

#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "checkpoints/hugging_face_repository.hpp"
#include "checkpoints/megatron_checkpoint.hpp"
#include "conversion/conversion.hpp"
#include "conversion/family_choice.hpp"
#include "conversion/source_index.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Where an import keeps the source's config, side files and carried tensors, in the checkpoint's folder.
inline constexpr auto kKeptFolder = "hugging_face";

// That folder in what is written as this iteration.
inline std::filesystem::path kept_folder(std::int64_t iteration) { return std::filesystem::path{iteration_folder(iteration)} / kKeptFolder; }

struct Reference {
  ChosenFamily chosen;
  ConfigDocument config;                            // of the output
  bool standard_style{};                            // written by a family, not by a person: keys are sorted
  std::optional<HuggingFaceRepository> repository;  // --hf-model
  bool has_weights{};                               // whether its weights could be read
  std::optional<SourceIndex> index;                 // without a repository: what an import noted of its source
  std::vector<CarriedFile> side_files;              // paths relative to the output
};

// In this order: the folder given as --hf-model, which must agree with the checkpoint on every architecture field; the
// config.json that an import of ours left in the checkpoint, if it still agrees; what the family makes of the Megatron
// document. Adds to the notes of `conversion`.
Result<Reference> find_reference(const ExportOptions& options, const MegatronCheckpoint& checkpoint, Registry& registry, Conversion& conversion);

}  // namespace weighbridge
