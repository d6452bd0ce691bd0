#pragma once
// What is wrong with a plugin, in the words of its author.

#include <string>
#include <string_view>
#include <vector>

namespace weighbridge {

struct Violation {
  std::string rule;     // id of a rule: rules()
  std::string family;   // id of the family; empty where it is about the plugin
  std::string check;    // name of the check that showed it; empty where it needs none
  std::string subject;  // "equation of decoder.layers.{L}.mlp.linear_fc1.weight", "tensor …", "config field …"
  std::string problem;  // a sentence without a full stop
  std::string remedy;   // likewise; the rule's own where it is empty
  std::vector<std::string> where{};  // layers and experts that share it: "L=0, E=3"; empty where there are none
};

enum class Severity : unsigned char { error = 1, warning };

struct Rule {
  std::string_view id;
  Severity severity{};
  std::string_view meaning;
  std::string_view remedy;
};

// Every rule, by the part of the contract that it is about.
const std::vector<Rule>& rules();
const Rule& rule(std::string_view id);

// A name with its numbers taken out: "decoder.layers.3.mlp.x" is "decoder.layers.{L}.mlp.x" of L=3; of a list of experts
// "{E}"; "weight7" of a grouped expert is "weight{E}".
struct FoldedName {
  std::string name;
  std::string where;  // "L=3, E=7"; empty where there was no number
};
FoldedName folded(std::string_view name);

// Violations that say the same of several layers, experts or checks become one.
std::vector<Violation> gathered(std::vector<Violation> violations);

// "error [overlap] family my_family: equation of …: rows 0..27 … . Did you mean …? (layers …; check dense)"
std::string text(const Violation& violation);

// Row-major indices as ranges of rows of a shape: "rows 3..5 and 9", or "elements [3, 4]..[3, 7]" where rows are hit in part.
std::string ranges_of(const std::vector<std::int64_t>& elements, const std::vector<std::int64_t>& shape);

}  // namespace weighbridge
