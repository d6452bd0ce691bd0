#include "verify/verify.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "verify/paired_tensors.hpp"
#include "verify/settled_pairs.hpp"
#include "verify/stored_plan.hpp"
#include "verify/streamed_comparison.hpp"

namespace weighbridge {
namespace {

Difference difference_of(DifferenceKind kind, const std::string& name, std::string expected, std::string actual) {
  Difference difference{};
  difference.kind = kind;
  difference.name = name;
  difference.expected = std::move(expected);
  difference.actual = std::move(actual);
  return difference;
}

}  // namespace

Result<Comparison> verify(const Plan& export_plan, const Catalogue& hugging_face, const CompareOptions& options) {
  Comparison comparison;
  std::vector<PlannedPair> pairs;
  std::vector<StoredTensor> there;  // actual[i] of the pairs
  std::map<std::string_view, std::size_t> planned;
  for (std::size_t i = 0; i < export_plan.tensors.size(); ++i) {
    const auto& made = export_plan.tensors[i];
    if (!planned.emplace(made.name, i).second)
      return Error{Error::Kind::mismatch, "", made.name, "the plan makes two tensors of this one name",
                   "The plan is faulty; please report this with the command that you ran"};
    const auto size = fmt::format("{} bytes", made.bytes);
    const auto found = hugging_face.tensors.find(made.name);
    if (found == hugging_face.tensors.end()) {
      comparison.differences.push_back(
          difference_of(DifferenceKind::missing, made.name, fmt::format("{} {}", to_string(made.dtype), size), ""));
      continue;
    }
    const auto& tensor = found->second;
    const auto bytes = byte_count(tensor.shape, tensor.dtype);
    if (tensor.dtype != made.dtype) {
      comparison.differences.push_back(difference_of(DifferenceKind::dtype, made.name, std::string{to_string(made.dtype)},
                                                     std::string{to_string(tensor.dtype)}));
    } else if (!bytes || static_cast<std::uint64_t>(*bytes) != made.bytes) {
      comparison.differences.push_back(difference_of(DifferenceKind::shape, made.name, size, to_string(tensor.shape)));
    } else {
      pairs.push_back({i, pairs.size()});
      there.push_back(tensor);
    }
  }
  for (const auto& [name, tensor] : hugging_face.tensors)
    if (!planned.contains(name))
      comparison.differences.push_back(difference_of(DifferenceKind::unexpected, name, "", described(tensor)));

  const auto actual = stored_plan(hugging_face.files, there, "actual");
  if (!actual) return actual.error();
  const auto found = streamed_comparison(export_plan, *actual, pairs, options);
  if (!found) return found.error();
  for (std::size_t i = 0; i < pairs.size(); ++i) count_pair(comparison, there[i], (*found)[i]);
  sort_by_name(comparison.differences);
  return comparison;
}

}  // namespace weighbridge
