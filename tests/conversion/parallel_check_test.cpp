#include "conversion/parallel_check.hpp"

#include <gmock/gmock.h>

namespace weighbridge {
namespace {

boost::json::object model() {
  return {{"num_attention_heads", 8}, {"num_query_groups", 2}, {"ffn_hidden_size", 176}, {"num_layers", 30}};
}

ParallelLayout sizes(std::int64_t tensor, std::int64_t expert) {
  ParallelLayout layout;
  layout.tensor = tensor;
  layout.expert = expert;
  return layout;
}

TEST(ParallelCheck, ALayoutThatDividesIsAccepted) {
  EXPECT_TRUE(check_layout(sizes(4, 1), model()));  // more ranks than query groups is allowed
}

TEST(ParallelCheck, ADenseModelHasNoExpertsToSpread) {
  const auto status = check_layout(sizes(1, 2), model());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().subject, "--ep");
}

TEST(ParallelCheck, SizesBelowOneAreRefused) {
  const auto status = check_layout(sizes(0, 1), model());
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
