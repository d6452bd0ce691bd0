#include "verify/any_checkpoint.hpp"

#include <string>
#include <utility>

#include "formats/file_tree.hpp"

namespace weighbridge {
namespace {

bool is_megatron_name(std::string_view name) {
  return name == ".metadata" || name == "metadata.json" || name == "latest_train_state.pt" ||
         name == "latest_checkpointed_iteration.txt" || name == "release" || name.starts_with("iter_") || name.starts_with("mp_rank_");
}

bool is_hugging_face_name(std::string_view name) {
  return name == "config.json" || name == "adapter_config.json" || name.ends_with(".safetensors") ||
         name.ends_with(".safetensors.index.json") || (name.starts_with("pytorch_model") && (name.ends_with(".bin") || name.ends_with(".json")));
}

}  // namespace

std::string_view to_string(CheckpointKind kind) { return kind == CheckpointKind::megatron ? "Megatron" : "Hugging Face"; }

CheckpointKind AnyCheckpoint::kind() const {
  return std::holds_alternative<MegatronCheckpoint>(content) ? CheckpointKind::megatron : CheckpointKind::hugging_face;
}

const std::filesystem::path& AnyCheckpoint::folder() const {
  if (const auto* megatron = std::get_if<MegatronCheckpoint>(&content)) return megatron->location.folder;
  return std::get<HuggingFaceRepository>(content).folder;
}

const Catalogue& AnyCheckpoint::catalogue() const {
  return std::visit([](const auto& checkpoint) -> const Catalogue& { return checkpoint.catalogue; }, content);
}

Result<CheckpointKind> recognise(const std::filesystem::path& path) {
  const auto entries = tree::list(path);
  if (!entries) return entries.error();
  bool hugging_face = false;
  for (const auto& entry : *entries) {
    const auto name = entry.path.filename().string();
    if (is_megatron_name(name)) return CheckpointKind::megatron;
    hugging_face = hugging_face || is_hugging_face_name(name);
  }
  if (hugging_face) return CheckpointKind::hugging_face;
  return Error{Error::Kind::usage, path.string(), "",
               "it is neither a Hugging Face checkpoint (config.json, *.safetensors, pytorch_model*.bin) nor a Megatron one "
               "(.metadata, iter_NNNNNNN, release, latest_checkpointed_iteration.txt)",
               "Name the folder that holds those files"};
}

Result<AnyCheckpoint> open_any(const std::filesystem::path& path) {
  const auto kind = recognise(path);
  if (!kind) return kind.error();
  if (*kind == CheckpointKind::hugging_face) {
    auto repository = HuggingFaceRepository::open(path);
    if (!repository) return std::move(repository).error();
    return AnyCheckpoint{std::move(*repository)};
  }
  const auto location = locate_megatron(path);
  if (!location) return location.error();
  auto checkpoint = MegatronCheckpoint::open(*location, {.configuration = false});
  if (!checkpoint) return std::move(checkpoint).error();
  return AnyCheckpoint{std::move(*checkpoint)};
}

}  // namespace weighbridge
