#pragma once
// The files beside the weights that belong to a model: tokenizer, generation settings, templates, code, licence.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "checkpoints/hugging_face_repository.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct SideFiles {
  std::vector<CarriedFile> carried;   // by path
  std::vector<LeftOutFile> left_out;  // by name
};

// Every regular file under `folder`, by the rules that HuggingFaceRepository states; config.json and `weights` (names
// relative to the folder) are neither carried nor left out. Error::Kind::io for a link to nothing and a folder that
// cannot be listed; mismatch for more than 100,000 files.
Result<SideFiles> find_side_files(const std::filesystem::path& folder, const std::set<std::string>& weights);

}  // namespace weighbridge
