#pragma once
// Checkpoints as commands that only read name them.

#include <filesystem>
#include <string>

#include "tensor/result.hpp"

namespace weighbridge {

// A path that exists, else a hub id that is resolved in the local cache. Errors: those of resolve_model.
Result<std::filesystem::path> checkpoint_path(const std::string& name, const std::string& revision);

}  // namespace weighbridge
