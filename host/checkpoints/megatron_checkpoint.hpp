#pragma once
// A Megatron checkpoint that is read: where its weights lie, and what else it holds.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/megatron_layout.hpp"
#include "checkpoints/megatron_location.hpp"
#include "checkpoints/placement.hpp"
#include "checkpoints/rank_grid.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// Everything that is no weight of the model, by kind. Extra states hold no weights and are not looked into.
struct OtherContent {
  std::int64_t extra_states{};
  std::int64_t optimizer_tensors{};  // fp32 weights, moments, flat buffers
  std::int64_t optimizer_objects{};
  std::int64_t random_states{};
  std::int64_t rerun_states{};
  std::vector<std::string> unknown_objects;  // keys of byte objects of no kind above, sorted

  bool of_training() const { return optimizer_tensors + optimizer_objects + random_states + rerun_states > 0; }
};

struct OpenMegatron {
  bool configuration = true;  // whether a checkpoint that holds no configuration is an error (else `document` is empty)
};

// What rank files say of each other. The catalogue names each rank's tensors apart:
// "mp_rank_00_001/model.decoder.layers.0.mlp.linear_fc1.weight".
struct RankFiles {
  ParallelLayout layout;
  std::vector<FileRank> ranks;  // of one stage

  // "mp_rank_00_001/model0." for what the file of this rank holds of this cell.
  std::string prefix(const FileRank& rank, const Cell& cell) const;
};

// Of torch_dist the catalogue holds the model's tensors by the keys on disk, one extent a chunk; extents point at the
// elements inside each chunk's torch.save blob. Every blob's framing is read: dtype, shape and size of the tensor in it
// must be the chunk's. A key's dtype is that of its blobs.
struct MegatronCheckpoint {
  MegatronLocation location;
  Catalogue catalogue;
  std::optional<RankFiles> ranks;  // of the storage `torch`
  OtherContent other;
  std::optional<MegatronFlavor> flavor;   // what gave `document`; nothing if no configuration was found
  boost::json::object document;           // the Megatron document
  std::vector<std::string> assumed;       // fields of it that the arguments do not state for certain
  boost::json::object content_metadata;   // of the common state; empty if absent
  std::optional<std::int64_t> iteration;  // as the common state says
  std::optional<double> checkpoint_version;
  std::vector<std::string> notes;  // one sentence each, without a full stop

  // Errors: io and format of any file; a blob that disagrees with .metadata; no common state; a rank file that is missing,
  // or that is of another iteration, layout or model than the first; and, unless `options` say otherwise, neither
  // run_config.yaml nor `args`, naming both.
  static Result<MegatronCheckpoint> open(const MegatronLocation& location, const OpenMegatron& options = {});
};

// A live parameter as it lies in a checkpoint.
struct LiveTensor {
  std::string key;      // on disk, for the report of unused keys; of halves saved apart the first (the other: `_v`)
  Shape joined;         // extents of that key's leading axes, of layers and of experts, that were cut away
  StoredTensor tensor;  // of one layer and expert: their axes are cut away, extents are rebased; named by its live name
};

// Parameter `rest` of layer `layer` of the stack `prefix` ("decoder.layers.", 3, "mlp.linear_fc1.weight"): the key
// "decoder.layers.3.mlp.linear_fc1.weight", else row 3 of "decoder.layers.mlp.linear_fc1.weight". Gate and up halves
// stored apart (`_w`, `_v`) are one tensor of both. Nothing if there is no such layer or key.
std::optional<LiveTensor> find_live(const Catalogue& catalogue, std::string_view prefix, std::int64_t layer,
                                    std::string_view rest);
// A parameter outside any stack, by its key.
std::optional<LiveTensor> find_live(const Catalogue& catalogue, std::string_view key);
// One of grouped experts, named as weighbridge/abi.h says: joined along an axis of experts or each apart. `prefix` may be
// empty.
std::optional<LiveTensor> find_live_expert(const Catalogue& catalogue, std::string_view prefix, std::int64_t layer,
                                           std::string_view rest, std::int64_t expert);
// The layers that the stack `prefix` has on disk, stacked or each apart; nothing if it has none. Layers of one kind may be
// stacked apart from others of the stack: then the largest number.
std::optional<std::int64_t> count_layers(const Catalogue& catalogue, std::string_view prefix);

// Element `index` of the first axis, as a tensor of one axis less; `index` must be in it.
StoredTensor leading_slice(const StoredTensor& tensor, std::int64_t index);

}  // namespace weighbridge
