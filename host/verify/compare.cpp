#include "verify/compare.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "verify/config_comparison.hpp"
#include "verify/diagnosis.hpp"
#include "verify/model_pair.hpp"
#include "verify/paired_plans.hpp"
#include "verify/paired_tensors.hpp"
#include "verify/settled_pairs.hpp"
#include "verify/side_files.hpp"
#include "verify/stored_plan.hpp"
#include "verify/streamed_comparison.hpp"

namespace weighbridge {
namespace {

// Every tensor is itself: the equations of a checkpoint compared with another of its kind.
struct Identities {
  EquationSet set;
  LeafTensors leaves;
  Plan plan;
};

Result<Identities> identities(const std::vector<std::filesystem::path>& files, const std::vector<StoredTensor>& tensors) {
  Identities made;
  made.plan.sources = files;
  for (const auto& tensor : tensors) {
    auto expression = made.set.algebra.tensor(tensor.name, tensor.shape);
    if (!expression) return expression.error();
    Equation equation;
    equation.name = tensor.name;
    equation.expression = *std::move(expression);
    made.set.equations.push_back(std::move(equation));
    made.leaves.add(tensor);
  }
  return made;
}

std::optional<DType> narrower(DType one, DType other) {
  if (!computes(one) || !computes(other)) return {};
  return bits(one) < bits(other) ? one : other;
}

// The pairs by number, and what was found of each.
struct Pairs {
  std::vector<StoredTensor> expected, actual;
  std::vector<std::optional<DifferingElements>> found;
  std::vector<std::optional<std::size_t>> difference;  // in the comparison
};

Status explain(const Catalogue& expected, const Catalogue& actual, const Pairs& pairs, const HeadGeometry& heads, const CompareOptions& options, Comparison& comparison) {
  auto made = identities(expected.files, pairs.expected);
  if (!made) return made.error();
  std::vector<Misfit> misfits;
  std::vector<std::size_t> blamed;
  for (std::size_t i = 0; i < pairs.expected.size(); ++i) {
    const auto type = pairs.expected[i].dtype == pairs.actual[i].dtype ? std::optional{pairs.actual[i].dtype} : narrower(pairs.expected[i].dtype, pairs.actual[i].dtype);
    if (!pairs.difference[i] || !type || bits(*type) < 8 || (pairs.found[i] && pairs.found[i]->differing == 0)) continue;
    misfits.push_back({i, pairs.actual[i], *type, pairs.found[i]});
    blamed.push_back(*pairs.difference[i]);
  }
  if (misfits.empty()) return done();
  const std::vector<bool> excluded(made->set.algebra.leaves().size());
  auto causes = diagnose(made->set, heads, excluded, made->plan, made->leaves, actual.files, misfits, options);
  if (!causes) return causes.error();
  for (std::size_t i = 0; i < misfits.size(); ++i)
    if (!(*causes)[i].empty()) comparison.differences[blamed[i]].cause = std::move((*causes)[i]);
  return done();
}

// Of pairs whose types differ: their values.
Status compare_values(const Catalogue& expected, const Catalogue& actual, Pairs& pairs, const CompareOptions& options, Comparison& comparison) {
  auto made = identities(expected.files, pairs.expected);
  if (!made) return made.error();
  PairedPlans plans{made->plan, made->leaves, actual.files};
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < pairs.expected.size(); ++i) {
    const auto& one = pairs.expected[i];
    const auto& other = pairs.actual[i];
    const auto type = one.dtype != other.dtype && one.shape == other.shape ? narrower(one.dtype, other.dtype) : std::nullopt;
    if (type && plans.add(made->set.equations[i].expression, other, *type)) numbers.push_back(i);
  }
  const auto found = plans.compare(options);
  if (!found) return found.error();
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    const auto i = numbers[k];
    auto& difference = comparison.differences[*pairs.difference[i]];
    pairs.found[i] = (*found)[k];
    describe_elements(difference, pairs.expected[i], (*found)[k]);
    if ((*found)[k].differing == 0) difference.cause = "the values are the same";
  }
  return done();
}

}  // namespace

