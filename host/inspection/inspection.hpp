#pragma once
// What a folder is and holds, for people and programs that want to know before they convert.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "inspection/finding.hpp"
#include "tensor/result.hpp"
#include "tensor/shape.hpp"
#include "verify/any_checkpoint.hpp"

namespace weighbridge {

class Registry;

struct DTypeShare {
  std::int64_t tensors{};
  std::int64_t parameters{};
  std::uint64_t bytes{};
};

struct InspectedTensor {
  std::string name;
  DType dtype{};
  Shape shape;
  std::vector<std::string> files;  // that hold parts of it, relative to the folder, sorted
};

struct HuggingFaceFacts {
  std::string architecture;  // the first of config.json's; empty if it names none
  std::string model_type;    // empty if config.json has none
  WeightFormat format{};
  bool has_index{};
  std::optional<bool> tied;  // tie_word_embeddings, of the top level or the text model; nothing if not stated
  std::vector<std::string> weight_files;  // relative to the folder
  std::vector<std::string> side_files;    // likewise
  std::vector<LeftOutFile> left_out;
};

// The layers of one stack.
struct LayerStack {
  std::string prefix;  // "decoder.layers."
  std::int64_t layers{};
  std::int64_t stacked_keys{};    // one key for all layers
  std::int64_t per_layer_keys{};  // one key a layer
};

struct MegatronFacts {
  std::optional<std::int64_t> iteration;
  std::optional<MegatronFlavor> flavor;  // nothing if the checkpoint holds no configuration
  MegatronStorage storage{MegatronStorage::torch_dist};
  std::optional<ParallelLayout> layout;    // of rank files
  std::optional<ParallelLayout> saved_by;  // of the job, as the configuration says
  std::vector<LayerStack> stacks;          // by prefix
  std::optional<bool> tied;                // share_embeddings_and_output_weights, as the document says
  OtherContent other;
};

// The family that a checkpoint belongs to, and what its plugin says.
struct FamilyFacts {
  std::string id, version, summary, architecture;
  std::vector<std::string> near_in_size;  // well-known models that its plugin lists
  boost::json::object megatron;           // the Megatron document
};

struct Inspection {
  CheckpointKind kind{};
  std::filesystem::path folder;          // of a Megatron checkpoint, the iteration's
  std::int64_t files{};                  // of weights
  std::int64_t parameters{};             // elements of all tensors; tensors that lie at the same place count once
  std::uint64_t bytes{};                 // of those elements
  std::map<DType, DTypeShare> dtypes;    // likewise
  std::vector<InspectedTensor> tensors;  // by name
  std::optional<HuggingFaceFacts> hugging_face;  // of that kind
  std::optional<MegatronFacts> megatron;         // of that kind
  std::optional<FamilyFacts> family;             // nothing if no installed plugin knows it
  boost::json::object configuration;             // config.json, or the Megatron document
  std::vector<Finding> findings;                 // defects first
  std::vector<std::string> notes;                // one sentence each, without a full stop

  bool is_broken() const { return !findings.empty() && findings.front().kind == Finding::Kind::defect; }
};

// Reads headers and metadata, no elements. Of a broken checkpoint what can be read, and every defect. Error: the folder is
// no checkpoint of either kind, or cannot be opened at all. `registry`: where families are looked for.
Result<Inspection> inspect(const std::filesystem::path& path, Registry& registry);

boost::json::object to_json(const Inspection& inspection);

}  // namespace weighbridge
