#include "mapping/equation.hpp"
#include "mapping/expression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "elements.hpp"

namespace weighbridge {
namespace {

using testing::values;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Operands = std::vector<const Expression*>;

// An element of leaf t at row r, column c is t * 10,000 + r * 100 + c; of a vector, t * 100 + r.
class Expressions : public ::testing::Test {
 protected:
  Expression tensor(const char* name, Shape shape) { return *algebra_.tensor(name, std::move(shape)); }
  std::vector<std::int64_t> values_of(const Result<Expression>& expression) {
    EXPECT_TRUE(expression) << expression.error().text();
    return values(algebra_, *expression);
  }
  // The leaf and row of each row, as t * 100 + r, of a matrix whose columns are 0, 1, ...
  std::vector<std::int64_t> rows_of(const Result<Expression>& expression) {
    const auto all = values_of(expression);
    const auto columns = expression->shape.at(1);
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i) % columns;
      EXPECT_EQ(all[i] % 100, column);
      if (column == 0) rows.push_back(all[i] / 100);
    }
    return rows;
  }
  void expect_wrong(const Result<Expression>& result, const char* problem) {
    ASSERT_FALSE(result) << "expected: " << problem;
    EXPECT_EQ(result.error().kind, Error::Kind::mismatch);
    EXPECT_THAT(result.error().problem, HasSubstr(problem));
    EXPECT_EQ(result.error().remedy, "This is a fault of the plugin: report it to its author");
  }
  Algebra algebra_;
};

TEST_F(Expressions, TensorIsItself) {
  EXPECT_THAT(values_of(tensor("a", {2, 3})), ElementsAre(10000, 10001, 10002, 10100, 10101, 10102));
  EXPECT_THAT(values_of(tensor("b", {2})), ElementsAre(200, 201));
  ASSERT_EQ(algebra_.leaves().size(), 2u);
  EXPECT_EQ(algebra_.leaves()[1].name, "b");
  EXPECT_EQ(algebra_.find("b"), 1u);
  EXPECT_FALSE(algebra_.find("c"));
  tensor("a", {2, 3});
  EXPECT_EQ(algebra_.leaves().size(), 2u);
}

// 4 query heads and 2 key-value heads of 2 rows: q0 q1 k0 v0 q2 q3 k1 v1.
TEST_F(Expressions, InterleaveMakesGroupedQueryAttention) {
  const auto q = tensor("q", {8, 3}), k = tensor("k", {4, 3}), v = tensor("v", {4, 3});
  const auto qkv = algebra_.interleave(0, 2, {&q, &k, &v});
  EXPECT_THAT(rows_of(qkv), ElementsAre(100, 101, 102, 103, 200, 201, 300, 301,  //
                                        104, 105, 106, 107, 202, 203, 302, 303));
  EXPECT_EQ(qkv->shape, (Shape{16, 3}));
  EXPECT_FALSE(qkv->padded);
}

// As many groups as heads: q0 k0 v0 q1 k1 v1.
TEST_F(Expressions, InterleaveMakesMultiHeadAttention) {
  const auto q = tensor("q", {4, 2}), k = tensor("k", {4, 2}), v = tensor("v", {4, 2});
  EXPECT_THAT(rows_of(algebra_.interleave(0, 2, {&q, &k, &v})),
              ElementsAre(100, 101, 200, 201, 300, 301, 102, 103, 202, 203, 302, 303));
}

// One group is concatenation: q0 q1 q2 k0 v0.
TEST_F(Expressions, InterleaveMakesMultiQueryAttention) {
  const auto q = tensor("q", {6, 2}), k = tensor("k", {2, 2}), v = tensor("v", {2, 2});
  const auto qkv = algebra_.interleave(0, 1, {&q, &k, &v});
  EXPECT_THAT(rows_of(qkv), ElementsAre(100, 101, 102, 103, 104, 105, 200, 201, 300, 301));
  EXPECT_EQ(values_of(qkv), values_of(algebra_.concat(0, {&q, &k, &v})));
}

TEST_F(Expressions, InterleaveTakesBiases) {
  const auto q = tensor("q", {8}), k = tensor("k", {4}), v = tensor("v", {4});
  EXPECT_THAT(values_of(algebra_.interleave(0, 2, {&q, &k, &v})),
              ElementsAre(100, 101, 102, 103, 200, 201, 300, 301, 104, 105, 106, 107, 202, 203, 302, 303));
}

