#pragma once
// The two checkpoints of a check, each opened as its own side sees it.

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "conversion/conversion.hpp"
#include "conversion/family_choice.hpp"
#include "forward/tensor_rows.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct ModelSide {
  ChosenFamily chosen;
  ConfigDocument document;  // config.json, or the Megatron document
  TensorRows tensors;       // by the side's names; of Megatron those of the live model
};

// Tensors as on disk; block-scaled ones decoded and rounded to the model's type, as those do who run it.
Result<ModelSide> open_hugging_face_side(const std::filesystem::path& folder, bool strict, Registry& registry, std::uint64_t memory,
                                         std::stop_token stop);
// `options.reference` is the Hugging Face folder, which says what the model is. A checkpoint without a configuration is given
// the one that the family makes of config.json, with a note.
Result<ModelSide> open_megatron_side(const ExportOptions& options, Registry& registry, std::uint64_t memory, std::stop_token stop,
                                     std::vector<std::string>& notes);

}  // namespace weighbridge
