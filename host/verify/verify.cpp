#include "verify/verify.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checkpoints/megatron_document.hpp"
#include "conversion/carried_tensors.hpp"
#include "conversion/reference.hpp"
#include "conversion/source_use.hpp"
#include "verify/compare.hpp"
#include "verify/config_comparison.hpp"
#include "verify/diagnosis.hpp"
#include "verify/element_value.hpp"
#include "verify/paired_plans.hpp"
#include "verify/settled_pairs.hpp"
#include "verify/side_files.hpp"

namespace weighbridge {
namespace {

// The types of a parameter's elements.
struct Types {
  std::vector<DType> right;  // which the parameter may have
  DType compared{};          // in which both sides are compared
};

Types types_of(const ModelPair& pair, const Equation& equation, const StoredTensor& stored) {
  const auto stated = [](const boost::json::object& document) { return dtype_from_torch(string_field(document, "params_dtype").value_or("")); };
  const auto of_config = stated(pair.document.root()), of_checkpoint = stated(pair.checkpoint.document);
  Types types{{}, stored.dtype};
  if (equation.expression.constant) return types;
  const auto& first = equation.expression.pieces.front();
  const auto source = pair.leaves.dtype(first.leaf);
  // What keeps its type here, other programs store in the model's; then values tell whether anything was lost.
  if (equation.keep_dtype) types.right.push_back(source);
  if (first.dtype) types.right.push_back(*first.dtype);
  types.right.push_back(of_checkpoint ? *of_checkpoint : of_config.value_or(source));
  if (std::ranges::all_of(equation.expression.pieces, [&](const Piece& piece) {
        const auto dtype = pair.leaves.dtype(piece.leaf);
        return computes(dtype) && bits(dtype) < bits(stored.dtype) && dtype == source;
      }))
    types.compared = source;
  return types;
}

Difference differing_type(const Equation& equation, const Types& types, DType actual) {
  Difference difference{};
  difference.kind = DifferenceKind::dtype;
  difference.name = equation.live_name();
  difference.expected = to_string(types.right.front());
  difference.actual = to_string(actual);
  return difference;
}

// Where element `index` of an expression's value comes from.
void name_origin(const Equation& equation, const EquationSet& set, std::int64_t index, Difference& difference) {
  const auto& shape = equation.expression.shape;
  const Box box{coordinates_of(index, shape), Shape(shape.size(), 1)};
  for (const auto& piece : equation.expression.pieces) {
    const auto maps = place_target(piece.map, shape, box, Shape(shape.size(), 0), 0);
    if (!maps || maps->empty()) continue;
    const auto& leaf = set.algebra.leaves()[piece.leaf];
    difference.other = leaf.name;
    difference.other_first = coordinates_of(maps->front().source_base, leaf.shape);
    return;
  }
}

// A carried tensor is kept beside the checkpoint, or nowhere.
Status compare_carried(const ModelPair& pair, const CompareOptions& options, Comparison& comparison) {
  Catalogue carried{pair.repository.catalogue.files, {}};
  for (const auto& said : pair.set.declarations)
    if (said.kind == Declaration::Kind::carried)
      for (const auto& name : meant_by(said, pair.set.algebra, pair.repository.catalogue)) carried.tensors.insert(*pair.repository.catalogue.tensors.find(name));
  if (carried.tensors.empty()) return done();
  auto kept = read_carried_tensors(pair.checkpoint.location.folder / kKeptFolder);
  if (!kept) return kept.error();
  if (kept->tensors.empty()) {
    comparison.notes.push_back(fmt::format("{} Hugging Face tensors have no place in Megatron and are not kept beside this checkpoint: {}", carried.tensors.size(),
                                           carried.tensors.begin()->first));
    return done();
  }
  std::erase_if(kept->tensors, [&](const auto& entry) { return !carried.tensors.contains(entry.first); });  // scales are kept there too
  auto compared = compare(carried, *kept, options);
  if (!compared) return compared.error();
  comparison.tensors += compared->tensors;
  comparison.equal += compared->equal;
  comparison.close += compared->close;
  comparison.bytes += compared->bytes;
  std::ranges::move(compared->compared, std::back_inserter(comparison.compared));
  std::ranges::move(compared->differences, std::back_inserter(comparison.differences));
  return done();
}

Status compare_configurations(const ModelPair& pair, Comparison& comparison) {
  auto expected = pair.document.root();
  for (const auto& field : pair.checkpoint.assumed) expected.erase(field);
  if (pair.checkpoint.flavor == MegatronFlavor::megatron_lm) expected.erase("vocab_size");  // args may count padding
  if (pair.checkpoint.document.empty()) {
    auto& missing = comparison.differences.emplace_back();
    missing.kind = DifferenceKind::config;
    missing.name = "configuration";
    missing.expected = "run_config.yaml or args";
    missing.actual = "missing";
    missing.cause = "the Megatron checkpoint does not say what model it is; --weights-only leaves configurations out";
  } else {
    auto fields = compare_documents(expected, pair.checkpoint.document);
    std::ranges::move(fields.differences, std::back_inserter(comparison.differences));
    if (!fields.settings.empty()) comparison.notes.push_back(fmt::format("settings of training differ: {}", fmt::join(fields.settings, "; ")));
  }
  auto files = compare_kept_files(pair.repository, pair.checkpoint, comparison.notes);
  if (!files) return files.error();
  std::ranges::move(*files, std::back_inserter(comparison.differences));
  return done();
}

struct Compared {
  std::size_t equation{};
  Types types;
  bool type_differs{};
};

bool readable(const ModelPair& pair, const Equation& equation) {
  return std::ranges::none_of(equation.expression.pieces, [&](const Piece& piece) { return pair.excluded[piece.leaf]; });
}

}  // namespace

Result<Comparison> verify(ModelPair& pair, const VerifyOptions& options) {
  Comparison comparison;
  comparison.differences = pair.differences;
  comparison.notes = pair.notes;
  auto leaves = tensors_of_leaves(pair.set.algebra, pair.source, pair.expected);
  if (!leaves) return leaves.error();
  pair.leaves = *std::move(leaves);

  PairedPlans plans{pair.expected, pair.leaves, pair.checkpoint.catalogue.files};
  std::vector<Compared> compared;
  std::size_t casts = 0;
  for (std::size_t i = 0; i < pair.set.equations.size(); ++i) {
    const auto& equation = pair.set.equations[i];
    const auto& stored = pair.parameters[i];
    if (!stored || !readable(pair, equation) || equation.expression.constant) continue;
    Compared one{i, types_of(pair, equation, *stored), false};
    one.type_differs = std::ranges::find(one.types.right, stored->dtype) == one.types.right.end();
    if (auto status = plans.add(equation.expression, *stored, one.types.compared); !status) {
      comparison.differences.push_back(differing_type(equation, one.types, stored->dtype));
      comparison.differences.back().cause = status.error().problem;
      continue;
    }
    casts += one.types.compared != stored->dtype || pair.leaves.dtype(equation.expression.pieces.front().leaf) != stored->dtype;
    compared.push_back(std::move(one));
  }
  auto found = plans.compare(options.compare);
  if (!found) return found.error();

  std::vector<Misfit> misfits;
  std::vector<std::size_t> blamed;  // by misfit: its difference
  for (std::size_t i = 0; i < compared.size(); ++i) {
    const auto& [number, types, type_differs] = compared[i];
    const auto& equation = pair.set.equations[number];
    const auto& stored = *pair.parameters[number];
    const StoredTensor form{equation.live_name(), types.compared, equation.expression.shape, {}};
    auto* difference = count_pair(comparison, form, (*found)[i]);
    if (type_differs) {
      if (difference == nullptr) difference = &comparison.differences.emplace_back();
      auto typed = differing_type(equation, types, stored.dtype);
      describe_elements(typed, form, (*found)[i]);
      typed.cause = (*found)[i].differing == 0 ? "the values are the same" : "";
      *difference = std::move(typed);
    }
    if (difference == nullptr || (*found)[i].differing == 0) continue;
    name_origin(equation, pair.set, (*found)[i].first, *difference);
    misfits.push_back({number, stored, types.compared, (*found)[i]});
    blamed.push_back(comparison.differences.size() - 1);
  }
  for (std::size_t i = 0; i < pair.misshapen.size(); ++i) {
    if (!pair.misshapen[i] || !readable(pair, pair.set.equations[i])) continue;
    const auto name = pair.set.equations[i].live_name();
    const auto difference = std::ranges::find(comparison.differences, name, &Difference::name);
    misfits.push_back({i, *pair.misshapen[i], pair.misshapen[i]->dtype, {}});
    blamed.push_back(static_cast<std::size_t>(difference - comparison.differences.begin()));
  }
  if (options.compare.diagnose && !misfits.empty()) {
    const auto causes = diagnose(pair.set, head_geometry(pair.document.root()), pair.excluded, pair.expected, pair.leaves, pair.checkpoint.catalogue.files,
                                 misfits, options.compare);
    if (!causes) return causes.error();
    for (std::size_t i = 0; i < misfits.size(); ++i) comparison.differences[blamed[i]].cause = (*causes)[i];
  }
  if (casts > 0) comparison.notes.push_back(fmt::format("{} parameters are of another type than their Hugging Face tensors; they are compared as the narrower one", casts));
  if (auto status = compare_carried(pair, options.compare, comparison); !status) return status.error();
  if (!options.weights_only)
    if (auto status = compare_configurations(pair, comparison); !status) return status.error();
  conclude(comparison);
  return comparison;
}

}  // namespace weighbridge
