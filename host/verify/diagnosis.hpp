#pragma once
// Why a tensor is not what it should be, in words.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "conversion/decoded_tensors.hpp"
#include "mapping/equation.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"
#include "verify/comparison.hpp"
#include "verify/differing_elements.hpp"
#include "verify/suspects.hpp"

namespace weighbridge {

// What the numbers alone say: "every element is 0", "rounded to BF16", "one bit of element [3, 4] is flipped". Empty if they
// say nothing.
std::string cause_by_signs(const DifferingElements& found, DType dtype, const Shape& shape);

// A parameter that does not hold what its equation says.
struct Misfit {
  std::size_t equation{};
  StoredTensor stored;                     // of another shape than the equation, maybe
  DType dtype{};                           // in which elements are compared
  std::optional<DifferingElements> found;  // nothing where shapes forbid to compare
};

// One text a misfit, empty where nothing fits. Reads the tensors again, at most so many of one kind (the same name in other
// layers and experts) and altogether; the others get no text of their own but that of a suspect that the numbers show.
// `expected` and `leaves` as for PairedPlans.
Result<std::vector<std::string>> diagnose(const EquationSet& set, const HeadGeometry& heads, const std::vector<bool>& excluded, const Plan& expected,
                                          const LeafTensors& leaves, const std::vector<std::filesystem::path>& actual,
                                          const std::vector<Misfit>& misfits, const CompareOptions& options);

}  // namespace weighbridge
