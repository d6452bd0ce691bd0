#include "conversion/stored_parameters.hpp"

#include <fmt/format.h>

#include <set>

#include "conversion/source_use.hpp"

namespace weighbridge {
namespace {

std::optional<LiveTensor> live_parameter(const Equation& equation, const Catalogue& catalogue) {
  if (equation.experts > 0) return find_live_expert(catalogue, equation.stack, equation.layer, equation.name, equation.expert);
  if (equation.stack.empty()) return find_live(catalogue, equation.name);
  return find_live(catalogue, equation.stack, equation.layer, equation.name);
}

// What the equation says of the leading axes along which a checkpoint may join parameters.
Shape joined_extents(const Equation& equation, std::size_t axes) {
  if (axes == 2) return {equation.layers, equation.experts};
  return {equation.experts > 0 ? equation.experts : equation.layers};
}

}  // namespace

Result<std::vector<StoredTensor>> stored_parameters(const EquationSet& set, const TorchDistCheckpoint& checkpoint, bool strict, Conversion& conversion) {
  const auto folder = checkpoint.location.folder.string();
  std::vector<StoredTensor> parameters;
  std::vector<std::string> missing;
  std::set<std::string> used;
  for (const auto& equation : set.equations) {
    const auto live = live_parameter(equation, checkpoint.catalogue);
    if (!live) {
      missing.push_back(equation.live_name());
      continue;
    }
    if (!live->joined.empty() && live->joined != joined_extents(equation, live->joined.size()))
      return Error{Error::Kind::mismatch, folder, "tensor " + live->key,
                   fmt::format("joins {} layers or experts; the configuration has {}", to_string(live->joined),
                               to_string(joined_extents(equation, live->joined.size()))),
                   "Give the configuration that belongs to these weights"};
    auto expected = equation.expression.shape;
    const auto& found = live->tensor.shape;
    if (equation.vocabulary && found.size() == expected.size() && found[0] > expected[0]) {
      conversion.padded.push_back({equation.live_name(), fmt::format("{} rows of vocabulary padding are cut off", found[0] - expected[0])});
      expected[0] = found[0];
    }
    if (found != expected)
      return Error{Error::Kind::mismatch, folder, "tensor " + equation.live_name(),
                   fmt::format("has the shape {}; the configuration makes it {}", to_string(found), to_string(expected)),
                   "Check the configuration of the checkpoint, or the reference given as --hf-model, against the weights"};
    used.insert(live->key);
    if (live->key.ends_with("_w")) used.insert(live->key.substr(0, live->key.size() - 2) + "_v");
    parameters.push_back(live->tensor);
  }
  if (!missing.empty())
    return Error{Error::Kind::mismatch, folder, fmt::format("tensors {}", some_of(missing)), "needed by the equations but not in the checkpoint",
                 "Check that the checkpoint is complete and of this model"};
  std::vector<std::string> unused;
  for (const auto& [key, tensor] : checkpoint.catalogue.tensors)
    if (!used.contains(key)) unused.push_back(key);
  if (!unused.empty() && strict)
    return Error{Error::Kind::mismatch, folder, fmt::format("tensors {}", some_of(unused)),
                 "in the checkpoint but used by no equation: converting would lose them",
                 "Check that the configuration belongs to these weights; --not-strict leaves them out and says so"};
  for (const auto& key : unused) conversion.dropped.push_back({key, "no equation uses it (--not-strict)"});
  return parameters;
}

}  // namespace weighbridge
