#pragma once
// From maps between tensors to copies between files: the last step of planning.

#include <vector>

#include "mapping/strided_map.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// Whether elements of the type can be converted to the others that can be, and computed with: real numbers of 16 bits and more.
bool computes(DType dtype);

// Appends the copies that bring the source elements of `map` (row-major indices of `source`) to the target elements
// (row-major indices of an output tensor of `dtype`), wherever the extents of `source` keep them;
// `addend` is added to each, 0 for none.
// Error: a layout that falls into too many pieces, or an element type that cannot be computed with.
Status append_copies(const StridedMap& map, const StoredTensor& source, DType dtype, double addend,
                     std::vector<Copy>& copies);

// Orders copies by target offset, as a plan wants them.
void order_copies(std::vector<Copy>& copies);

}  // namespace weighbridge
