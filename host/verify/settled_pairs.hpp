#pragma once
// What is said of a pair of tensors.

#include <optional>
#include <vector>

#include "tensor/stored_tensor.hpp"
#include "verify/comparison.hpp"
#include "verify/streamed_comparison.hpp"

namespace weighbridge {

// The difference if dtype or shape forbid to compare elements.
std::optional<Difference> differing_form(const StoredTensor& expected, const StoredTensor& actual);
// What was found of the elements of a tensor of this form.
void describe_elements(Difference& difference, const StoredTensor& tensor, const DifferingElements& found);
// Adds a pair whose elements were compared; gives its difference, if it has one, until the next is added. Name and form are
// those of `tensor`.
Difference* count_pair(Comparison& comparison, const StoredTensor& tensor, const DifferingElements& found);
// Fields and files first, then tensors by name; and a note if no tensor is equal.
void conclude(Comparison& comparison);
void sort_by_name(std::vector<Difference>& differences);

}  // namespace weighbridge
