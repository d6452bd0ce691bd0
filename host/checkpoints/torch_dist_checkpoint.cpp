#include "checkpoints/megatron_checkpoint.hpp"

#include <fmt/format.h>

#include "checkpoints/rank_files_reader.hpp"
#include "checkpoints/run_config.hpp"
#include "checkpoints/torch_dist_blob.hpp"
#include "checkpoints/torch_dist_common.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/file_tree.hpp"

namespace weighbridge {
namespace {

constexpr std::uint64_t kMaxMetadata = 4ull << 30;  // bytes; all_local_plans may make it large

enum class Kind { model = 1, extra_state, optimizer, random, rerun, common };

// By the key: those of the optimizer start so, those of an object carry a shard behind a slash.
Kind kind_of(std::string_view key) {
  const auto name = key.substr(0, key.find('/'));
  if (name.starts_with("optimizer.") || name.starts_with("chained_")) return Kind::optimizer;
  if (name.ends_with("rng_state")) return Kind::random;
  if (name.starts_with("rerun_state_machine_state")) return Kind::rerun;
  if (name == "common_state") return Kind::common;
  const auto last = name.substr(name.rfind('.') + 1);
  return last.starts_with("_extra_state") ? Kind::extra_state : Kind::model;
}

void count_objects(const DcpMetadata& metadata, OtherContent& other) {
  for (const auto& [key, item] : metadata.objects) switch (kind_of(key)) {
      case Kind::extra_state: ++other.extra_states; break;
      case Kind::optimizer: ++other.optimizer_objects; break;
      case Kind::random: ++other.random_states; break;
      case Kind::rerun: ++other.rerun_states; break;
      case Kind::common: break;
      case Kind::model: other.unknown_objects.push_back(key); break;
    }
}

// Fills the catalogue from the blobs of the model's tensors.
Status read_tensors(const DcpMetadata& metadata, MegatronCheckpoint& checkpoint) {
  const auto& folder = checkpoint.location.folder;
  std::vector<std::optional<InputFile>> files(metadata.files.size());
  for (const auto& name : metadata.files) checkpoint.catalogue.files.push_back(folder / name);
  BlobReader blobs;
  for (const auto& [key, tensor] : metadata.tensors) {
    if (const auto kind = kind_of(key); kind != Kind::model) {
      if (kind == Kind::optimizer) ++checkpoint.other.optimizer_tensors;
      continue;
    }
    StoredTensor stored{key, tensor.dtype, tensor.shape, {}};
    stored.extents.reserve(tensor.chunks.size());
    for (const auto& chunk : tensor.chunks) {
      auto& file = files[chunk.item.file];
      if (!file) {
        auto opened = InputFile::open(checkpoint.catalogue.files[chunk.item.file]);
        if (!opened) return std::move(opened).error();
        file = *std::move(opened);
      }
      auto blob = blobs.read(*file, chunk.item, chunk.box.sizes, key);
      if (!blob) return std::move(blob).error();
      if (stored.extents.empty()) stored.dtype = blob->dtype;
      if (stored.dtype != blob->dtype)
        return Error{Error::Kind::format, file->name(), key,
                     fmt::format("its chunks disagree about the type: {} and {}", to_string(stored.dtype),
                                 to_string(blob->dtype)),
                     "Take a complete copy of the checkpoint"};
      stored.extents.push_back({chunk.item.file, blob->offset, chunk.box, std::move(blob->strides)});
    }
    if (stored.dtype != tensor.dtype)
      checkpoint.notes.push_back(
          fmt::format("{} is {} where .metadata says {}", key, to_string(stored.dtype), to_string(tensor.dtype)));
    checkpoint.catalogue.tensors.emplace(key, std::move(stored));
  }
  return done();
}

Status read_configuration(CommonState& common, bool required, MegatronCheckpoint& checkpoint) {
  const auto run_config = checkpoint.location.folder / "run_config.yaml";
  if (tree::exists(run_config)) {
    auto document = read_run_config(run_config);
    if (!document) return std::move(document).error();
    checkpoint.document = *std::move(document);
    checkpoint.flavor = MegatronFlavor::bridge;
  } else if (common.arguments && *common.arguments) {
    auto& arguments = **common.arguments;
    checkpoint.document = std::move(arguments.document);
    checkpoint.flavor = MegatronFlavor::megatron_lm;
    for (auto& note : arguments.notes) checkpoint.notes.push_back(std::move(note));
    checkpoint.assumed = std::move(arguments.assumed);
  } else if (common.arguments && required) {
    return std::move(*common.arguments).error();
  } else if (required) {
    return Error{Error::Kind::mismatch, checkpoint.location.folder.string(), "configuration",
                 fmt::format("is missing: there is no {} and no args in {}", run_config.string(), common.file),
                 "Give --hf-model: its config.json takes the place of the configuration"};
  }
  return done();
}

}  // namespace

Result<MegatronCheckpoint> MegatronCheckpoint::open(const MegatronLocation& location, const OpenMegatron& options) {
  if (location.storage == MegatronStorage::torch) return open_rank_files(location, options);
  MegatronCheckpoint checkpoint;
  checkpoint.location = location;
  const auto path = location.folder / ".metadata";
  auto bytes = read_whole_file(path, kMaxMetadata);
  if (!bytes) return std::move(bytes).error();
  auto metadata = parse_dcp_metadata(*std::move(bytes), path.string());
  if (!metadata) return std::move(metadata).error();

  auto common = read_common_state(location.folder, *metadata);
  if (!common) return std::move(common).error();
  if (!common->note.empty()) checkpoint.notes.push_back(common->note);
  checkpoint.content_metadata = common->content_metadata;
  checkpoint.iteration = common->iteration;
  checkpoint.checkpoint_version = common->checkpoint_version;
  if (auto status = read_configuration(*common, options.configuration, checkpoint); !status)
    return std::move(status).error();
  count_objects(*metadata, checkpoint.other);
  if (auto status = read_tensors(*metadata, checkpoint); !status) return std::move(status).error();
  if (checkpoint.catalogue.tensors.empty())
    return Error{Error::Kind::mismatch,
                 path.string(),
                 {},
                 "lists no tensor of a model",
                 "Give a checkpoint that was saved with its weights"};
  return checkpoint;
}

}  // namespace weighbridge
