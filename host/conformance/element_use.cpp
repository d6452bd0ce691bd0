// Every element of a tensor is used once, every element of a parameter comes from one.

#include <fmt/format.h>
#include <weighbridge/abi.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "conformance/equation_rules.hpp"

namespace weighbridge {
namespace {

struct Use {
  std::vector<std::int32_t> first;  // by element: number of the equation that uses it, or -1
  std::vector<bool> echoed;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::int64_t>> twice;  // by equations: the elements
};

void add(std::vector<Violation>& violations, std::string rule, std::string_view what, std::string_view name,
         std::string problem, std::string remedy = {}) {
  const auto fold = folded(name);
  Violation violation{std::move(rule),  {}, {}, fmt::format("{} {}", what, fold.name), std::move(problem),
                      std::move(remedy)};
  if (!fold.where.empty()) violation.where.push_back(fold.where);
  violations.push_back(std::move(violation));
}

// The names of tensors below an expression.
void names_below(const std::vector<RecordedNode>& nodes, std::uint32_t handle, std::set<std::string>& names,
                 std::set<std::uint32_t>& seen) {
  if (!seen.insert(handle).second) return;
  const auto& node = nodes[handle - 1];
  if (node.operation == WB_TENSOR) names.insert(node.name);
  for (const auto operand : node.operands) names_below(nodes, operand, names, seen);
}

class ElementUse {
 public:
  ElementUse(const Recording& stated, Tracer& tracer, std::vector<Violation>& violations)
      : stated_{stated}, tracer_{tracer}, violations_{violations} {}

  void check() {
    for (const auto number : traceable(stated_)) parameter(number);
    // Tensors of refused expressions are accounted for by the refusal.
    std::set<std::uint32_t> seen;
    for (const auto& refusal : stated_.refusals)
      if (refusal.handle != 0) names_below(stated_.nodes, refusal.handle, excused_, seen);
    for (std::size_t i = 0; i < stated_.roots.size(); ++i)
      if (stated_.nodes[stated_.roots[i] - 1].made_up) names_below(stated_.nodes, stated_.roots[i], excused_, seen);
    std::set<std::string> used;
    for (std::size_t i = 0; i < tracer_.tensors().size(); ++i) {
      used.insert(tracer_.tensors()[i].name);
      if (!excused_.contains(tracer_.tensors()[i].name)) tensor(i);
    }
    for (const auto& node : stated_.nodes)
      if (node.operation == WB_TENSOR && !node.made_up && !used.contains(node.name) && !excused_.contains(node.name) &&
          used.insert(node.name).second)
        add(violations_, "unused", "tensor", node.name, "is named, but no equation uses it",
            "Use it, or say dropped, tied or carried");
  }

 private:
  void parameter(std::size_t number) {
    const auto& equation = stated_.set.equations[number];
    const auto& traced = tracer_.of(stated_.roots[number]);
    std::vector<std::int64_t> padding;
    for (std::size_t i = 0; i < traced.elements.size(); ++i) {
      const auto& element = traced.elements[i];
      if (element.tensor < 0) {
        padding.push_back(static_cast<std::int64_t>(i));
        continue;
      }
      auto& use = use_of(element.tensor);
      const auto at = static_cast<std::size_t>(element.index);
      if (element.echo)
        use.echoed[at] = true;
      else if (use.first[at] < 0)
        use.first[at] = static_cast<std::int32_t>(number);
      else
        use.twice[{static_cast<std::size_t>(use.first[at]), number}].push_back(element.index);
    }
    if (!padding.empty() && !equation.vocabulary && !equation.expression.constant)
      add(violations_, "padding", "equation of", equation.live_name(),
          fmt::format("{} of {} come from no tensor", ranges_of(padding, traced.shape), to_string(traced.shape)));
  }

  Use& use_of(std::int32_t tensor) {
    const auto at = static_cast<std::size_t>(tensor);
    if (uses_.size() <= at) uses_.resize(at + 1);
    auto& use = uses_[at];
    if (use.first.empty()) {
      const auto count = static_cast<std::size_t>(element_count(tracer_.tensors()[at].shape).value_or(0));
      use.first.assign(count, -1);
      use.echoed.assign(count, false);
    }
    return use;
  }

  void tensor(std::size_t number) {
    const auto& [name, shape] = tracer_.tensors()[number];
    const auto& use = use_of(static_cast<std::int32_t>(number));
    for (const auto& [equations, elements] : use.twice) overlap(name, shape, equations, elements);
    std::vector<std::int64_t> unused, echoed;
    for (std::size_t i = 0; i < use.first.size(); ++i)
      if (use.first[i] < 0) (use.echoed[i] ? echoed : unused).push_back(static_cast<std::int64_t>(i));
    if (!unused.empty())
      add(violations_, "unused", "tensor", name,
          fmt::format("{} of {} are used by no equation", ranges_of(unused, shape), to_string(shape)));
    if (!echoed.empty())
      add(violations_, "echo-only", "tensor", name,
          fmt::format("{} of {} reach Megatron only as echo, so an export cannot give them back",
                      ranges_of(echoed, shape), to_string(shape)));
  }

  void overlap(const std::string& name, const Shape& shape, std::pair<std::size_t, std::size_t> equations,
               const std::vector<std::int64_t>& elements) {
    const auto parameter_name = [&](std::size_t i) { return folded(stated_.set.equations[i].live_name()).name; };
    const bool same = equations.first == equations.second;
    const auto by = same ? "in the equation of " + parameter_name(equations.first)
                         : fmt::format("by the equations of {} and {}", parameter_name(equations.first),
                                       parameter_name(equations.second));
    const bool whole = static_cast<std::int64_t>(elements.size()) == element_count(shape);
    std::string remedy;
    if (const auto other = forgotten(name, shape))
      remedy = fmt::format("Did you mean {}, which no equation uses?", folded(*other).name);
    else if (!whole)
      remedy = "Let the slices follow one another; did you mean concat of the parts?";
    else
      remedy = "Use it once, and echo(…) where Megatron has it once more";
    add(violations_, "overlap", "tensor", name,
        fmt::format("{} of {} are used twice {}", ranges_of(elements, shape), to_string(shape), by), std::move(remedy));
  }

  // A tensor of the same layer and shape that the family names and forgets.
  std::optional<std::string> forgotten(const std::string& name, const Shape& shape) const {
    const auto place = folded(name).where;
    for (const auto& node : stated_.nodes) {
      if (node.operation != WB_TENSOR || node.made_up || node.shape != shape || node.name == name ||
          folded(node.name).where != place)
        continue;
      if (std::ranges::find(tracer_.tensors(), node.name, &TracedTensor::name) == tracer_.tensors().end())
        return node.name;
    }
    return {};
  }

  const Recording& stated_;
  Tracer& tracer_;
  std::vector<Violation>& violations_;
  std::vector<Use> uses_;
  std::set<std::string> excused_;
};

}  // namespace

std::vector<std::size_t> traceable(const Recording& stated) {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < stated.roots.size(); ++i)
    if (!stated.nodes[stated.roots[i] - 1].made_up) numbers.push_back(i);
  return numbers;
}

void check_element_use(const Recording& stated, Tracer& tracer, std::vector<Violation>& violations) {
  ElementUse{stated, tracer, violations}.check();
}

}  // namespace weighbridge
