// Any composition of operators against the same one carried out element by element.

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "mapping/equation.hpp"
#include "plain_array.hpp"

namespace weighbridge {
namespace {

using testing::Dice;
using testing::Origin;
using testing::PlainArray;

struct Both {
  Expression expression;
  PlainArray array;
};

Shape random_shape(Dice& dice) {
  Shape shape(static_cast<std::size_t>(dice.between(1, 3)));
  for (auto& extent : shape) extent = dice.between(1, 6);
  return shape;
}

std::vector<std::int64_t> divisors(std::int64_t number) {
  std::vector<std::int64_t> all;
  for (std::int64_t d = 1; d <= number; ++d)
    if (number % d == 0) all.push_back(d);
  return all;
}

// A set of expressions in which every element of every tensor is used once, and which operators keep so.
class Composition {
 public:
  explicit Composition(std::uint32_t seed) : dice_{seed} {
    const auto tensors = dice_.between(1, 3);
    for (std::int64_t i = 0; i < tensors; ++i) items_.push_back(tensor(random_shape(dice_)));
    const auto steps = dice_.between(2, 10);
    for (std::int64_t i = 0; i < steps; ++i) step();
  }

  const std::vector<Both>& items() const { return items_; }
  const Algebra& algebra() const { return algebra_; }
  const std::array<int, 7>& operators() const { return operators_; }

 private:
  Both tensor(const Shape& shape) {
    const auto leaf = static_cast<std::int64_t>(algebra_.leaves().size());
    return {*algebra_.tensor("tensor " + std::to_string(leaf), shape), testing::plain_tensor(leaf, shape)};
  }

