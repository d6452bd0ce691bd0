#pragma once
// A Hugging Face checkpoint folder as it lies on disk: weights, config and the files beside them.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

struct WeightLocation {
  std::string tensor;
  std::string file;  // relative to the folder, as the index spells it
  friend bool operator==(const WeightLocation&, const WeightLocation&) = default;
};

// One file of weights and the names of its tensors in the order in which their bytes lie.
struct WeightFile {
  std::string name;  // relative to the folder
  std::vector<std::string> tensors;
};

// A file of the folder that is not carried to an output, and why.
struct LeftOutFile {
  std::string name;
  std::string reason;
};

enum class WeightFormat : std::uint8_t { safetensors = 1, torch };

struct OpenHuggingFace {
  // Whether the weights themselves are needed. Without them a folder of config, tokenizer and at most an index will
  // do: where there is an index, `weight_map` is what it says and `catalogue` and `weight_files` stay empty.
  bool weights = true;
  // Whether a tensor that the index lists and its file lacks is an error; else it is a note.
  bool strict = true;
  std::uint64_t max_header_bytes = 100'000'000;  // of a safetensors file, as the reference reader's
};

// Which files hold the weights, first match: model.safetensors or what model.safetensors.index.json names; without
// either, a complete set of model-XXXXX-of-YYYYY.safetensors; the same three of pytorch_model….bin; any *.safetensors
// but adapters. A folder with both model.safetensors and an index of other files is refused: readers of the format
// disagree about which counts.
// The index decides: a copy of a tensor in a file other than the indexed one is ignored with a note; a tensor of an
// indexed file that no index entry names is read, with a note, because readers of the format load it.
//
// Side files are all other regular files, of sub-folders too, but for weights of any format, training states and what
// tools leave behind (.git, .cache, locks). Links are followed for weights and config.json wherever they lead. A side
// file is carried through a link only if the target lies in this folder or among the blobs of a hub cache; other links
// are left out and named, so that a downloaded folder cannot make a private file part of an output. A link to nothing
// is an error.
struct HuggingFaceRepository {
  std::filesystem::path folder;
  WeightFormat format = WeightFormat::safetensors;
  ConfigDocument config;
  Catalogue catalogue;                     // torch files: tensors that share a storage share its extents
  std::vector<WeightLocation> weight_map;  // in the order of the index; without one, of the files' bytes
  std::vector<WeightFile> weight_files;    // by name
  bool has_index = false;
  boost::json::object index_metadata;   // "metadata" of the index
  std::vector<CarriedFile> side_files;  // by path; sources are resolved, paths relative to the folder
  std::vector<LeftOutFile> left_out;    // by name
  std::vector<std::string> notes;       // what a user should know: one sentence each, without a full stop

  // Validates every weight file's header against its size and the index before it returns. Errors name the file and
  // tensor: io (missing, unreadable), format (a broken file), mismatch (index, files and each other), unsupported (an
  // adapter; a format this program does not read).
  static Result<HuggingFaceRepository> open(const std::filesystem::path& folder, const OpenHuggingFace& options = {});
};

}  // namespace weighbridge
