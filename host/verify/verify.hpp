#pragma once
// Whether a conversion would give the tensors that are there already: equality through the equations, with nothing
// written.

#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"
#include "verify/comparison.hpp"

namespace weighbridge {

// Computes each output tensor of the plan of an export, window by window in memory, and compares it with the tensor of
// the same name. Expected is what the plan makes, actual what `hugging_face` has. A plan knows no shapes: tensors of
// as many bytes count as of the same shape. The plan is checked as before a run. Errors: as of compare, and mismatch
// (a faulty plan).
Result<Comparison> verify(const Plan& export_plan, const Catalogue& hugging_face, const CompareOptions& options = {});

}  // namespace weighbridge