TEST_F(Expressions, InterleaveAlternatesColumns) {
  const auto gate = tensor("gate", {2, 3}), up = tensor("up", {2, 3});
  const auto both = algebra_.interleave(1, 3, {&gate, &up});
  EXPECT_EQ(both->shape, (Shape{2, 6}));
  EXPECT_THAT(values_of(both), ElementsAre(10000, 20000, 10001, 20001, 10002, 20002,  //
                                           10100, 20100, 10101, 20101, 10102, 20102));
}

TEST_F(Expressions, ConcatJoinsGateAndUp) {
  const auto gate = tensor("gate", {2, 2}), up = tensor("up", {2, 2});
  EXPECT_THAT(values_of(algebra_.concat(0, {&gate, &up})),
              ElementsAre(10000, 10001, 10100, 10101, 20000, 20001, 20100, 20101));
  EXPECT_THAT(values_of(algebra_.concat(1, {&gate, &up})),
              ElementsAre(10000, 10001, 20000, 20001, 10100, 10101, 20100, 20101));
}

// Experts in one tensor [E, 2F, H], E = 2, F = 2, H = 3: the second expert's up projection, as it is and transposed.
TEST_F(Expressions, SliceAndTransposeTakeAnExpert) {
  const auto all = tensor("experts", {2, 4, 3});
  const auto expert = algebra_.slice(all, 0, 1, 2);
  const auto up = algebra_.slice(*expert, 1, 2, 4);
  const auto matrix = algebra_.reshape(*up, {2, 3});
  EXPECT_THAT(values_of(matrix), ElementsAre(1010200, 1010201, 1010202, 1010300, 1010301, 1010302));
  const auto turned = algebra_.transpose(*matrix, {1, 0});
  EXPECT_EQ(turned->shape, (Shape{3, 2}));
  EXPECT_THAT(values_of(turned), ElementsAre(1010200, 1010300, 1010201, 1010301, 1010202, 1010302));
}

// Experts as [E, H, 2F] with gate and up in alternate columns, E = 1, H = 2, F = 2, become [gate; up] of [2F, H].
TEST_F(Expressions, ReshapeAndSliceTakeAlternateColumns) {
  const auto fused = tensor("experts", {1, 2, 4});
  const auto pairs = algebra_.reshape(fused, {2, 2, 2});
  std::vector<Expression> parts;
  for (std::int64_t which = 0; which < 2; ++which) {
    const auto columns = algebra_.slice(*pairs, 2, which, which + 1);
    parts.push_back(*algebra_.transpose(*algebra_.reshape(*columns, {2, 2}), {1, 0}));
  }
  EXPECT_THAT(values_of(algebra_.concat(0, {&parts[0], &parts[1]})),
              ElementsAre(1000000, 1000100, 1000002, 1000102, 1000001, 1000101, 1000003, 1000103));
}

TEST_F(Expressions, TransposePermutesThreeAxes) {
  const auto turned = algebra_.transpose(tensor("a", {2, 3, 2}), {2, 0, 1});
  EXPECT_EQ(turned->shape, (Shape{2, 2, 3}));  // result axis i is operand axis permutation[i]
  EXPECT_THAT(values_of(turned), ElementsAre(1000000, 1000100, 1000200, 1010000, 1010100, 1010200,  //
                                             1000001, 1000101, 1000201, 1010001, 1010101, 1010201));
}

TEST_F(Expressions, StackAddsAnAxis) {
  const auto a = tensor("a", {2, 2}), b = tensor("b", {2, 2});
  const auto first = algebra_.stack(0, {&a, &b});
  EXPECT_EQ(first->shape, (Shape{2, 2, 2}));
  EXPECT_THAT(values_of(first), ElementsAre(10000, 10001, 10100, 10101, 20000, 20001, 20100, 20101));
  const auto last = algebra_.stack(2, {&a, &b});
  EXPECT_EQ(last->shape, (Shape{2, 2, 2}));
  EXPECT_THAT(values_of(last), ElementsAre(10000, 20000, 10001, 20001, 10100, 20100, 10101, 20101));
}

TEST_F(Expressions, PadAddsZeros) {
  const auto a = tensor("a", {2, 2});
  const auto rows = algebra_.pad(a, 0, 3);
  EXPECT_EQ(rows->shape, (Shape{3, 2}));
  EXPECT_TRUE(rows->padded);
  EXPECT_THAT(values_of(rows), ElementsAre(10000, 10001, 10100, 10101, 0, 0));
  EXPECT_THAT(values_of(algebra_.pad(a, 1, 4)), ElementsAre(10000, 10001, 0, 0, 10100, 10101, 0, 0));
  EXPECT_FALSE(algebra_.pad(a, 0, 2)->padded);
  EXPECT_TRUE(algebra_.concat(0, {&a, &*rows})->padded);
}