Result<Comparison> compare(const Catalogue& expected, const Catalogue& actual, const CompareOptions& options, Naming naming, const HeadGeometry& heads) {
  auto paired = pair_tensors(expected, actual, naming);
  Comparison comparison;
  comparison.differences = std::move(paired.differences);
  Pairs pairs{std::move(paired.expected), std::move(paired.actual), {}, {}};
  pairs.found.resize(pairs.expected.size());
  pairs.difference.resize(pairs.expected.size());
  std::vector<StoredTensor> left, right;  // of one type and shape
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < pairs.expected.size(); ++i) {
    if (auto difference = differing_form(pairs.expected[i], pairs.actual[i])) {
      pairs.difference[i] = comparison.differences.size();
      comparison.differences.push_back(std::move(*difference));
    } else {
      left.push_back(pairs.expected[i]);
      right.push_back(pairs.actual[i]);
      numbers.push_back(i);
    }
  }
  const auto left_plan = stored_plan(expected.files, left, "expected");
  if (!left_plan) return left_plan.error();
  const auto right_plan = stored_plan(actual.files, right, "actual");
  if (!right_plan) return right_plan.error();
  std::vector<PlannedPair> planned;
  for (std::size_t i = 0; i < left.size(); ++i) planned.push_back({i, i});
  const auto found = streamed_comparison(*left_plan, *right_plan, planned, options);
  if (!found) return found.error();
  for (std::size_t i = 0; i < planned.size(); ++i) {
    pairs.found[numbers[i]] = (*found)[i];
    if (count_pair(comparison, left[i], (*found)[i]) != nullptr) pairs.difference[numbers[i]] = comparison.differences.size() - 1;
  }
  if (auto status = compare_values(expected, actual, pairs, options, comparison); !status) return status.error();
  if (options.diagnose)
    if (auto status = explain(expected, actual, pairs, heads, options, comparison); !status) return status.error();
  conclude(comparison);
  return comparison;
}

namespace {

HeadGeometry heads_of(const AnyCheckpoint& checkpoint) {
  if (const auto* megatron = std::get_if<MegatronCheckpoint>(&checkpoint.content)) return head_geometry(megatron->document);
  const auto& config = std::get<HuggingFaceRepository>(checkpoint.content).config;
  HeadGeometry heads;
  for (const std::string part : {"", "text_config."}) {
    const auto hidden = config.integer(part + "hidden_size"), count = config.integer(part + "num_attention_heads");
    if (const auto width = config.integer(part + "head_dim")) heads.rotated_widths.push_back(*width);
    else if (hidden && count && *count > 0) heads.rotated_widths.push_back(*hidden / *count);
    if (const auto rotated = config.integer(part + "qk_rope_head_dim")) heads.rotated_widths.push_back(*rotated);
  }
  return heads;
}

Status compare_beside(const AnyCheckpoint& expected, const AnyCheckpoint& actual, Comparison& comparison) {
  if (const auto* one = std::get_if<MegatronCheckpoint>(&expected.content)) {
    auto fields = compare_documents(one->document, std::get<MegatronCheckpoint>(actual.content).document);
    std::ranges::move(fields.differences, std::back_inserter(comparison.differences));
    for (auto& setting : fields.settings) comparison.notes.push_back(std::move(setting));
    return done();
  }
  auto files = compare_side_files(std::get<HuggingFaceRepository>(expected.content), std::get<HuggingFaceRepository>(actual.content));
  if (!files) return files.error();
  std::ranges::move(*files, std::back_inserter(comparison.differences));
  return done();
}

}  // namespace

Result<Comparison> compare(const AnyCheckpoint& expected, const AnyCheckpoint& actual, const CompareOptions& options, bool weights_only) {
  if (expected.kind() != actual.kind())
    return Error{Error::Kind::usage, actual.folder().string(), "",
                 fmt::format("it is a {} checkpoint, and {} is a {} one", to_string(actual.kind()), expected.folder().string(),
                             to_string(expected.kind())),
                 "Compare two of one kind; `weighbridge verify` looks at a Hugging Face and a Megatron checkpoint"};
  const auto naming = expected.kind() == CheckpointKind::megatron ? Naming::megatron : Naming::exact;
  auto comparison = compare(expected.catalogue(), actual.catalogue(), options, naming, heads_of(expected));
  if (!comparison || weights_only) return comparison;
  comparison->notes.clear();  // said again at the end
  if (auto status = compare_beside(expected, actual, *comparison); !status) return status.error();
  conclude(*comparison);
  return comparison;
}

}  // namespace weighbridge
