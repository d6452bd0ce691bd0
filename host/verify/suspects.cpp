#include "verify/suspects.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mapping/sharding.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kMostOthers = 384;

bool same_elements(const Expression& a, const Expression& b) {
  if (a.shape != b.shape || a.pieces.size() != b.pieces.size() || a.constant != b.constant) return false;
  for (std::size_t i = 0; i < a.pieces.size(); ++i) {
    auto one = a.pieces[i].map, other = b.pieces[i].map;
    simplify(one);
    simplify(other);
    if (a.pieces[i].leaf != b.pieces[i].leaf || a.pieces[i].addend != b.pieces[i].addend || !(one == other)) return false;
  }
  return true;
}

Expression whole_leaf(const Algebra& algebra, std::uint32_t leaf) {
  const auto& shape = algebra.leaves()[leaf].shape;
  return {shape, {{leaf, identity_map(element_count(shape).value_or(0))}}};
}

// The leaves of an expression, in the order in which its elements first name them.
std::vector<std::uint32_t> leaves_of(const Expression& expression) {
  auto pieces = expression.pieces;
  std::ranges::stable_sort(pieces, {}, [](const Piece& piece) { return piece.map.target_base; });
  std::vector<std::uint32_t> leaves;
  for (const auto& piece : pieces)
    if (std::ranges::find(leaves, piece.leaf) == leaves.end()) leaves.push_back(piece.leaf);
  return leaves;
}

Expression exchanged(Expression expression, std::uint32_t one, std::uint32_t other) {
  for (auto& piece : expression.pieces) piece.leaf = piece.leaf == one ? other : piece.leaf == other ? one : piece.leaf;
  return expression;
}

// The expression with a leaf's elements, seen as a tensor of shape `view`, in the order of `permutation`.
std::optional<Expression> permuted(const Expression& expression, std::uint32_t leaf, const Shape& view, const Shape& permutation) {
  const auto strides = row_major_strides(view);
  Shape shape, stride;
  for (const auto axis : permutation) {
    shape.push_back(view[static_cast<std::size_t>(axis)]);
    stride.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  Expression result = expression;
  result.pieces.clear();
  for (const auto& piece : expression.pieces) {
    if (piece.leaf != leaf) {
      result.pieces.push_back(piece);
      continue;
    }
    const auto maps = place_target(piece.map.inverse(), shape, whole(shape), stride, 0);
    if (!maps) return {};
    for (const auto& map : *maps) {
      auto copy = piece;
      copy.map = map.inverse();
      result.pieces.push_back(std::move(copy));
    }
  }
  return result;
}

}  // namespace

Place place_of(const Equation& equation) {
  Place place{equation.stack, equation.stack + equation.name, equation.live_name()};
  if (!equation.stack.empty()) {
    place.layer = equation.layer;
    if (equation.experts > 0) place.expert = equation.expert;
    return place;
  }
  std::string kind, word;
  std::istringstream words{equation.name};
  std::string before;
  while (std::getline(words, word, '.')) {
    const bool number = word.size() < 10 && !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
    if (number && before == "experts") {
      place.expert = std::stoll(word);
    } else if (number && place.layer < 0) {
      place.stack = kind;
      place.layer = std::stoll(word);
    } else {
      kind += word + ".";
    }
    before = word;
  }
  place.kind = std::move(kind);
  return place;
}

std::string short_name(const std::string& tensor) {
  auto name = tensor;
  for (const auto* ending : {".weight", ".bias"})
    if (name.ends_with(ending)) name.resize(name.size() - std::string_view{ending}.size());
  return name.substr(name.rfind('.') + 1);
}

// What was found so far for one parameter.
struct Suspects::Sum {
  const Algebra& algebra;
  const Expression& base;
  const Shape& stored;
  std::vector<Suspect> suspects{};

  void add(std::string words, Expression expression) {
    if (expression.shape != stored || same_elements(expression, base)) return;
    for (const auto& other : suspects)
      if (same_elements(other.expression, expression)) return;
    suspects.push_back({std::move(words), std::move(expression)});
  }
  void add(std::string words, Result<Expression> expression) {
    if (expression) add(std::move(words), *std::move(expression));
  }
};

Suspects::Suspects(const EquationSet& set, HeadGeometry heads, std::vector<bool> excluded)
    : set_{set}, heads_{std::move(heads)}, excluded_{std::move(excluded)} {
  for (const auto& equation : set.equations) places_.push_back(place_of(equation));
  for (std::size_t i = 0; i < set.equations.size(); ++i) by_shape_[set.equations[i].expression.shape].push_back(i);
}

std::vector<Suspect> Suspects::of(std::size_t number, const Shape& stored) const {
  const auto& equation = set_.equations[number];
  Sum sum{set_.algebra, equation.expression, stored};
  if (equation.expression.constant) return {};
  add_layouts(equation, sum);
  add_leaves(equation, sum);
  add_fused(equation, sum);
  add_shards(equation, sum);
  add_others(number, sum);
  std::erase_if(sum.suspects, [&](const Suspect& suspect) {
    return std::ranges::any_of(suspect.expression.pieces, [&](const Piece& piece) { return excluded_[piece.leaf]; });
  });
  return std::move(sum.suspects);
}