TEST_F(Expressions, ReshapeNeedNotMeetRows) {
  const auto rows = algebra_.reshape(tensor("a", {4, 3}), {3, 4});
  EXPECT_THAT(values_of(algebra_.slice(*rows, 1, 2, 4)), ElementsAre(10002, 10100, 10200, 10201, 10301, 10302));
}

TEST_F(Expressions, CastAndAddStayWithTheirPieces) {
  const auto a = *algebra_.add(tensor("a", {2}), -1.0), b = *algebra_.cast(tensor("b", {2}), DType::f32);
  const auto both = algebra_.concat(0, {&a, &b});
  ASSERT_EQ(both->pieces.size(), 2u);
  EXPECT_EQ(both->pieces[0].addend, -1.0);
  EXPECT_FALSE(both->pieces[0].dtype);
  EXPECT_EQ(both->pieces[1].addend, 0.0);
  EXPECT_EQ(both->pieces[1].dtype, DType::f32);
  const auto half = algebra_.slice(*both, 0, 0, 1);
  EXPECT_EQ(half->pieces.at(0).addend, -1.0);
  expect_wrong(algebra_.add(*both, 2.0), "two additions to one tensor; add once");
}

TEST_F(Expressions, RefuseWhatOperatorsCannotTake) {
  const auto a = tensor("a", {4, 3}), b = tensor("b", {4, 2}), c = tensor("c", {4});
  const std::int64_t huge = std::int64_t{1} << 62;
  const auto wide = tensor("wide", {huge});
  expect_wrong(algebra_.tensor("", {1}), "a tensor without a name");
  expect_wrong(algebra_.tensor("z", {2, 0}), "tensor z of the impossible shape [2, 0]");
  expect_wrong(algebra_.tensor("z", {2, -1}), "tensor z of the impossible shape [2, -1]");
  expect_wrong(algebra_.tensor("z", {huge, huge}), "of the impossible shape");
  expect_wrong(algebra_.tensor("a", {3, 4}), "tensor a is said to be [4, 3] and [3, 4]");
  expect_wrong(algebra_.concat(0, {}), "concat without operands or beyond their axes");
  expect_wrong(algebra_.concat(2, {&a}), "concat without operands or beyond their axes");
  expect_wrong(algebra_.concat(0, {&a, &c}), "concat of tensors of different rank");
  expect_wrong(algebra_.concat(0, {&a, &b}), "concat along axis 0 of [4, 3] and [4, 2]");
  expect_wrong(algebra_.concat(0, {&wide, &wide}), "concat beyond what can be counted");
  expect_wrong(algebra_.interleave(0, 3, {&a}), "[4, 3] cannot be cut into 3 groups along axis 0");
  expect_wrong(algebra_.interleave(0, 0, {&a}), "cannot be cut into 0 groups");
  expect_wrong(algebra_.interleave(-1, 1, {&a}), "along axis -1");
  expect_wrong(algebra_.interleave(0, 1, {}), "concat without operands");
  expect_wrong(algebra_.slice(a, 0, 1, 5), "slice [1, 5) of axis 0 of [4, 3]");
  expect_wrong(algebra_.slice(a, 0, 2, 2), "slice [2, 2) of axis 0 of [4, 3]");
  expect_wrong(algebra_.slice(a, 2, 0, 1), "slice [0, 1) of axis 2 of [4, 3]");
  expect_wrong(algebra_.slice(a, 0, -1, 1), "slice [-1, 1)");
  expect_wrong(algebra_.stack(3, {&a}), "stack beyond the axes");
  expect_wrong(algebra_.stack(0, {}), "concat without operands");
  expect_wrong(algebra_.stack(0, {&a, &b}), "concat along axis 0");
  expect_wrong(algebra_.transpose(a, {0, 0}), "transpose by something that is no permutation");
  expect_wrong(algebra_.transpose(a, {0}), "transpose by a permutation of another rank");
  expect_wrong(algebra_.transpose(a, {2, 1, 0}), "transpose by a permutation of another rank");
  expect_wrong(algebra_.reshape(a, {5, 2}), "reshape of [4, 3] to [5, 2]");
  expect_wrong(algebra_.reshape(a, {-4, -3}), "reshape of [4, 3] to [-4, -3]");
  expect_wrong(algebra_.pad(a, 0, 3), "pad of axis 0 of [4, 3] to 3");
  expect_wrong(algebra_.pad(a, 2, 3), "pad of axis 2");
  expect_wrong(algebra_.pad(a, 0, huge), "pad beyond what can be counted");
}

