#pragma once
// Where the iteration of a Megatron checkpoint lies that a path on the command line means.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "checkpoints/megatron_layout.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct MegatronLocation {
  std::filesystem::path folder;           // of the iteration: holds .metadata, metadata.json, run_config.yaml, …
  std::optional<std::int64_t> iteration;  // nothing for `release`, or for a folder of another name
  MegatronStorage storage{MegatronStorage::torch_dist};
};

// `path` is an iteration folder itself (it holds .metadata, metadata.json or mp_rank_* folders), or a folder of such
// folders. In the latter, as Megatron does it, `latest_train_state.pt` (its `step`) decides, else
// `latest_checkpointed_iteration.txt` (a number or "release"), else the largest iter_NNNNNNN, else `release`.
// Accepted are torch_dist, metadata.json with that backend beside a .metadata, and `torch`, folders mp_rank_* without a
// metadata.json. The other storages (fsdp_dtensor, zarr, a NeMo 2 folder) are Error::Kind::unsupported and named; a folder that holds
// nothing of the sort is an error that lists what was looked for.
Result<MegatronLocation> locate_megatron(const std::filesystem::path& path);

}  // namespace weighbridge
