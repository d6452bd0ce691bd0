#include "verify/settled_pairs.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "verify/element_value.hpp"

namespace weighbridge {

std::optional<Difference> differing_form(const StoredTensor& expected, const StoredTensor& actual) {
  Difference difference{};
  difference.name = expected.name;
  if (expected.dtype != actual.dtype) {
    difference.kind = DifferenceKind::dtype;
    difference.expected = to_string(expected.dtype);
    difference.actual = to_string(actual.dtype);
  } else if (expected.shape != actual.shape) {
    difference.kind = DifferenceKind::shape;
    difference.expected = to_string(expected.shape);
    difference.actual = to_string(actual.shape);
  } else {
    return {};
  }
  return difference;
}

void describe_elements(Difference& difference, const StoredTensor& tensor, const DifferingElements& found) {
  difference.elements = element_count(tensor.shape).value_or(0);
  difference.differing = found.differing;
  if (found.differing > 0) difference.first = coordinates_of(found.first, tensor.shape);
  difference.max_abs_difference = found.max_abs_difference;
  difference.max_relative_difference = found.max_relative_difference;
  difference.not_numbers = found.not_numbers;
}

Difference* count_pair(Comparison& comparison, const StoredTensor& tensor, const DifferingElements& found) {
  ++comparison.tensors;
  comparison.compared.push_back({tensor.name, tensor.dtype, tensor.shape, found.differing, found.max_abs_difference, found.max_relative_difference});
  comparison.bytes += static_cast<std::uint64_t>(byte_count(tensor.shape, tensor.dtype).value_or(0));
  if (found.beyond == 0) {
    ++(found.differing == 0 ? comparison.equal : comparison.close);
    return nullptr;
  }
  Difference difference{};
  difference.kind = DifferenceKind::bits;
  difference.name = tensor.name;
  difference.expected = element_text(tensor.dtype, found.expected_bits);
  difference.actual = element_text(tensor.dtype, found.actual_bits);
  describe_elements(difference, tensor, found);
  return &comparison.differences.emplace_back(std::move(difference));
}

void conclude(Comparison& comparison) {
  sort_by_name(comparison.differences);
  std::stable_partition(comparison.differences.begin(), comparison.differences.end(), [](const Difference& difference) {
    return difference.kind == DifferenceKind::config || difference.kind == DifferenceKind::file;
  });
  if (comparison.tensors > 1 && comparison.equal + comparison.close == 0)
    comparison.notes.emplace_back("no tensor is equal: the two are of different models, or of different steps of training");
}

void sort_by_name(std::vector<Difference>& differences) {
  std::stable_sort(differences.begin(), differences.end(), [](const Difference& a, const Difference& b) {
    return std::tie(a.name, a.kind) < std::tie(b.name, b.kind);
  });
}

}  // namespace weighbridge
