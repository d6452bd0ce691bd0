// Parameters as Megatron-Core's modules have them, layers and experts complete, and declarations that agree with the equations.

#include <fmt/format.h>
#include <weighbridge/abi.h>

#include <algorithm>
#include <map>
#include <set>

#include "checkpoints/megatron_document.hpp"
#include "conformance/equation_rules.hpp"
#include "conformance/megatron_modules.hpp"
#include "conformance/megatron_shapes.hpp"
#include "mapping/sharding.hpp"

namespace weighbridge {
namespace {

class Parameters {
 public:
  Parameters(const Recording& stated, const boost::json::object& document, std::vector<Violation>& violations)
      : stated_{stated}, document_{document}, violations_{violations} {}

  void check() {
    refusals();
    std::set<std::string> names;
    for (const auto& equation : stated_.set.equations)
      if (!names.insert(equation.live_name()).second) add("stated-twice", equation, "is stated twice");
    for (const auto number : traceable(stated_)) {
      const auto& equation = stated_.set.equations[number];
      split(equation);
      shape(equation);
    }
    for (const auto& equation : stated_.set.equations) name(equation);
    extra_states();
    layers();
    experts();
    declarations();
  }

 private:
  void put(std::string rule, std::string_view what, std::string_view subject, std::string problem,
           std::string remedy = {}) {
    const auto fold = folded(subject);
    Violation violation{
        std::move(rule),  {}, {}, what.empty() ? fold.name : fmt::format("{} {}", what, fold.name), std::move(problem),
        std::move(remedy)};
    if (!fold.where.empty()) violation.where.push_back(fold.where);
    violations_.push_back(std::move(violation));
  }
  void add(std::string rule, const Equation& equation, std::string problem, std::string remedy = {}) {
    put(std::move(rule), "equation of", equation.live_name(), std::move(problem), std::move(remedy));
  }

  // A refused expression belongs to the equation that it is part of.
  void refusals() {
    for (const auto& refusal : stated_.refusals) {
      std::string subject = refusal.subject;
      for (std::size_t i = 0; subject.empty() && i < stated_.roots.size(); ++i)
        if (contains(stated_.roots[i], refusal.handle)) subject = "equation of " + stated_.set.equations[i].live_name();
      put(refusal.rule, {}, subject.empty() ? "an expression of no equation" : subject, refusal.problem,
          refusal.remedy);
    }
  }
  bool contains(std::uint32_t handle, std::uint32_t wanted) const {
    const auto& node = stated_.nodes[handle - 1];
    return handle == wanted || (node.made_up && std::ranges::any_of(node.operands, [&](auto operand) {
                                  return contains(operand, wanted);
                                }));
  }

  static std::string_view live_rest(const Equation& equation) {
    return equation.live_rest.empty() ? equation.name : equation.live_rest;
  }
  // Encoders have modules of their own.
  static bool of_language_model(const Equation& equation) {
    const auto live = equation.live_name();
    const auto name = std::string_view{live}.substr(
        live.starts_with("language_model.") ? std::string_view{"language_model."}.size() : 0);
    return name.starts_with("decoder.") || name.starts_with("mtp.") || name.starts_with("embedding.") ||
           name.starts_with("output_layer.");
  }

  void split(const Equation& equation) {
    const auto& shape = equation.expression.shape;
    if (equation.split != Split::none && static_cast<std::size_t>(equation.split) - 2 >= shape.size())
      return add("split", equation,
                 fmt::format("is {}, but has the shape {}", meaning(equation.split), to_string(shape)),
                 "A vector is replicated, or split by rows");
    const auto* known = known_parameter(live_rest(equation));
    if (known == nullptr || !of_language_model(equation)) return;
    if (known->split && *known->split != equation.split)
      return add(
          "split", equation,
          fmt::format("is {}; Megatron-Core's {} is {}", meaning(equation.split), known->name, meaning(*known->split)),
          *known->split == Split::axis_0   ? "Use column(…)"
          : *known->split == Split::axis_1 ? "Use row(…)"
                                           : "Use replicated(…) or norm(…)");
    const auto& parts = equation.expression.parts;
    const bool halves =
        parts && parts->axis == 0 && parts->extents.size() == 2 && parts->extents[0] == parts->extents[1];
    if (known->gated && flag_field(document_, "gated_linear_unit") && !halves && shape[0] % 2 == 0)
      return add("split", equation,
                 "is cut as one piece; Megatron-Core gives every rank its share of the gate and its share of the up "
                 "projection",
                 "Use concat(gate, up)");
    if (const auto cut = cut_of(equation); cut && !divides(*cut, 2) && model_divides(equation))
      add("indivisible", equation,
          fmt::format(
              "a part of {} does not divide among 2 tensor-parallel ranks, although heads, groups and feed-forward "
              "widths do",
              fmt::format("{} rows", *std::ranges::find_if(cut->parts, [](auto extent) { return extent % 2 != 0; }))));
  }

