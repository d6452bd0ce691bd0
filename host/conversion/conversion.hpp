#pragma once
// A conversion from end to end, up to the plan: sources opened, family found, configuration translated, equations
// stated, coverage proven, output laid out. Nothing is written here; engine/run.hpp carries the plan out.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "checkpoints/hugging_face_layout.hpp"
#include "checkpoints/megatron_layout.hpp"
#include "families/registry.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// The Megatron checkpoint to write: for which job and which loader.
struct MegatronTarget {
  std::optional<MegatronFlavor> flavor;  // megatron_lm for rank files, else the source's own, else bridge
  MegatronStorage storage{MegatronStorage::torch_dist};
  ModuleSpec spec{ModuleSpec::transformer_engine};
  std::optional<ModelClass> model_class;  // of reshard: else the source's own
  ParallelLayout layout;
  std::int64_t iteration{0};
};

struct ImportOptions {
  std::filesystem::path hugging_face;  // the folder
  std::string model_name;              // as the user gave it (hub id or path), recorded as hf_model_id; may be empty
  MegatronTarget target;
  std::optional<std::int64_t> make_vocab_size_divisible_by;  // pads the vocabulary to a multiple of it times tensor
  std::optional<DType> dtype;                                // --torch-dtype: cast every weight to it
  bool strict{true};                                         // else unused tensors are notes, not errors
  bool compare_large_copies{true};                           // else what is said to be a copy is taken for one, with a note
};

// How the weights of an export are stored.
enum class Quantize : std::uint8_t {
  none = 1,   // every tensor plain, whatever the reference is
  reference,  // as the reference stores them: unchanged blocks return with their scales, bit by bit
  fp8,        // anew: matrices of linear layers as F8_E4M3 in blocks of 128 by 128
  mxfp4,      // anew: matrices of experts in groups of 32
  int4,       // anew: matrices of experts in groups of 32, as compressed-tensors packs them
};

struct ExportOptions {
  std::filesystem::path megatron;                     // parent, iteration or release folder
  std::optional<std::filesystem::path> reference;     // a Hugging Face folder: its side files and shard names are kept
  std::optional<std::string> architecture;            // overrides what is recognised when there is no reference
  std::uint64_t max_shard_size{kDefaultMaxShardSize};
  std::optional<DType> dtype;
  Quantize quantize{Quantize::none};
  bool strict{true};
};

struct ReshardOptions {
  std::filesystem::path megatron;                  // parent, iteration or release folder
  std::optional<std::filesystem::path> reference;  // a Hugging Face folder that says what the model is
  std::optional<std::string> architecture;         // where neither it nor the checkpoint says it
  MegatronTarget target;
  std::optional<std::int64_t> iteration;           // instead of the checkpoint's own
  std::optional<std::int64_t> make_vocab_size_divisible_by;
  std::optional<DType> dtype;
  bool drop_training_state{};                      // leave optimizer, random and rerun states out
  bool strict{true};
};

// A tensor or file that the report names, why, and which rule says so.
struct Named {
  std::string name;
  std::string reason;
  std::string_view rule;  // one of those below
};

inline constexpr std::string_view kDeclared = "declared by the family";
inline constexpr std::string_view kVocabularyRule = "the equation says that it is a vocabulary";
inline constexpr std::string_view kConstantRule = "the equation is a constant";
inline constexpr std::string_view kNotStrict = "--not-strict";
inline constexpr std::string_view kSideFileRule = "files beside the weights are copied whole";
inline constexpr std::string_view kTrainingRule = "only weights are converted";

// What the proof covers. Every element of the inputs is used once, every one of the outputs written once.
struct Proven {
  std::int64_t input_tensors{}, input_elements{};    // tensors or parameters that equations use
  std::int64_t output_tensors{}, output_elements{};  // padding included
  std::int64_t padding_elements{};                   // of them: no equation gives them; they are filled with a constant
};

struct Conversion {
  Plan plan;
  std::string family, family_version, architecture;
  std::int64_t mapped{};            // output parameters or tensors that an equation fills
  std::vector<Named> tied, padded, dropped, synthesised, carried;  // carried: side files and tensors copied as they are
  std::vector<std::string> notes;   // one sentence each, without a full stop
  std::vector<std::string> training_flags;  // what Megatron-LM must be told (flavor megatron_lm)
  boost::json::object megatron;     // the Megatron document
  boost::json::object hugging_face; // config.json
  std::uint64_t input_bytes{}, output_bytes{};
  Proven proven;
};

Result<Conversion> prepare_import(const ImportOptions& options, Registry& registry);
// Another layout, storage, flavor or module spec for the same weights. Error::Kind::usage where a training state would be
// left out and the user has not agreed.
Result<Conversion> prepare_reshard(const ReshardOptions& options, Registry& registry);
Result<Conversion> prepare_export(const ExportOptions& options, Registry& registry);

}  // namespace weighbridge
