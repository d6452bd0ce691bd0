#include "verify/compare.hpp"

#include <utility>

#include <fmt/format.h>

#include "verify/paired_tensors.hpp"
#include "verify/settled_pairs.hpp"
#include "verify/stored_plan.hpp"
#include "verify/streamed_comparison.hpp"

namespace weighbridge {

Result<Comparison> compare(const Catalogue& expected, const Catalogue& actual, const CompareOptions& options, Naming naming) {
  auto paired = pair_tensors(expected, actual, naming);
  Comparison comparison;
  comparison.differences = std::move(paired.differences);
  std::vector<StoredTensor> left, right;  // that can be compared
  for (std::size_t i = 0; i < paired.expected.size(); ++i) {
    auto& one = paired.expected[i];
    auto& other = paired.actual[i];
    if (auto difference = differing_form(one, other)) {
      comparison.differences.push_back(std::move(*difference));
    } else {
      left.push_back(std::move(one));
      right.push_back(std::move(other));
    }
  }
  const auto left_plan = stored_plan(expected.files, left, "expected");
  if (!left_plan) return left_plan.error();
  const auto right_plan = stored_plan(actual.files, right, "actual");
  if (!right_plan) return right_plan.error();
  std::vector<PlannedPair> pairs;
  for (std::size_t i = 0; i < left.size(); ++i) pairs.push_back({i, i});
  const auto found = streamed_comparison(*left_plan, *right_plan, pairs, options);
  if (!found) return found.error();
  for (std::size_t i = 0; i < pairs.size(); ++i) count_pair(comparison, left[i], (*found)[i]);
  sort_by_name(comparison.differences);
  return comparison;
}

Result<Comparison> compare(const AnyCheckpoint& expected, const AnyCheckpoint& actual, const CompareOptions& options) {
  if (expected.kind() != actual.kind())
    return Error{Error::Kind::usage, actual.folder().string(), "",
                 fmt::format("it is a {} checkpoint, and {} is a {} one", to_string(actual.kind()), expected.folder().string(),
                             to_string(expected.kind())),
                 "Compare two of one kind, or verify an export against a Hugging Face folder"};
  const auto naming = expected.kind() == CheckpointKind::megatron ? Naming::megatron : Naming::exact;
  return compare(expected.catalogue(), actual.catalogue(), options, naming);
}

}  // namespace weighbridge
