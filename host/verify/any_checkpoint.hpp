#pragma once
// A checkpoint of either kind, recognised by what its folder holds.

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <variant>

#include "checkpoints/hugging_face_repository.hpp"
#include "checkpoints/megatron_checkpoint.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

enum class CheckpointKind : std::uint8_t { hugging_face = 1, megatron };
std::string_view to_string(CheckpointKind kind);  // "Hugging Face", "Megatron"

struct AnyCheckpoint {
  std::variant<HuggingFaceRepository, MegatronCheckpoint> content;

  CheckpointKind kind() const;
  const std::filesystem::path& folder() const;  // of a Megatron checkpoint, the iteration's
  const Catalogue& catalogue() const;
};

// By names alone. Megatron's (an iteration, a tracker, iter_* or release folders, any storage) come first: such a folder
// may hold a config.json too. Errors: io if there is no such folder; usage if it is neither, saying what was looked for.
Result<CheckpointKind> recognise(const std::filesystem::path& path);

// A Hugging Face folder (strict, with weights) or a Megatron checkpoint (parent, iteration or release folder; without a
// configuration too). Errors: those of recognise and of the checkpoints themselves.
Result<AnyCheckpoint> open_any(const std::filesystem::path& path);

}  // namespace weighbridge
