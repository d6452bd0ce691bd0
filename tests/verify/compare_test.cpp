#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "verify/compare.hpp"
#include "verify/written_tensors.hpp"

namespace weighbridge {
namespace {

using ::testing::HasSubstr;
using test::add;
using test::plain;
using test::words;

// Windows of one element or two, to cross every seam.
CompareOptions tiny() {
  CompareOptions options;
  options.threads = 3;
  options.tuning = {.window = 8, .scratch = 8, .run = 2, .gap = 0};
  return options;
}

class CompareTest : public ::testing::Test {
 protected:
  Comparison compared(const Catalogue& a, const Catalogue& b, Naming naming = Naming::exact) {
    auto usual = compare(a, b, {}, naming);
    EXPECT_TRUE(usual) << usual.error().text();
    auto cut = compare(a, b, tiny(), naming);
    EXPECT_TRUE(cut) << cut.error().text();
    if (!usual || !cut) return {};
    EXPECT_EQ(boost::json::serialize(to_json(*usual)), boost::json::serialize(to_json(*cut)));
    return *usual;
  }
  test::TemporaryFolder folder_;
};

TEST_F(CompareTest, CountsDifferingBits) {
  auto a = test::catalogue_of(folder_, "a", words({0x3f80, 0x0000, 0x7fc0, 0x4000, 0x7fc0, 0x4040}));
  auto b = test::catalogue_of(folder_, "b", words({0x3f80, 0x8000, 0x7fc0, 0x40a0, 0x3f80, 0x4040}));
  add(a, plain("w", DType::bf16, {3, 2}));
  add(b, plain("w", DType::bf16, {3, 2}));
  const auto comparison = compared(a, b);
  ASSERT_EQ(comparison.differences.size(), 1u);
  const auto& difference = comparison.differences[0];
  EXPECT_EQ(difference.kind, DifferenceKind::bits);
  EXPECT_EQ(difference.elements, 6);
  EXPECT_EQ(difference.differing, 3);  // zeros of two signs, 2 and 5, a NaN and 1; equal NaNs are equal
  EXPECT_EQ(difference.first, (Shape{0, 1}));
  EXPECT_EQ(difference.expected, "0 (0x0000)");
  EXPECT_EQ(difference.actual, "-0 (0x8000)");
  EXPECT_EQ(difference.max_abs_difference, 3.0);
  EXPECT_EQ(difference.not_numbers, 1);
  EXPECT_EQ(comparison.tensors, 1);
  EXPECT_EQ(comparison.equal, 0);
  EXPECT_EQ(comparison.bytes, 12u);
  EXPECT_EQ(to_text(comparison),
            "w: 3 of 6 elements differ, first at [0, 1]: -0 (0x8000), expected 0 (0x0000); largest difference 3, relative 0.6; 1 with a NaN\n"
            "different: 0 of 1 compared tensors equal, 1 differences, 12 bytes\n");
}

TEST_F(CompareTest, TellsMissingUnexpectedTypesAndShapes) {
  auto a = test::catalogue_of(folder_, "a", words({1, 2, 3, 4}));
  auto b = a;
  add(a, plain("gone", DType::i16, {4}));
  add(b, plain("new", DType::i16, {2, 2}));
  add(a, plain("shape", DType::i16, {4}));
  add(b, plain("shape", DType::i16, {2, 2}));
  add(a, plain("type", DType::i16, {4}));
  add(b, plain("type", DType::bf16, {4}));
  EXPECT_EQ(boost::json::serialize(to_json(compared(a, b))),
            R"({"same":false,"tensors":0,"equal":0,"close":0,"bytes":0,"differences":[)"
            R"({"kind":"missing","name":"gone","expected":"I16 [4]","actual":"","cause":""},)"
            R"({"kind":"unexpected","name":"new","expected":"","actual":"I16 [2, 2]","cause":""},)"
            R"({"kind":"shape","name":"shape","expected":"[4]","actual":"[2, 2]","cause":""},)"
            R"({"kind":"dtype","name":"type","expected":"I16","actual":"BF16","cause":""}],"notes":[]})");
}

TEST_F(CompareTest, DoesNotMindHowElementsAreStored) {
  auto a = test::catalogue_of(folder_, "a", words({0, 1, 2, 10, 11, 12}));
  auto b = test::catalogue_of(folder_, "b", words({99, 12, 2, 0, 10, 1, 11}));
  add(a, plain("w", DType::u16, {2, 3}));
  // Columns 0 and 1 transposed at element 3, column 2 backwards at element 2.
  add(b, {"w", DType::u16, {2, 3}, {{0, 6, {{0, 0}, {2, 2}}, {1, 2}}, {0, 4, {{0, 2}, {2, 1}}, {-1, 1}}}});
  EXPECT_TRUE(compared(a, b).same());
  EXPECT_EQ(compared(a, b).equal, 1);
}

TEST_F(CompareTest, TakesStackedAndPerLayerKeysAsOne) {
  auto a = test::catalogue_of(folder_, "a", words({0, 1, 10, 11, 20, 21}));
  auto b = test::catalogue_of(folder_, "b", words({0, 1, 10, 99, 20, 21}));
  add(a, plain("decoder.layers.w", DType::i16, {3, 2}));
  for (const auto layer : {0, 1})
    add(b, plain("decoder.layers." + std::to_string(layer) + ".w", DType::i16, {2}, static_cast<std::uint64_t>(layer) * 4));
  const auto comparison = compared(a, b, Naming::megatron);
  EXPECT_EQ(comparison.tensors, 2);
  EXPECT_EQ(comparison.equal, 1);
  ASSERT_EQ(comparison.differences.size(), 2u);
  EXPECT_EQ(comparison.differences[0].name, "decoder.layers.1.w");
  EXPECT_EQ(comparison.differences[0].first, (Shape{1}));
  EXPECT_EQ(comparison.differences[0].expected, "11");
  EXPECT_EQ(comparison.differences[0].actual, "99");
  EXPECT_EQ(comparison.differences[1].kind, DifferenceKind::missing);
  EXPECT_EQ(comparison.differences[1].expected, "I16 [3, 2], of which 1 layers are alone");
  EXPECT_EQ(compared(b, a, Naming::megatron).differences[1].kind, DifferenceKind::unexpected);
}

TEST_F(CompareTest, JoinsHalvesThatLieApart) {
  auto a = test::catalogue_of(folder_, "a", words({1, 2, 3, 4}));
  auto b = a;
  add(a, plain("fc1.weight", DType::i16, {2, 2}));
  add(b, plain("fc1.weight_w", DType::i16, {1, 2}));
  add(b, plain("fc1.weight_v", DType::i16, {1, 2}, 4));
  EXPECT_TRUE(compared(a, b, Naming::megatron).same());
  EXPECT_EQ(compared(b, a, Naming::megatron).equal, 1);
}

TEST_F(CompareTest, NamesAFileThatIsCutOff) {
  auto a = test::catalogue_of(folder_, "a", words({1, 2}));
  add(a, plain("w", DType::i16, {3}));
  const auto comparison = compare(a, a);
  ASSERT_FALSE(comparison);
  EXPECT_EQ(comparison.error().kind, Error::Kind::format);
  EXPECT_EQ(comparison.error().subject, "w");
  EXPECT_THAT(comparison.error().problem, HasSubstr("the file has 4"));
}

TEST_F(CompareTest, RefusesTwoKinds) {
  const std::filesystem::path golden{WEIGHBRIDGE_GOLDEN_FOLDER};
  const auto a = open_any(golden / "llama3/hf"), b = open_any(golden / "llama3/megatron");
  ASSERT_TRUE(a && b);
  const auto mixed = compare(*a, *b);
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().kind, Error::Kind::usage);
  const auto self = compare(*b, *b);
  ASSERT_TRUE(self) << self.error().text();
  EXPECT_TRUE(self->same());
  EXPECT_EQ(self->equal, 15);  // 6 of each of 2 layers, which are stacked on disk, and 3
  EXPECT_GT(self->equal, 0);
}

}  // namespace
}  // namespace weighbridge