// The same elements in another arrangement.
void Suspects::add_layouts(const Equation& equation, Sum& sum) const {
  const auto& algebra = set_.algebra;
  const auto& base = equation.expression;
  const auto leaves = leaves_of(base);
  std::vector<Expression> whole;
  for (const auto leaf : leaves) whole.push_back(whole_leaf(algebra, leaf));
  std::vector<const Expression*> operands;
  std::vector<std::string> names;
  for (const auto& expression : whole) operands.push_back(&expression);
  for (const auto leaf : leaves) names.push_back(short_name(algebra.leaves()[leaf].name));
  const auto joined = fmt::format("{}", fmt::join(names, ", "));

  if (base.shape.size() == 2) sum.add("it is transposed", algebra.transpose(base, {1, 0}));
  if (leaves.size() > 1) {
    sum.add(fmt::format("{} lie one after the other, not interleaved by query group", joined), algebra.concat(0, operands));
    if (base.parts) {  // as tensor-parallel ranks hold it
      std::vector<Expression> parts;
      std::int64_t begin = 0;
      const auto axis = static_cast<std::int64_t>(base.parts->axis);
      for (const auto extent : base.parts->extents) {
        if (auto part = algebra.slice(base, axis, begin, begin + extent)) parts.push_back(*std::move(part));
        begin += extent;
      }
      std::vector<const Expression*> pointers;
      for (const auto& part : parts) pointers.push_back(&part);
      for (const std::int64_t ranks : {2, 4, 8, 16})
        if (std::ranges::all_of(base.parts->extents, [&](auto extent) { return extent % ranks == 0; }))
          sum.add(fmt::format("the shards of {} tensor-parallel ranks were put one after the other, without sorting {} apart", ranks, joined),
                  algebra.interleave(axis, ranks, pointers));
      for (const auto extent : base.parts->extents)
        if (std::ranges::all_of(base.parts->extents, [&](auto other) { return other == extent; }))
          sum.add(fmt::format("the rows of {} alternate", joined), algebra.interleave(axis, extent, pointers));
    }
  }
  for (const double one : {1.0, -1.0}) {
    auto shifted = base;
    for (auto& piece : shifted.pieces) piece.addend += one;
    sum.add(fmt::format("every element is 1 too {}: a norm's weight is stored {} its 1", one > 0 ? "large" : "small", one > 0 ? "with" : "without"), std::move(shifted));
  }
  if (!sum.stored.empty() && !base.shape.empty() && sum.stored[0] < base.shape[0])
    sum.add(fmt::format("the last {} of {} {} are missing", base.shape[0] - sum.stored[0], base.shape[0], equation.vocabulary ? "vocabulary rows" : "rows"),
            algebra.slice(base, 0, 0, sum.stored[0]));
}

// The same arrangement of elements that were exchanged, transposed or permuted before.
void Suspects::add_leaves(const Equation& equation, Sum& sum) const {
  const auto& algebra = set_.algebra;
  const auto& base = equation.expression;
  const auto leaves = leaves_of(base);
  const auto name = [&](std::uint32_t leaf) { return short_name(algebra.leaves()[leaf].name); };
  for (std::size_t i = 0; i < leaves.size() && leaves.size() <= 8; ++i)
    for (std::size_t j = i + 1; j < leaves.size(); ++j)
      if (algebra.leaves()[leaves[i]].shape == algebra.leaves()[leaves[j]].shape)
        sum.add(fmt::format("{} and {} have changed places", name(leaves[i]), name(leaves[j])), exchanged(base, leaves[i], leaves[j]));
  if (base.shape.empty() || leaves.size() > 8) return;
  for (const auto leaf : leaves) {
    const auto& shape = algebra.leaves()[leaf].shape;
    if (shape.size() == 2 && shape[0] == shape[1])
      if (auto made = permuted(base, leaf, shape, {1, 0})) sum.add(fmt::format("{} is transposed", name(leaf)), *std::move(made));
  }
  // Rotary embedding pairs elements i and i + width/2 of a head, or elements 2i and 2i + 1.
  for (const auto width : heads_.rotated_widths) {
    if (width < 4 || width % 2 != 0) continue;
    for (const bool halves : {true, false}) {
      std::optional<Expression> all = base;
      std::vector<std::string> rotated;
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        const auto& shape = algebra.leaves()[leaves[i]].shape;
        const auto rows = shape.empty() ? 0 : shape[0];
        if (rows == 0 || rows % width != 0 || (leaves.size() == 3 && i == 2)) continue;  // values are not rotated
        Shape view{rows / width, halves ? 2 : width / 2, halves ? width / 2 : 2, *element_count(shape) / rows};
        const auto words = [&](const std::string& of) {
          return fmt::format("the rows of {} are in the order of {} rotary pairs", of, halves ? "interleaved" : "half-split");
        };
        if (auto made = permuted(base, leaves[i], view, {0, 2, 1, 3})) sum.add(words(name(leaves[i])), *std::move(made));
        if (all) all = permuted(*all, leaves[i], view, {0, 2, 1, 3});
        rotated.push_back(name(leaves[i]));
        if (all && rotated.size() > 1) sum.add(words(fmt::format("{}", fmt::join(rotated, " and "))), Expression{*all});
      }
    }
  }
}

