#pragma once
// What usually goes wrong when weights are converted, as equations: other expressions over the same tensors, each with the
// words that are true if a parameter holds just that.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mapping/equation.hpp"
#include "mapping/expression.hpp"

namespace weighbridge {

// What of a model a parameter is. Parameters of one `kind` differ by layer and expert only.
struct Place {
  std::string stack, kind, name;  // "decoder.layers.", "decoder.layers.mlp.experts.linear_fc1.weight", the whole name
  std::int64_t layer{-1}, expert{-1};
};

// As the equation says; of a parameter outside any stack, as the numbers in its name say: of Hugging Face names.
Place place_of(const Equation& equation);

struct Suspect {
  std::string words;
  Expression expression;
};

// What of a model's configuration its suspects need.
struct HeadGeometry {
  std::vector<std::int64_t> rotated_widths;  // of a head, or of the part of it that is rotated
  std::int64_t query_groups{};               // 0: unknown
};

class Suspects {
 public:
  // `set` must outlive this. `excluded`: by leaf, those that cannot be read.
  Suspects(const EquationSet& set, HeadGeometry heads, std::vector<bool> excluded);

  // Of the equation with this number, if the parameter has the shape `stored`. No two have the same expression, and none that
  // of the equation. At most some hundreds, the likelier ones first.
  std::vector<Suspect> of(std::size_t equation, const Shape& stored) const;

 private:
  struct Sum;
  void add_layouts(const Equation& equation, Sum& sum) const;
  void add_leaves(const Equation& equation, Sum& sum) const;
  void add_fused(const Equation& equation, Sum& sum) const;
  void add_shards(const Equation& equation, Sum& sum) const;
  void add_others(std::size_t number, Sum& sum) const;

  const EquationSet& set_;
  std::vector<Place> places_;
  HeadGeometry heads_;
  std::vector<bool> excluded_;
  std::map<Shape, std::vector<std::size_t>> by_shape_;
};

// "gate_proj" of "model.layers.0.mlp.gate_proj.weight"; "norm" of "model.norm.weight".
std::string short_name(const std::string& tensor);

}  // namespace weighbridge
