#include "mapping/equation.hpp"

#include <set>

#include <fmt/format.h>

#include "mapping/coverage.hpp"
#include "mapping/live_name.hpp"

namespace weighbridge {
namespace {

Status fault_of(const std::optional<CoverageFault>& fault, const std::string& name, const Shape& shape,
                const char* verb) {
  if (!fault) return done();
  const auto at = coordinates(fault->element, shape);
  std::string problem;
  switch (fault->kind) {
    case CoverageFault::Kind::missing: problem = fmt::format("element {} of {} is {} by no equation", at, to_string(shape), verb); break;
    case CoverageFault::Kind::twice: problem = fmt::format("element {} of {} is {} twice", at, to_string(shape), verb); break;
    case CoverageFault::Kind::unproven:
      return Error{Error::Kind::mismatch, "", name, fmt::format("from element {} on, {} is {} in a pattern too irregular to be proven at this size", at, to_string(shape), verb),
                   "Check the sizes in the configuration; if they are right, report it to the plugin's author"};
    case CoverageFault::Kind::outside: problem = fmt::format("elements beyond {} are {}", to_string(shape), verb); break;
  }
  return Error{Error::Kind::mismatch, "", name, problem, "The equations of the plugin are wrong: report it to its author"};
}

}  // namespace

std::string Equation::live_name() const { return weighbridge::live_name(stack, layer, name, expert, experts); }

std::set<std::uint32_t> EquationSet::leaves_with_zeros() const {
  std::set<std::uint32_t> found;
  for (const auto& said : declarations)
    if (said.kind == Declaration::Kind::zeros)
      if (const auto leaf = algebra.find(said.name)) found.insert(*leaf);
  return found;
}

Status prove(const EquationSet& set) {
  const auto with_zeros = set.leaves_with_zeros();
  const auto& leaves = set.algebra.leaves();
  std::vector<std::vector<StridedMap>> uses(leaves.size());
  std::set<std::string> names;
  for (const auto& equation : set.equations) {
    const auto& expression = equation.expression;
    if (!names.insert(equation.live_name()).second)
      return Error{Error::Kind::mismatch, "", equation.live_name(), "two equations for one parameter",
                   "The equations of the plugin are wrong: report it to its author"};
    std::vector<StridedMap> targets;
    for (const auto& piece : expression.pieces) {
      targets.push_back(piece.map);
      if (!piece.echo) uses[piece.leaf].push_back(piece.map.inverse());
    }
    const auto count = element_count(expression.shape).value_or(0);
    const auto fault = expression.padded ? at_most_once(count, targets) : exact_cover(count, targets);
    if (auto status = fault_of(fault, equation.live_name(), expression.shape, "written"); !status) return status;
  }
  for (std::uint32_t leaf = 0; leaf < leaves.size(); ++leaf) {
    if (leaves[leaf].storage) continue;  // its decoded values are what is used
    const auto count = element_count(leaves[leaf].shape).value_or(0);
    const auto fault = with_zeros.contains(leaf) ? at_most_once(count, uses[leaf]) : exact_cover(count, uses[leaf]);
    if (auto status = fault_of(fault, leaves[leaf].name, leaves[leaf].shape, "used"); !status)
      return status;
  }
  return done();
}

}  // namespace weighbridge
