#pragma once
// The files beside the weights of two checkpoints: tokenizer, templates, generation settings, code.

#include <string>
#include <vector>

#include "checkpoints/hugging_face_repository.hpp"
#include "checkpoints/megatron_checkpoint.hpp"
#include "tensor/result.hpp"
#include "verify/comparison.hpp"

namespace weighbridge {

// What a Megatron checkpoint keeps of its source's files against those of the folder. What an import of this program kept
// (the folder hugging_face/) must be there byte for byte, config.json field for field. A tokenizer that another program saved is
// written anew by it: of that the vocabulary and merges of tokenizer.json are compared. A checkpoint that keeps nothing is
// a note.
Result<std::vector<Difference>> compare_kept_files(const HuggingFaceRepository& repository, const MegatronCheckpoint& checkpoint, std::vector<std::string>& notes);

// Side files and config.json of two Hugging Face folders.
Result<std::vector<Difference>> compare_side_files(const HuggingFaceRepository& expected, const HuggingFaceRepository& actual);

}  // namespace weighbridge