  Both taken(std::size_t index) {
    std::swap(items_[index], items_.back());
    auto item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

  // `first` and others that agree with it but for `axis` (none: altogether): those in the set, else a new tensor.
  std::vector<Both> with_partners(Both first, std::optional<std::size_t> axis, std::int64_t multiple) {
    const auto shape = first.expression.shape;
    std::vector<Both> operands;
    operands.push_back(std::move(first));
    for (std::size_t i = 0; i < items_.size() && operands.size() < 3; ++i) {
      auto other = items_[i].expression.shape;
      if (other.size() != shape.size() || (axis && other[*axis] % multiple != 0)) continue;
      if (axis) other[*axis] = shape[*axis];
      if (other == shape) operands.push_back(taken(i));
    }
    auto fresh = shape;
    if (axis) fresh[*axis] = multiple * dice_.between(1, 3);
    if (operands.size() < 2 || dice_.chance(30)) operands.push_back(tensor(fresh));
    std::swap(operands.front(), operands[dice_.below(operands.size())]);
    return operands;
  }

  void step() {
    auto item = taken(dice_.below(items_.size()));
    const auto shape = item.expression.shape;
    const auto axis = dice_.below(shape.size());
    const auto signed_axis = static_cast<std::int64_t>(axis);
    auto which = dice_.below(operators_.size());
    if (element_count(shape).value() > 400 && which < 3) which = 3;  // stays small
    if (shape.size() > 4 && which == 2) which = 5;
    ++operators_[which];
    std::vector<const Expression*> views;
    std::vector<PlainArray> arrays;
    const auto view = [&](const std::vector<Both>& operands) {
      for (const auto& operand : operands) {
        views.push_back(&operand.expression);
        arrays.push_back(operand.array);
      }
    };
    switch (which) {
      case 0: {
        const auto operands = with_partners(std::move(item), axis, 1);
        view(operands);
        add(algebra_.concat(signed_axis, views), testing::plain_interleave(axis, 1, arrays));
        break;
      }
      case 1: {
        const auto groups = divisors(shape[axis]);
        const auto count = groups[dice_.below(groups.size())];
        const auto operands = with_partners(std::move(item), axis, count);
        view(operands);
        add(algebra_.interleave(signed_axis, count, views), testing::plain_interleave(axis, count, arrays));
        break;
      }
      case 2: {
        const auto at = dice_.below(shape.size() + 1);
        const auto operands = with_partners(std::move(item), std::nullopt, 1);
        view(operands);
        add(algebra_.stack(static_cast<std::int64_t>(at), views), testing::plain_stack(at, arrays));
        break;
      }
      case 3: {
        const auto cut = dice_.between(0, shape[axis]);
        for (const auto& [begin, end] : {std::pair{std::int64_t{0}, cut}, std::pair{cut, shape[axis]}})
          if (begin < end)
            add(algebra_.slice(item.expression, signed_axis, begin, end),
                testing::plain_slice(item.array, axis, begin, end));
        break;
      }
      case 4: {
        Shape permutation;
        for (std::size_t i = 0; i < shape.size(); ++i) permutation.push_back(static_cast<std::int64_t>(i));
        for (std::size_t i = shape.size(); i > 1; --i) std::swap(permutation[i - 1], permutation[dice_.below(i)]);
        add(algebra_.transpose(item.expression, permutation), testing::plain_transpose(item.array, permutation));
        break;
      }
      case 5: {
        Shape other;
        auto rest = element_count(shape).value();
        while (rest > 1 && other.size() < 3) {
          const auto extents = divisors(rest);
          other.push_back(extents[dice_.below(extents.size())]);
          rest /= other.back();
        }
        if (other.empty() || rest > 1) other.push_back(rest);
        item.array.shape = other;
        add(algebra_.reshape(item.expression, other), item.array);
        break;
      }
      default: {
        const auto extent = shape[axis] + dice_.between(0, 3);
        add(algebra_.pad(item.expression, signed_axis, extent), testing::plain_pad(item.array, axis, extent));
      }
    }
  }

  void add(const Result<Expression>& expression, PlainArray array) {
    ASSERT_TRUE(expression) << expression.error().text();
    items_.push_back({*expression, std::move(array)});
  }

  Dice dice_;
  Algebra algebra_;
  std::vector<Both> items_;
  std::array<int, 7> operators_{};
};

// Where the elements of an expression come from, by its pieces.
PlainArray by_pieces(const Expression& expression) {
  PlainArray array{expression.shape, {}};
  array.cells.resize(static_cast<std::size_t>(element_count(expression.shape).value()));
  for (const auto& piece : expression.pieces)
    for (const auto& [target, source] : testing::elements_of(piece.map)) {
      auto& cell = array.cells.at(static_cast<std::size_t>(target));
      EXPECT_EQ(cell, Origin{}) << "element " << target << " twice";
      cell = {piece.leaf, source};
    }
  return array;
}

TEST(RandomExpressions, MeanWhatTheirOperatorsSay) {
  std::array<int, 7> operators{};
  int in_pieces = 0, padded = 0;
  for (std::uint32_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Composition composition{seed};
    const auto& leaves = composition.algebra().leaves();
    std::vector<PlainArray> back;  // what the leaves are once everything is brought back
    for (const auto& leaf : leaves)
      back.push_back({leaf.shape, std::vector<Origin>(static_cast<std::size_t>(element_count(leaf.shape).value()))});
    EquationSet set{composition.algebra(), {}, {}, {}};
    for (const auto& [expression, array] : composition.items()) {
      ASSERT_EQ(expression.shape, array.shape);
      ASSERT_EQ(by_pieces(expression).cells, array.cells);
      if (std::ranges::find(array.cells, Origin{}) != array.cells.end()) {
        ASSERT_TRUE(expression.padded);
      }
      for (const auto& piece : expression.pieces)
        for (const auto& [element, from] : testing::elements_of(piece.map.inverse()))
          back[piece.leaf].cells.at(static_cast<std::size_t>(element)) = array.cells.at(static_cast<std::size_t>(from));
      Equation equation;
      equation.name = "parameter " + std::to_string(set.equations.size());
      equation.expression = expression;
      set.equations.push_back(std::move(equation));
      in_pieces += expression.pieces.size() > 4;
      padded += expression.padded;
    }
    for (std::size_t leaf = 0; leaf < leaves.size(); ++leaf)
      ASSERT_EQ(back[leaf].cells, testing::plain_tensor(static_cast<std::int64_t>(leaf), leaves[leaf].shape).cells);
    const auto proof = prove(set);
    ASSERT_TRUE(proof) << proof.error().text();
    for (std::size_t i = 0; i < operators.size(); ++i) operators[i] += composition.operators()[i];

    // Without one of its equations, the set leaves part of a tensor unused, unless that equation is all padding.
    const auto empty = set.equations.back().expression.pieces.empty();
    set.equations.pop_back();
    ASSERT_EQ(static_cast<bool>(prove(set)), empty);
  }
  for (const auto times : operators) EXPECT_GT(times, 200);
  EXPECT_GT(in_pieces, 100);
  EXPECT_GT(padded, 100);
}

}  // namespace
}  // namespace weighbridge
