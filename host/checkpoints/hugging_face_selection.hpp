#pragma once
// Which files of a Hugging Face folder hold its weights. See HuggingFaceRepository for the order of preference.

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoints/hugging_face_repository.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct WeightSelection {
  WeightFormat format = WeightFormat::safetensors;
  std::vector<std::string> files;          // sorted, relative to the folder; empty if there are no weights
  std::vector<WeightLocation> weight_map;  // of the index, in its order
  std::filesystem::path index;             // empty if there is none
  boost::json::object index_metadata;
};

// Looks at names and the index only. A folder without weights gives an empty selection. Errors: a broken index
// (format), a set with missing members, two sets at once (mismatch), an unreadable folder (io).
Result<WeightSelection> select_weights(const std::filesystem::path& folder);

// Those of `files` that are not in the folder; a link to nothing counts as not there.
std::vector<std::string> missing_files(const std::filesystem::path& folder, const std::vector<std::string>& files);

// Why a folder without selected weights has none, as far as its files tell: an adapter, another format, nothing.
Error no_weights(const std::filesystem::path& folder);

// "a, b, c and 5 more": at most three names.
std::string name_some(const std::vector<std::string>& names);

}  // namespace weighbridge
