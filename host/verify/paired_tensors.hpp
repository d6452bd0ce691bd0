#pragma once
// Which tensors of two checkpoints are the same by their names.

#include <string>
#include <vector>

#include "tensor/stored_tensor.hpp"
#include "verify/compare.hpp"
#include "verify/comparison.hpp"

namespace weighbridge {

// expected[i] and actual[i] have one name; their dtype and shape may differ.
struct PairedTensors {
  std::vector<StoredTensor> expected, actual;
  std::vector<Difference> differences;  // tensors without a partner
};

PairedTensors pair_tensors(const Catalogue& expected, const Catalogue& actual, Naming naming);

// "BF16 [4, 2]"
std::string described(const StoredTensor& tensor);

}  // namespace weighbridge
