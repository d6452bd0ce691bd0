#pragma once
// The Hugging Face tensors that an export can look at, and the equations that follow from what it sees.

#include <string>

#include "conversion/reference.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

struct ReferenceTensors {
  Catalogue tensors;
  bool complete{};     // whether they are a whole repository: else a family cannot conclude anything from what is absent
  std::string origin;  // for reports
};

// Of the reference's repository; without its weights, what an import carried along.
Result<ReferenceTensors> reference_tensors(const Reference& reference, const MegatronCheckpoint& checkpoint);

// States the equations as the output is to be: unless the reference's quantised storage is asked for, every tensor plain.
// `known` then shows the reference as if it were not quantised, and `reference` loses what its config says of it.
Result<EquationSet> equations_of_export(Reference& reference, ReferenceTensors& known, const ExportOptions& options, Conversion& conversion);

}  // namespace weighbridge
