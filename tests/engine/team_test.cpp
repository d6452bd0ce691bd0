// Several processes that share one run.

#include "engine/team.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "engine/faulty_files.hpp"
#include "engine/small_run.hpp"
#include "engine/thread_team.hpp"

namespace weighbridge {
namespace {

// Every member's result; `change` sees the options (and plan) of each before it starts.
std::vector<Result<RunReport>> run_together(const SmallRun& small, int size, const std::function<void(int, RunOptions&, Plan&)>& change = {}) {
  ThreadTeamTable table{size};
  std::vector<std::optional<Result<RunReport>>> results(static_cast<std::size_t>(size));
  {
    std::vector<std::jthread> members;
    for (int rank = 0; rank < size; ++rank)
      members.emplace_back([&, rank] {
        ThreadTeam team{table, rank};
        auto options = small.options;
        auto plan = small.plan;
        options.team = &team;
        if (change) change(rank, options, plan);
        results[static_cast<std::size_t>(rank)] = run(plan, small.destination(), options);
      });
  }
  std::vector<Result<RunReport>> made;
  for (auto& result : results) made.push_back(std::move(*result));
  return made;
}

TEST(Team, MakesTheBytesOfOneProcess) {
  SmallRun one;
  one.options.tuning.window = 8;
  const auto expected = one.run();
  ASSERT_TRUE(expected);
  for (const int size : {1, 2, 3, 7}) {  // with seven some have nothing to do
    SmallRun small;
    small.options.tuning.window = 8;
    for (const auto& result : run_together(small, size)) {
      ASSERT_TRUE(result) << size << ": " << result.error().text();
      EXPECT_EQ(result->processes, static_cast<unsigned>(size));
      EXPECT_EQ(result->bytes_written, 36u + 5 + 5);
      EXPECT_EQ(result->bytes_read, expected->bytes_read);
    }
    EXPECT_EQ(contents(small.destination()), SmallRun::complete()) << size;
    EXPECT_THAT(contents(small.folder.path() / "out"), testing::SizeIs(5)) << size;
  }
}

// Threads and window sizes are settled by the team, so that all cut the work alike.
TEST(Team, AgreesOnHowTheWorkIsCut) {
  SmallRun small;
  const auto results = run_together(small, 3, [](int rank, RunOptions& options, Plan&) {
    options.threads = static_cast<unsigned>(rank + 1);
    options.tuning.window = static_cast<std::uint64_t>(8 + 8 * rank);
  });
  for (const auto& result : results) {
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->threads, 1u);
  }
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Team, RefusesDifferentPlans) {
  SmallRun small;
  const auto results = run_together(small, 2, [](int rank, RunOptions&, Plan& plan) {
    if (rank == 1) plan.literals[0].bytes = "head";
  });
  for (const auto& result : results) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().subject, "the processes");
  }
  EXPECT_FALSE(std::filesystem::exists(small.destination()));
}

// Whatever fails in whichever process: all return that error and nothing is left.
TEST(Team, FailsAsOne) {
  for (const int failing : {0, 1, 2}) {
    bool succeeded = false;
    for (std::int64_t call = 0; !succeeded; ++call) {
      SmallRun small;
      small.options.tuning.window = 4;
      FaultyFiles faulty;
      faulty.fail_at = call;
      faulty.error = EIO;
      const auto results = run_together(small, 3, [&](int rank, RunOptions& options, Plan&) {
        if (rank == failing) options.files = &faulty;
      });
      succeeded = static_cast<bool>(results[0]);
      for (const auto& result : results) {
        EXPECT_EQ(static_cast<bool>(result), succeeded) << failing << " at " << call;
        if (!result && !succeeded) {
          EXPECT_EQ(result.error().text(), results[0].error().text());
        }
      }
      if (succeeded) {
        EXPECT_EQ(contents(small.destination()), SmallRun::complete());
      } else {
        EXPECT_FALSE(std::filesystem::exists(small.destination())) << failing << " at " << call;
      }
      ASSERT_LT(call, 1000);
    }
  }
}

}  // namespace
}  // namespace weighbridge