// What other parameters should hold: the same of other layers and experts, then others of the same layer.
void Suspects::add_others(std::size_t number, Sum& sum) const {
  const auto found = by_shape_.find(sum.stored);
  if (found == by_shape_.end()) return;
  const auto& place = places_[number];
  const auto rank = [&](std::size_t i) {
    const auto& other = places_[i];
    if (other.kind == place.kind) return other.layer == place.layer || other.expert == place.expert ? 0 : 2;
    return other.stack == place.stack && other.layer == place.layer ? 1 : 3;
  };
  auto others = found->second;
  std::ranges::stable_sort(others, {}, rank);
  std::size_t added = 0;
  for (const auto i : others) {
    if (i == number || ++added > kMostOthers) continue;
    const auto& other = places_[i];
    auto words = fmt::format("it holds what {} should hold", other.name);
    if (other.kind == place.kind && other.layer == place.layer) words = fmt::format("experts are in another order: it holds expert {}'s", other.expert);
    else if (other.kind == place.kind && other.expert == place.expert) words = fmt::format("layers are in another order: it holds layer {}'s", other.layer);
    sum.add(std::move(words), set_.equations[i].expression);
  }
}

// A parameter of Megatron's that is compared with another of its kind: what it fuses has an order that its name tells.
void Suspects::add_fused(const Equation& equation, Sum& sum) const {
  const auto& algebra = set_.algebra;
  const auto& base = equation.expression;
  if (base.shape.empty() || base.pieces.size() != 1 || !(base.pieces.front().map == identity_map(*element_count(base.shape)))) return;
  const auto rows = base.shape[0];
  const auto sliced = [&](const Expression& of, std::int64_t axis, std::int64_t begin, std::int64_t end) { return algebra.slice(of, axis, begin, end); };
  if (equation.name.find("linear_fc1") != std::string::npos || equation.name.find("gate_up") != std::string::npos) {
    const auto low = sliced(base, 0, 0, rows / 2), high = sliced(base, 0, rows / 2, rows);
    if (rows % 2 == 0 && low && high) sum.add("gate and up have changed places", algebra.concat(0, {&*high, &*low}));
  }
  for (const auto width : heads_.rotated_widths) {
    const auto groups = heads_.query_groups;
    if (equation.name.find("linear_qkv") == std::string::npos || groups == 0 || width == 0 || rows % (groups * width) != 0 || rows / (groups * width) < 3) continue;
    const auto heads = rows / (groups * width), rest = *element_count(base.shape) / rows;
    const auto grouped = algebra.reshape(base, {groups, heads, width * rest});
    if (!grouped) continue;
    const auto query = sliced(*grouped, 1, 0, heads - 2), key = sliced(*grouped, 1, heads - 2, heads - 1), value = sliced(*grouped, 1, heads - 1, heads);
    if (!query || !key || !value) continue;
    std::vector<Expression> flat;
    for (const auto* part : {&query, &key, &value}) {
      auto shape = base.shape;
      shape[0] = *element_count((*part)->shape) / rest;
      if (auto made = algebra.reshape(**part, shape)) flat.push_back(*std::move(made));
    }
    if (flat.size() == 3) sum.add("query, key and value lie one after the other, not interleaved by query group", algebra.concat(0, {&flat[0], &flat[1], &flat[2]}));
  }
}

// One tensor-parallel rank's file was taken for another's.
void Suspects::add_shards(const Equation& equation, Sum& sum) const {
  const auto cut = cut_of(equation);
  if (!cut) return;
  const auto& algebra = set_.algebra;
  const auto axis = static_cast<std::int64_t>(cut->axis);
  for (const std::int64_t ranks : {2, 4, 8}) {
    if (!divides(*cut, ranks)) return;
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      for (std::int64_t taken = 0; taken < ranks; ++taken) {
        if (rank == taken) continue;
        std::vector<Expression> shards;
        std::int64_t part = 0;
        for (const auto extent : cut->parts) {
          const auto width = extent / ranks;
          for (std::int64_t i = 0; i < ranks; ++i) {
            const auto begin = part + (i == rank ? taken : i) * width;
            if (auto shard = algebra.slice(equation.expression, axis, begin, begin + width)) shards.push_back(*std::move(shard));
          }
          part += extent;
        }
        std::vector<const Expression*> pointers;
        for (const auto& shard : shards) pointers.push_back(&shard);
        if (pointers.size() == cut->parts.size() * static_cast<std::size_t>(ranks))
          sum.add(fmt::format("the shard of tensor-parallel rank {} of {} is that of rank {}", rank, ranks, taken), algebra.concat(axis, pointers));
      }
  }
}

}  // namespace weighbridge
