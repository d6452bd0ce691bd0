#pragma once
// Leaves of equations as stored tensors that copies can be made of, decoded ones included.

#include <vector>

#include "mapping/expression.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// By leaf. Every leaf on disk must be in `source`, whose files must be the first of plan.sources; decoded ones are added
// to plan.decoded and are F32. Error, Error::Kind::unsupported or mismatch: encoded data or scales in strides or of
// another type than the codec's.
Result<std::vector<StoredTensor>> tensors_of_leaves(const Algebra& algebra, const Catalogue& source, Plan& plan);

}  // namespace weighbridge
