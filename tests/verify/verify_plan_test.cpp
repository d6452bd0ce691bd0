#include <gtest/gtest.h>

#include "verify/verify.hpp"
#include "verify/written_tensors.hpp"

namespace weighbridge {
namespace {

using test::add;
using test::plain;
using test::words;

// A plan that takes the even and the odd rows of a fused tensor of rows 0, 1, 10, 11 apart.
class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    plan_.sources = {folder_.write("source.bin", words({0, 1, 10, 11}))};
    plan_.files = {{"model.safetensors", 8}};
    plan_.tensors = {{"even", 0, 0, 4, DType::i16, false, {{0, 0, 0, DType::i16, ElementOperation::none, 0, {{2, 2, 1}}}}},
                     {"odd", 0, 4, 4, DType::i16, false, {{0, 2, 0, DType::i16, ElementOperation::none, 0, {{2, 2, 1}}}}}};
  }
  test::TemporaryFolder folder_;
  Plan plan_;
};

TEST_F(VerifyTest, FindsEqualityThroughTheCopies) {
  auto there = test::catalogue_of(folder_, "hf", words({1, 11, 0, 10}));
  add(there, plain("odd", DType::i16, {2, 1}));
  add(there, plain("even", DType::i16, {2}, 4));
  const auto comparison = verify(plan_, there);
  ASSERT_TRUE(comparison) << comparison.error().text();
  EXPECT_TRUE(comparison->same());
  EXPECT_EQ(comparison->equal, 2);
  EXPECT_EQ(comparison->bytes, 8u);
}

TEST_F(VerifyTest, TellsWhatIsOtherwise) {
  auto there = test::catalogue_of(folder_, "hf", words({1, 12, 0, 10}));
  add(there, plain("odd", DType::i16, {2, 1}));
  add(there, plain("buffer", DType::i16, {2}, 4));
  const auto comparison = verify(plan_, there);
  ASSERT_TRUE(comparison) << comparison.error().text();
  EXPECT_EQ(to_text(*comparison),
            "buffer: unexpected (I16 [2])\n"
            "even: missing (expected I16 4 bytes)\n"
            "odd: 1 of 2 elements differ, first at [1, 0]: 12, expected 11\n"
            "different: 0 of 1 compared tensors equal, 3 differences, 4 bytes\n");
}

TEST_F(VerifyTest, RefusesAFaultyPlan) {
  plan_.tensors[1].copies.clear();
  auto there = test::catalogue_of(folder_, "hf", words({1, 11}));
  add(there, plain("odd", DType::i16, {2}));
  const auto comparison = verify(plan_, there);
  ASSERT_FALSE(comparison);
  EXPECT_EQ(comparison.error().kind, Error::Kind::mismatch);
  EXPECT_EQ(comparison.error().subject, "odd");
}

}  // namespace
}  // namespace weighbridge