  bool model_divides(const Equation& equation) const {
    for (const auto* field : {"num_attention_heads", "num_query_groups", "ffn_hidden_size", "moe_ffn_hidden_size",
                              "moe_shared_expert_intermediate_size", "kv_channels"})
      if (const auto number = integer_field(document_, field); number && *number % 2 != 0) return false;
    return !equation.vocabulary && flag_field(document_, "gated_linear_unit") &&
           !flag_field(document_, "multi_latent_attention");
  }

  void shape(const Equation& equation) {
    if (!of_language_model(equation)) return;
    if (const auto made = megatron_shape(equation.name, document_); made && *made != equation.expression.shape)
      add("megatron-shape", equation,
          fmt::format("has the shape {}; of the document ({}) Megatron-Core makes it {}",
                      to_string(equation.expression.shape), shape_fields(document_), to_string(*made)));
  }

  void name(const Equation& equation) {
    if (!of_language_model(equation)) return;
    const auto rest = live_rest(equation);
    if (known_parameter(rest) != nullptr) return;
    if (const auto near = near_name(rest))
      add("module-name", equation, "Megatron-Core has no such parameter", fmt::format("Did you mean {}?", *near));
    else
      add("unknown-module", equation, "no parameter of Megatron-Core that this program knows");
  }

  static std::string module_of(std::string_view name) {
    const auto dot = name.rfind('.');
    return std::string{dot == name.npos ? name : name.substr(0, dot)};
  }

  // A module keeps what any of its parameters says.
  void extra_states() {
    struct Module {
      std::uint8_t state{WB_EXTRA_ABSENT};
      const KnownParameter* known{};
      bool in_language_model{};
    };
    std::map<std::string, Module> modules;
    std::set<std::string> parameters;
    for (const auto& equation : stated_.set.equations) {
      const auto live = equation.live_name();
      for (auto at = live.find('.'); at != live.npos; at = live.find('.', at + 1))
        parameters.insert(live.substr(0, at));
      auto& module = modules[module_of(live)];
      module.state = std::max(module.state, equation.extra_state);
      module.in_language_model = of_language_model(equation);
      if (const auto* known = known_parameter(live_rest(equation)); known && known->state != KnownParameter::State::any)
        module.known = known;
    }
    for (const auto& said : stated_.set.modules) {
      const auto live =
          fmt::format("{}{}{}", said.stack, said.stack.empty() ? "" : std::to_string(said.layer) + ".", said.name);
      modules[live].state = std::max(modules[live].state, said.extra_state);
      if (!parameters.contains(live) && !live.ends_with("output_layer") && !live.ends_with("core_attention"))
        put("extra-state", "module", live, "is said to keep an extra state or none, but no parameter lies below it",
            "Name a module of the model");
    }
    for (const auto& [name, module] : modules) {
      if (module.known == nullptr || !module.in_language_model) continue;
      if (module.known->state == KnownParameter::State::kept && module.state == WB_EXTRA_ABSENT)
        put("extra-state", "module", name,
            "keeps an extra state in Megatron-Core, and loading fails without one; the equations state none");
      if (module.known->state == KnownParameter::State::absent && module.state != WB_EXTRA_ABSENT)
        put("extra-state", "module", name, "keeps no extra state in Megatron-Core; the equations state one");
    }
  }

