#pragma once
// Tensors that Megatron has no place for: kept beside its checkpoint, in one safetensors file.

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "conversion/conversion.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

inline constexpr std::string_view kCarriedTensors = "carried.safetensors";

// Names and reasons: every tensor of `source` that is declared as carried and the scales of decoded ones.
using Carried = std::map<std::string, std::string, std::less<>>;
Carried carried_by(const EquationSet& set, const Catalogue& source);

// Adds that file with those tensors in `folder` of the output; nothing if there is none. plan.sources must begin with the files
// of `source`.
Status carry_tensors(Carried carried, const Catalogue& source, const std::filesystem::path& folder, Conversion& conversion);

// What such a file of a checkpoint holds; empty if `folder` has none.
Result<Catalogue> read_carried_tensors(const std::filesystem::path& folder);

}  // namespace weighbridge
