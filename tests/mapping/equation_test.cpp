#include "mapping/equation.hpp"

#include <gtest/gtest.h>

#include "elements.hpp"

namespace weighbridge {
namespace {

constexpr auto kRemedy = ". The equations of the plugin are wrong: report it to its author.";

class Proof : public ::testing::Test {
 protected:
  Expression tensor(const char* name, Shape shape) { return *set_.algebra.tensor(name, std::move(shape)); }
  Equation& equate(const char* name, Expression expression, std::int64_t layer = 0) {
    Equation equation;
    equation.stack = "decoder.layers.";
    equation.layer = layer;
    equation.layers = 4;
    equation.name = name;
    equation.expression = std::move(expression);
    return set_.equations.emplace_back(std::move(equation));
  }
  void expect_holds() {
    const auto proof = prove(set_);
    EXPECT_TRUE(proof) << proof.error().text();
  }
  void expect_fails(const std::string& line) {
    const auto proof = prove(set_);
    ASSERT_FALSE(proof) << "expected: " << line;
    EXPECT_EQ(proof.error().kind, Error::Kind::mismatch);
    EXPECT_EQ(proof.error().text(), line + kRemedy);
  }
  EquationSet set_;
};

TEST_F(Proof, NamesParameters) {
  Equation equation;
  equation.name = "decoder.final_layernorm.weight";
  EXPECT_EQ(equation.live_name(), "decoder.final_layernorm.weight");
  equation.stack = "decoder.layers.";
  equation.layer = 3;
  equation.name = "mlp.linear_fc1.weight";
  EXPECT_EQ(equation.live_name(), "decoder.layers.3.mlp.linear_fc1.weight");
}

TEST_F(Proof, Holds) {
  expect_holds();  // of nothing
  const auto gate = tensor("gate", {4, 3}), up = tensor("up", {4, 3}), norm = tensor("norm", {3});
  equate("fc1", *set_.algebra.concat(0, {&gate, &up}));
  equate("norm", norm);
  const auto second = tensor("second", {4, 3});
  equate("fc1", second, 1);
  expect_holds();
}

TEST_F(Proof, FindsAParameterWrittenTwice) {
  const auto a = tensor("a", {2, 3});
  auto& equation = equate("fc1", a, 2);
  equation.expression.pieces.push_back({0, StridedMap{0, 4, {{2, 1, 1}}}, 0, {}});
  expect_fails("decoder.layers.2.fc1: element [1, 1] of [2, 3] is written twice");
}

TEST_F(Proof, FindsAParameterWithAHole) {
  auto& equation = equate("fc1", tensor("a", {2, 3}));
  equation.expression.pieces[0].map.loops[0].extent = 5;
  expect_fails("decoder.layers.0.fc1: element [1, 2] of [2, 3] is written by no equation");
  equation.expression.padded = true;  // the hole may be, but the tensor is not used up
  expect_fails("a: element [1, 2] of [2, 3] is used by no equation");
}

TEST_F(Proof, FindsAParameterWrittenBeyondItsEnd) {
  equate("fc1", tensor("a", {2, 3})).expression.shape = {1, 5};
  expect_fails("decoder.layers.0.fc1: elements beyond [1, 5] are written");
}

TEST_F(Proof, FindsATensorUsedTwice) {
  const auto a = tensor("model.a.weight", {4, 3});
  equate("one", a);
  equate("two", *set_.algebra.slice(a, 0, 2, 3));
  expect_fails("model.a.weight: element [2, 0] of [4, 3] is used twice");
}

TEST_F(Proof, FindsATensorUsedTwiceInOneParameter) {
  const auto a = tensor("a", {2, 3});
  equate("one", *set_.algebra.concat(1, {&a, &a}));
  expect_fails("a: element [0, 0] of [2, 3] is used twice");
}

TEST_F(Proof, FindsATensorPartlyUsed) {
  const auto a = tensor("experts", {2, 4, 3});
  equate("one", *set_.algebra.slice(a, 0, 0, 1));
  const auto second = *set_.algebra.slice(a, 0, 1, 2);
  equate("two", *set_.algebra.slice(second, 2, 0, 2));
  expect_fails("experts: element [1, 0, 2] of [2, 4, 3] is used by no equation");
}

TEST_F(Proof, FindsATensorNotUsed) {
  equate("one", tensor("a", {2}));
  tensor("model.rotary.freqs", {7});
  expect_fails("model.rotary.freqs: element [0] of [7] is used by no equation");
}

TEST_F(Proof, FindsTwoEquationsForOneParameter) {
  equate("one", tensor("a", {2}), 1);
  equate("one", tensor("b", {2}), 1);
  expect_fails("decoder.layers.1.one: two equations for one parameter");
}

TEST_F(Proof, AllowsPaddingToBeMissing) {
  equate("embedding", *set_.algebra.pad(tensor("a", {5, 2}), 0, 8));
  expect_holds();
  set_.equations[0].expression.pieces.push_back({0, StridedMap{0, 9, {}}, 0, {}});
  expect_fails("decoder.layers.0.embedding: element [4, 1] of [8, 2] is written twice");
}

// 128 experts in one tensor of two thousand million elements, gate and up in alternate columns.
TEST_F(Proof, HoldsForAllExpertsOfALargeModel) {
  const std::int64_t experts = 128, columns = 5760, hidden = 2880;
  const auto& algebra = set_.algebra;
  const auto pairs = *algebra.reshape(tensor("gate_up", {experts, hidden, columns}), {experts, hidden, columns / 2, 2});
  const auto down = tensor("down", {experts, columns, hidden});
  for (std::int64_t e = 0; e < experts; ++e) {
    const auto expert = *algebra.slice(pairs, 0, e, e + 1);
    std::vector<Expression> parts;
    for (std::int64_t which = 0; which < 2; ++which) {
      const auto half = *algebra.slice(expert, 3, which, which + 1);
      parts.push_back(*algebra.transpose(*algebra.reshape(half, {hidden, columns / 2}), {1, 0}));
    }
    equate(("fc1.weight" + std::to_string(e)).c_str(), *algebra.concat(0, {&parts[0], &parts[1]}));
    const auto plain = *algebra.reshape(*algebra.slice(down, 0, e, e + 1), {columns, hidden});
    equate(("fc2.weight" + std::to_string(e)).c_str(), *algebra.transpose(plain, {1, 0}));
  }
  std::int64_t elements = 0;
  for (const auto& equation : set_.equations)
    for (const auto& piece : equation.expression.pieces) elements += piece.map.count();
  EXPECT_EQ(elements, 4'246'732'800);
  EXPECT_EQ(set_.equations[0].expression.shape, (Shape{columns, hidden}));
  EXPECT_EQ(set_.equations[1].expression.shape, (Shape{hidden, columns}));
  expect_holds();
  set_.equations.pop_back();
  expect_fails("down: element [127, 0, 0] of [128, 5760, 2880] is used by no equation");
}

}  // namespace
}  // namespace weighbridge
