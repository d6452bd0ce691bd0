#pragma once
// What can be read of a checkpoint that is broken, and every way in which it is.

#include <boost/json/object.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "checkpoints/megatron_location.hpp"
#include "inspection/finding.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

struct Salvaged {
  std::optional<ConfigDocument> config;   // config.json, or the Megatron document; nothing if it cannot be read
  Catalogue catalogue;                    // what the readable files hold; of torch_dist what .metadata says
  std::vector<std::string> weight_files;  // of weights that are there, relative to the folder
  bool has_index{};
  std::vector<Finding> findings;  // at least one defect
};

// `reason` is why the checkpoint does not open; it is among the defects if no other is found.
Salvaged salvage_hugging_face(const std::filesystem::path& folder, const Error& reason);
Salvaged salvage_megatron(const MegatronLocation& location, const Error& reason);

}  // namespace weighbridge
