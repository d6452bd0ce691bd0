#pragma once
// Tensors as they are stored, as a plan that makes them whole and row-major.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// One output file, named `file`, of the tensors one after the other, in their order. Errors, Error::Kind::unsupported:
// a tensor whose extents cut bytes apart or have more axes than the engine has levels; format: sizes beyond any file.
Result<Plan> stored_plan(const std::vector<std::filesystem::path>& files, std::span<const StoredTensor> tensors, std::string file);

}  // namespace weighbridge