TEST_F(Expressions, EchoIsReadAndGivesNothingBack) {
  const auto key = tensor("k", {2, 2});
  const auto value = algebra_.echo(key);
  const auto both = algebra_.concat(0, {&key, &*value});
  EXPECT_THAT(rows_of(both), ElementsAre(100, 101, 100, 101));
  EquationSet set{algebra_, {}, {}, {}};
  set.equations.push_back({"", 0, 0, "kv.weight", *both, Split::axis_0, 1, false, false});
  EXPECT_TRUE(prove(set));
  set.equations.front().expression = *algebra_.concat(0, {&key, &key});
  EXPECT_FALSE(prove(set));
}

TEST_F(Expressions, DecodeIsATensorOfItsOwn) {
  const auto data = tensor("w", {5, 6}), scales = tensor("w_scale_inv", {3, 2});
  const auto decoded = algebra_.decode({Codec::fp8_e4m3, 2, 4, {5, 6}}, data, &scales);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_THAT(rows_of(algebra_.slice(*decoded, 0, 3, 5)), ElementsAre(303, 304));
  const auto& leaf = algebra_.leaves().at(2);
  EXPECT_EQ(leaf.name, "w");
  EXPECT_EQ(leaf.decoding->data, 0u);
  EXPECT_EQ(leaf.decoding->scales, 1u);
  EXPECT_TRUE(algebra_.leaves()[0].storage && algebra_.leaves()[1].storage && !leaf.storage);
  EXPECT_EQ(algebra_.find("w"), 0u);

  EquationSet set{algebra_, {}, {}, {}};
  set.equations.push_back({"", 0, 0, "w", *decoded, Split::axis_0, 1, false, false});
  EXPECT_TRUE(prove(set));
  set.equations.front().expression = *algebra_.slice(*decoded, 0, 0, 4);
  const auto unused = prove(set);
  ASSERT_FALSE(unused);
  EXPECT_EQ(unused.error().subject, "w");
}

TEST_F(Expressions, DecodeChecksItsOperands) {
  const auto data = tensor("w", {4, 8}), scales = tensor("s", {2, 2}), other = tensor("o", {8});
  expect_wrong(algebra_.decode({Codec::fp8_e4m3, 2, 4, {4, 9}}, data, &scales), "cannot hold values");
  expect_wrong(algebra_.decode({Codec::fp8_e4m3, 1, 4, {4, 8}}, data, &scales), "need 8 scales");
  expect_wrong(algebra_.decode({Codec::fp8_e4m3, 2, 0, {4, 8}}, data, &scales), "blocks of 2 by 0");
  expect_wrong(algebra_.decode({Codec::fp8_e4m3, 1, 1, {8}}, *algebra_.add(other, 1), nullptr), "as it is on disk");
}

TEST_F(Expressions, DecodeUnpacksHalfBytes) {
  const auto blocks = tensor("w_blocks", {2, 3, 2, 16}), scales = tensor("w_scales", {2, 3, 2});
  const auto decoded = algebra_.decode({Codec::mxfp4, 1, 32, {2, 3, 64}}, blocks, &scales);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(decoded->shape, (Shape{2, 3, 64}));
  const auto packed = tensor("p", {4, 2}), group = tensor("g", {4, 1});
  EXPECT_TRUE(algebra_.decode({Codec::int4, 1, 16, {4, 16}}, packed, &group));
  expect_wrong(algebra_.decode({Codec::int4, 1, 16, {4, 16}}, packed, nullptr), "used nowhere else");
  expect_wrong(algebra_.tensor("p", {4, 2}), "used encoded and decoded");
}

TEST_F(Expressions, FillIsAWholeEquation) {
  const auto ones = algebra_.fill(1.0, {3});
  ASSERT_TRUE(ones) << ones.error().text();
  EXPECT_EQ(ones->constant, 1.0);
  EXPECT_TRUE(ones->padded);
  EquationSet set{algebra_, {}, {}, {}};
  set.equations.push_back({"", 0, 0, "norm.weight", *ones, Split::none, 1, false, false});
  EXPECT_TRUE(prove(set));
  const auto other = tensor("a", {3});
  expect_wrong(algebra_.concat(0, {&*ones, &other}), "a constant is a whole equation");
  expect_wrong(algebra_.fill(1.0, {0}), "impossible shape");
}

}  // namespace
}  // namespace weighbridge
