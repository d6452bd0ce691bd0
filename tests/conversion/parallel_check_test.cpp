#include "conversion/parallel_check.hpp"

#include <gmock/gmock.h>

namespace weighbridge {
namespace {

boost::json::object model() {
  return {{"num_attention_heads", 8}, {"num_query_groups", 2}, {"ffn_hidden_size", 176}, {"num_layers", 30}};
}

TEST(ParallelCheck, ALayoutThatDividesIsAccepted) {
  EXPECT_TRUE(check_layout({.tensor = 4, .pipeline = 5, .virtual_pipeline = 2, .expert_tensor = {}}, model()));  // more ranks than query groups is allowed
}

TEST(ParallelCheck, LayersThatDoNotDivideAreNamedWithTheSizesThatDo) {
  const auto status = check_layout({.pipeline = 4, .virtual_pipeline = {}, .expert_tensor = {}}, model());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().subject, "--pp");
  EXPECT_EQ(status.error().problem, "4 does not divide num_layers, which is 30");
  EXPECT_EQ(status.error().remedy, "Sizes that do: 1, 2, 3, 5, 6, 10, 15, 30");
}

TEST(ParallelCheck, ADenseModelHasNoExpertsToSpread) {
  const auto status = check_layout({.expert = 2, .virtual_pipeline = {}, .expert_tensor = {}}, model());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().subject, "--ep");
}

TEST(ParallelCheck, SizesBelowOneAreRefused) {
  const auto status = check_layout({.tensor = 0, .virtual_pipeline = {}, .expert_tensor = {}}, model());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().subject, "--tp");
}

// The published case: 151,936 rows at two ranks stay what they are; 262 rows need padding for four.
TEST(ParallelCheck, VocabularyRowsAreRoundedUpOnce) {
  EXPECT_EQ(padded_rows(151936, 128, 2), 152064);
  EXPECT_EQ(padded_rows(151936, 1, 2), 151936);
  EXPECT_EQ(padded_rows(262, 2, 4), 264);
  EXPECT_EQ(padded_rows(300, 128, 2), 512);
}

}  // namespace
}  // namespace weighbridge