  void layers() {
    std::map<std::string, std::pair<std::int64_t, std::set<std::int64_t>>> stacks;
    for (const auto& equation : stated_.set.equations) {
      if (equation.stack.empty()) continue;
      if (equation.layer < 0 || equation.layer >= equation.layers) {
        put("layers", {}, "equation of " + equation.stack + "{L}." + equation.name,
            fmt::format("is of layer {} of {}", equation.layer, equation.layers));
        continue;
      }
      auto& [count, found] = stacks[equation.stack];
      const auto layer = equation.live_layer.value_or(equation.layer);
      count = std::max({count, equation.live_layer ? layer + 1 : equation.layers});
      found.insert(layer);
    }
    for (const auto& [stack, layers] : stacks) {
      std::vector<std::int64_t> missing;
      for (std::int64_t layer = 0; layer < layers.first; ++layer)
        if (!layers.second.contains(layer)) missing.push_back(layer);
      if (!missing.empty())
        put("layers", {}, "stack " + stack,
            fmt::format("has {} layers, but no equation for layer {}", layers.first, fmt::join(missing, ", ")));
      const auto number = integer_field(document_, "num_layers");
      const bool of_decoder = stack == "decoder.layers." || stack == "language_model.decoder.layers.";
      if (of_decoder && number && *number != layers.first)
        put("layers", {}, "stack " + stack,
            fmt::format("has {} layers; num_layers of the document is {}", layers.first, *number));
    }
  }

  void experts() {
    std::map<std::string, std::pair<std::int64_t, std::set<std::int64_t>>> groups;
    for (const auto& equation : stated_.set.equations) {
      if (equation.experts == 0) continue;
      auto& [count, found] = groups[fmt::format("{}{}.{}", equation.stack, equation.live_layer.value_or(equation.layer),
                                                live_rest(equation))];
      count = std::max(count, equation.experts);
      found.insert(equation.expert);
    }
    for (const auto& [name, group] : groups)
      if (static_cast<std::int64_t>(group.second.size()) != group.first)
        put("layers", "equations of", name,
            fmt::format("there are {} of {} experts", group.second.size(), group.first));
  }

  void declarations() {
    std::set<std::string> used;
    for (const auto number : traceable(stated_))
      for (const auto& piece : stated_.set.equations[number].expression.pieces)
        used.insert(stated_.set.algebra.leaves()[piece.leaf].name);
    for (const auto& said : stated_.set.declarations) {
      using Kind = Declaration::Kind;
      if (said.kind == Kind::zeros) {
        if (!used.contains(said.name)) put("declaration", "tensor", said.name, "is said to have zeros where no equation uses it, and none uses any of it");
        continue;
      }
      if (said.kind != Kind::carried && used.contains(said.name))
        put("declaration", "tensor", said.name,
            fmt::format("is said to be {}, but equations use it", said.kind == Kind::dropped       ? "dropped"
                                                                  : said.kind == Kind::synthesised ? "synthesised"
                                                                                                   : "a copy"));
      if ((said.kind == Kind::tied || said.kind == Kind::copy) && !used.contains(said.other))
        put("declaration", "tensor", said.name,
            fmt::format("is said to be a copy of {}, which no equation uses",
                        said.other.empty() ? "nothing" : said.other));
    }
  }

  const Recording& stated_;
  const boost::json::object& document_;
  std::vector<Violation>& violations_;
};

}  // namespace

void check_parameters(const Recording& stated, const boost::json::object& document,
                      std::vector<Violation>& violations) {
  Parameters{stated, document, violations}.check();
}

void check_tensor_list(const Recording& stated, const Check& check, std::vector<Violation>& violations) {
  if (check.tensors.empty()) return;
  std::map<std::string, Shape> named;
  std::set<std::string> declared;
  for (const auto& leaf : stated.set.algebra.leaves())
    if (!leaf.decoding && leaf.name.front() != '\x01') named.emplace(folded(leaf.name).name, leaf.shape);
  for (const auto& said : stated.set.declarations) declared.insert(folded(said.name).name);
  for (const auto& [name, shape] : check.tensors) {
    const auto found = named.find(name);
    if (found == named.end()) {
      const bool carried = std::ranges::any_of(declared, [&](const auto& one) {
        return one.ends_with('*') && name.starts_with(std::string_view{one}.substr(0, one.size() - 1));
      });
      if (!carried && !declared.contains(name))
        violations.push_back({"tensor-list",
                              {},
                              {},
                              "tensor " + name,
                              "is in the list of the check, but neither used nor spoken of",
                              "Use it, or say dropped, tied or carried"});
    } else if (shape && *shape != found->second) {
      violations.push_back({"tensor-list",
                            {},
                            {},
                            "tensor " + name,
                            fmt::format("is {} in the list of the check and {} in the equations", to_string(*shape),
                                        to_string(found->second)),
                            {}});
    }
  }
  for (const auto& [name, shape] : named)
    if (!check.tensors.contains(name))
      violations.push_back({"tensor-list", {}, {}, "tensor " + name, "is used, but not in the list of the check", {}});
}

}  // namespace weighbridge
