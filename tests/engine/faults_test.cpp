// Whatever call fails, and whenever the process dies: no destination that is not complete, and none that is lost.
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/faulty_files.hpp"
#include "engine/small_run.hpp"

namespace weighbridge {
namespace {

const std::map<std::string, std::string> kOld{{"old", "old"}};

struct Fault {
  const char* name;
  int error;
  bool lasting;    // every later call fails as well, also those that clean up
  bool overwrite;  // with an old destination in place
};

class Faults : public testing::TestWithParam<Fault> {};

TEST_P(Faults, AtEveryCallLeaveNothingHalfDone) {
  const auto& fault = GetParam();
  std::int64_t failures = 0;
  for (std::int64_t call = 0;; ++call) {
    ASSERT_LT(call, 1000);
    SmallRun small;
    small.options.tuning.window = 8;
    small.options.overwrite = fault.overwrite;
    if (fault.overwrite) small.folder.write("out/model/old", "old");
    FaultyFiles files;
    files.fail_at = call;
    files.error = fault.error;
    files.lasting = fault.lasting;
    small.options.files = &files;
    const auto report = small.run();
    if (!files.failed()) {
      ASSERT_TRUE(report) << report.error().text();
      break;
    }
    const auto found = contents(small.destination());
    if (report) {
      EXPECT_EQ(found, SmallRun::complete()) << "call " << call;
      continue;
    }
    ++failures;
    EXPECT_FALSE(report.error().problem.empty());
    EXPECT_FALSE(report.error().remedy.empty());
    EXPECT_NE(report.error().kind, Error::Kind::cancelled) << "call " << call;
    if (!fault.lasting) {
      // What can be put back is; only a folder that could not be removed may stay, hidden.
      EXPECT_EQ(found, fault.overwrite ? kOld : decltype(kOld){}) << "call " << call;
    }
    // The next run finds its way from there.
    small.options.files = nullptr;
    small.options.overwrite = true;
    const auto again = small.run();
    ASSERT_TRUE(again) << "call " << call << ": " << again.error().text();
    EXPECT_EQ(contents(small.destination()), SmallRun::complete());
    EXPECT_EQ(contents(small.folder.path() / "out").size(), 5u) << "call " << call;
  }
  EXPECT_GT(failures, 30);
}

TEST_P(Faults, LoseNoOldDestination) {
  const auto& fault = GetParam();
  for (std::int64_t call = 0;; ++call) {
    ASSERT_LT(call, 1000);
    SmallRun small;
    small.options.overwrite = true;
    small.folder.write("out/model/old", "old");
    FaultyFiles files;
    files.fail_at = call;
    files.error = fault.error;
    files.lasting = fault.lasting;
    small.options.files = &files;
    const auto report = small.run();
    if (!files.failed()) {
      ASSERT_TRUE(report) << report.error().text();
      EXPECT_GT(call, 30);
      break;
    }
    // A run that is refused still puts things in order first.
    small.options.files = nullptr;
    small.options.overwrite = false;
    EXPECT_FALSE(small.run());
    const auto found = contents(small.destination());
    EXPECT_TRUE(found == kOld || found == SmallRun::complete()) << "call " << call;
    if (report) { EXPECT_EQ(found, SmallRun::complete()); }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Faults,
                         testing::Values(Fault{"InputOutput", EIO, false, false},
                                         Fault{"DiskFull", ENOSPC, false, true}, Fault{"Denied", EACCES, true, false},
                                         Fault{"DiskGone", EIO, true, true}),
                         [](const auto& of) { return of.param.name; });

TEST(Interruptions, AreSurvivedEverywhere) {
  for (const std::int64_t every : {2, 3, 5}) {
    SmallRun small;
    FaultyFiles files;
    files.interrupt_every = every;
    files.largest_transfer = 3;
    small.options.files = &files;
    const auto report = small.run();
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  }
}

TEST(Interruptions, OfAWriteThatMovesNothingAreAnError) {
  class Stuck : public Files {
   public:
    std::int64_t pwrite(int, const void*, std::size_t, std::int64_t) override { return 0; }
  } files;
  SmallRun small;
  small.options.files = &files;
  const auto report = small.run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Error::Kind::io);
}

// The process ends without a chance to clean up, at every call in turn.
class Deaths : public testing::TestWithParam<bool> {};

TEST_P(Deaths, AtEveryCallAreRecoveredFrom) {
  const bool overwrite = GetParam();
  int deaths = 0;
  for (std::int64_t call = 0;; ++call) {
    ASSERT_LT(call, 1000);
    SmallRun small;
    small.options.tuning.window = 8;
    small.options.overwrite = overwrite;
    if (overwrite) small.folder.write("out/model/old", "old");
    const int status = status_of_dying(small, call);
    if (status == 0) break;
    ASSERT_EQ(status, 9);
    ++deaths;
    const auto found = contents(small.destination());
    EXPECT_TRUE(found.empty() || found == SmallRun::complete() || (overwrite && found == kOld)) << "call " << call;

    small.options.overwrite = true;
    ASSERT_TRUE(small.run()) << "call " << call;
    EXPECT_EQ(contents(small.destination()), SmallRun::complete());
    EXPECT_EQ(contents(small.folder.path() / "out").size(), 5u) << "call " << call;
  }
  EXPECT_GT(deaths, 30);
}

INSTANTIATE_TEST_SUITE_P(Destinations, Deaths, testing::Bool(),
                         [](const auto& of) { return of.param ? "Old" : "None"; });

}  // namespace
}  // namespace weighbridge
