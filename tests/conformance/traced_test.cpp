// The plain evaluator, operator by operator, against elements that were written out by hand.

#include "conformance/traced.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <weighbridge/abi.h>

namespace weighbridge {
namespace {

using ::testing::ElementsAre;

class TracedOperators : public ::testing::Test {
 protected:
  TracedOperators() {
    tensor("a", {2, 2});
    tensor("b", {2, 2});
    tensor("c", {4});
  }
  std::uint32_t tensor(const char* name, Shape shape) { return add(WB_TENSOR, shape, {}, shape, name); }
  std::uint32_t add(std::uint32_t operation, Shape integers, std::vector<std::uint32_t> operands, Shape shape,
                    const char* name = "", double number = 0) {
    nodes_.push_back({operation, 0, number, name, std::move(integers), std::move(operands), std::move(shape), false});
    return static_cast<std::uint32_t>(nodes_.size());
  }
  // "a0" is element 0 of tensor a; "." is padding.
  std::vector<std::string> elements(std::uint32_t handle) {
    Tracer tracer{nodes_};
    std::vector<std::string> words;
    for (const auto& element : tracer.of(handle).elements)
      words.push_back(element.tensor < 0 ? "."
                                         : tracer.tensors()[static_cast<std::size_t>(element.tensor)].name +
                                               std::to_string(element.index) + (element.echo ? "'" : ""));
    return words;
  }
  std::vector<RecordedNode> nodes_;
  static constexpr std::uint32_t a = 1, b = 2, c = 3;
};

TEST_F(TracedOperators, Concat) {
  EXPECT_THAT(elements(add(WB_CONCAT, {0}, {a, b}, {4, 2})),
              ElementsAre("a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"));
  EXPECT_THAT(elements(add(WB_CONCAT, {1}, {a, b}, {2, 4})),
              ElementsAre("a0", "a1", "b0", "b1", "a2", "a3", "b2", "b3"));
}
TEST_F(TracedOperators, Interleave) {
  EXPECT_THAT(elements(add(WB_INTERLEAVE, {0, 2}, {a, b}, {4, 2})),
              ElementsAre("a0", "a1", "b0", "b1", "a2", "a3", "b2", "b3"));
}
TEST_F(TracedOperators, Slice) {
  EXPECT_THAT(elements(add(WB_SLICE, {1, 1, 2}, {a}, {2, 1})), ElementsAre("a1", "a3"));
}
TEST_F(TracedOperators, Stack) {
  EXPECT_THAT(elements(add(WB_STACK, {0}, {b, a}, {2, 2, 2})),
              ElementsAre("b0", "b1", "b2", "b3", "a0", "a1", "a2", "a3"));
}
TEST_F(TracedOperators, Transpose) {
  EXPECT_THAT(elements(add(WB_TRANSPOSE, {1, 0}, {a}, {2, 2})), ElementsAre("a0", "a2", "a1", "a3"));
}
TEST_F(TracedOperators, Reshape) {
  EXPECT_THAT(elements(add(WB_RESHAPE, {4}, {b}, {4})), ElementsAre("b0", "b1", "b2", "b3"));
}
TEST_F(TracedOperators, Pad) {
  EXPECT_THAT(elements(add(WB_PAD, {1, 3}, {a}, {2, 3})), ElementsAre("a0", "a1", ".", "a2", "a3", "."));
}
TEST_F(TracedOperators, Echo) {
  EXPECT_THAT(elements(add(WB_ECHO, {}, {c}, {4})), ElementsAre("c0'", "c1'", "c2'", "c3'"));
}
TEST_F(TracedOperators, AddAndFill) {
  const auto sum = add(WB_ADD, {}, {c}, {4}, "", 1.5), fill = add(WB_FILL, {2}, {}, {2}, "", 7);
  Tracer tracer{nodes_};
  EXPECT_EQ(tracer.of(sum).elements[3].addend, 1.5);
  EXPECT_EQ(tracer.of(fill).elements[1].addend, 7);
  EXPECT_EQ(tracer.of(fill).elements[1].tensor, -1);
}

}  // namespace
}  // namespace weighbridge
