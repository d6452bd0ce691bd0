#include "checkpoints/rank_grid.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weighbridge {
namespace {

using ::testing::ElementsAre;

ParallelLayout sizes(std::int64_t tensor, std::int64_t expert, std::optional<std::int64_t> expert_tensor = {}) {
  ParallelLayout layout;
  layout.tensor = tensor;
  layout.expert = expert;
  layout.expert_tensor = expert_tensor;
  return layout;
}

// The folders of one stage, each with the share of experts that its rank holds.
std::vector<std::string> folders(const ParallelLayout& layout) {
  const auto files = files_of_stage(layout);
  if (!files) return {files.error().text()};
  std::vector<std::string> names;
  for (const auto& file : *files) names.push_back(rank_folder(layout, file, 0) + " share " + std::to_string(file.expert_tensor));
  return names;
}

TEST(RankGrid, OfOneRank) { EXPECT_THAT(folders(sizes(1, 1)), ElementsAre("mp_rank_00 share 0")); }

TEST(RankGrid, OfADenseModel) {
  EXPECT_THAT(folders(sizes(4, 1)), ElementsAre("mp_rank_00 share 0", "mp_rank_01 share 1", "mp_rank_02 share 2", "mp_rank_03 share 3"));
}

TEST(RankGrid, OfExpertsAlone) {
  EXPECT_THAT(folders(sizes(1, 3)), ElementsAre("mp_rank_00_000 share 0", "mp_rank_00_001 share 0", "mp_rank_00_002 share 0"));
}

// Four ranks: two expert groups of two.
TEST(RankGrid, OfExpertsThatAreCutAsTheRestIs) {
  for (const auto expert_tensor : {std::optional<std::int64_t>{}, std::optional<std::int64_t>{2}}) {
    EXPECT_THAT(folders(sizes(2, 2, expert_tensor)),
                ElementsAre("mp_rank_00_000 share 0", "mp_rank_01_000 share 1", "mp_rank_00_001 share 0", "mp_rank_01_001 share 1"));
  }
}

// Two ranks: either is half of the dense weights and a whole expert group. As the real program does.
TEST(RankGrid, OfWholeExpertsBesideCutWeights) {
  EXPECT_THAT(folders(sizes(2, 2, 1)), ElementsAre("mp_rank_00_000 share 0", "mp_rank_01_001 share 0"));
}

// Four ranks; expert groups take turns, and those of ranks 2 and 3 are copies that do not make other names.
TEST(RankGrid, OfMoreTensorRanksThanExpertGroups) {
  EXPECT_THAT(folders(sizes(4, 2, 1)),
              ElementsAre("mp_rank_00_000 share 0", "mp_rank_01_001 share 0", "mp_rank_02_000 share 0", "mp_rank_03_001 share 0"));
}

// Four ranks of experts, two of the rest: rank 2 has the dense share of rank 0 and experts of its own.
TEST(RankGrid, OfMoreExpertGroupsThanTensorRanks) {
  EXPECT_THAT(folders(sizes(2, 4, 1)),
              ElementsAre("mp_rank_00_000 share 0", "mp_rank_01_001 share 0", "mp_rank_00_002 share 0", "mp_rank_01_003 share 0"));
}

// Three expert groups beside two tensor ranks take six ranks; the last three hold nothing that is not held before.
TEST(RankGrid, StopsWhereOnlyCopiesFollow) {
  EXPECT_THAT(folders(sizes(2, 3, 1)), ElementsAre("mp_rank_00_000 share 0", "mp_rank_01_001 share 0", "mp_rank_00_002 share 0"));
  EXPECT_EQ(sizes(2, 3, 1).ranks_of_stage(), 6);
}

// tp4 ep2 etp2 gives rank 0 and 2 other names; of tp1 ep1 etp2 ranks 0 and 1 mean mp_rank_00, with different halves.
TEST(RankGrid, RefusesTwoContentsOfOneName) {
  const auto files = files_of_stage(sizes(1, 1, 2));
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().kind, Error::Kind::unsupported);
  EXPECT_EQ(files.error().subject, "--etp");
  EXPECT_EQ(files.error().problem,
            "rank files are named by tensor and expert rank only, and with --tp 1 --ep 1 --etp 2 two ranks would write mp_rank_00");
  EXPECT_EQ(files.error().remedy, "Give --etp 1, or write torch_dist");
  const auto of_groups = files_of_stage(sizes(2, 2, 4));
  ASSERT_FALSE(of_groups);
  EXPECT_EQ(of_groups.error().problem,
            "rank files are named by tensor and expert rank only, and with --tp 2 --ep 2 --etp 4 two ranks would write mp_rank_00_000");
  EXPECT_EQ(of_groups.error().remedy, "Give --etp 2, or write torch_dist");
}

TEST(RankGrid, AllowsASmallerShareOfExpertsWhereNamesStayApart) {
  EXPECT_THAT(folders(sizes(4, 2, 2)),
              ElementsAre("mp_rank_00_000 share 0", "mp_rank_01_000 share 1", "mp_rank_02_001 share 0", "mp_rank_03_001 share 1"));
}

TEST(RankGrid, NamesTheStageOnlyWhereThereAreSeveral) {
  auto layout = sizes(2, 1);
  EXPECT_EQ(rank_folder(layout, {1, 0, 1}, 0), "mp_rank_01");
  layout.pipeline = 4;
  EXPECT_EQ(rank_folder(layout, {1, 0, 1}, 0), "mp_rank_01_000");
  EXPECT_EQ(rank_folder(layout, {1, 0, 1}, 3), "mp_rank_01_003");
  layout.expert = 2;
  EXPECT_EQ(rank_folder(layout, {1, 1, 1}, 3), "mp_rank_01_003_001");
  layout.pipeline = 1;
  EXPECT_EQ(rank_folder(layout, {1, 1, 1}, 0), "mp_rank_01_001");
  layout.tensor = 128;
  layout.pipeline = 1024;
  layout.expert = 2048;
  EXPECT_EQ(rank_folder(layout, {100, 2047, 100}, 1023), "mp_rank_100_1023_2047");
}

TEST(RankGrid, AStageHasAsManyRanksAsBothGroupsFill) {
  EXPECT_EQ(sizes(2, 2).ranks_of_stage(), 4);
  EXPECT_EQ(sizes(2, 2, 1).ranks_of_stage(), 2);
  EXPECT_EQ(sizes(8, 4, 1).ranks_of_stage(), 8);
  EXPECT_EQ(sizes(4, 3, 2).ranks_of_stage(), 12);
}

}  // namespace
}  // namespace weighbridge
