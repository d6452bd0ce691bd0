#pragma once
// Elements as an equation says them, and the share of them that each tensor-parallel rank's file must hold, cut the plain way.

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoints/megatron_checkpoint.hpp"
#include "conformance/stored_values.hpp"
#include "conformance/synthetic_model.hpp"
#include "conformance/traced.hpp"
#include "conformance/violation.hpp"

namespace weighbridge {

struct ExpectedElement {
  double value{};
  std::string origin;  // "model.norm.weight[3]"; empty for padding and constants
};

// The element at these coordinates of a parameter; rows beyond it are vocabulary padding.
ExpectedElement expected_value(const Traced& traced, const Shape& at, const SyntheticModel& model,
                               const Tracer& tracer);

// Every tensor of the files of `ranks` ranks that goes by the name of a parameter: its share, part by part of a concatenation
// along the axis of the split. Whether all is right; adds the elements looked at to `elements`.
bool compare_rank_slices(const Recording& stated, Tracer& tracer, const SyntheticModel& model,
                         const MegatronCheckpoint& checkpoint, StoredValues& values, std::int64_t ranks,
                         std::int64_t& elements, std::vector<Violation>& violations);

}  // namespace weighbridge
