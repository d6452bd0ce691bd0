#pragma once
// From parameters to the tensors of a Megatron checkpoint that is written.

#include <functional>
#include <vector>

#include "conversion/conversion.hpp"
#include "mapping/equation.hpp"
#include "mapping/strided_map.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// The parameter of an equation. With `rows` given a vocabulary has so many, padding included.
LiveParameter live_parameter(const Equation& equation, DType dtype, std::optional<std::int64_t> rows = {});
LiveModule live_module(const ModuleState& module);

// Lays the request out in the target's storage. The request's layout, flavor, spec and iteration become the target's.
// Errors beyond those of the storages: a parameter that does not divide into the layout. What the storage cannot say is
// noted.
Result<MegatronLayout> lay_out_megatron(const MegatronTarget& target, MegatronLayoutRequest& request, std::vector<std::string>& notes);

// Elements of a parameter and where they come from: map->target indexes the parameter, map->source the
// tensor.
struct Origin {
  const StridedMap* map{};
  StoredTensor tensor;
  double addend{};
};

// Fills the copies of `tensors`, which are those of the layout; `origins` gives what a parameter is made of, by its number.
// `source` is the folder that errors name.
Status fill_parameters(const MegatronLayout& layout, const std::vector<LiveParameter>& parameters,
                       const std::function<std::vector<Origin>(std::size_t)>& origins, const std::filesystem::path& source,
                       std::vector<OutputTensor>& tensors);

// Of parameters that are a constant everywhere: the filler of their tensors.
Status fill_constants(const MegatronLayout& layout, const EquationSet& set, const std::filesystem::path& source, std::vector<OutputTensor>& tensors);

// An error that names no file names this one.
Status named_in(const std::filesystem::path& file, Status status);

}  // namespace weighbridge
