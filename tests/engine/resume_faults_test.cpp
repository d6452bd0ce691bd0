// Whatever call fails, and whenever the process dies, a run that keeps a journal can be resumed to the very same bytes.
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/faulty_files.hpp"
#include "engine/resumable_run.hpp"

namespace weighbridge {
namespace {

const std::map<std::string, std::string> kOld{{"old", "old"}};

struct Setting {
  const char* name;
  int error;
  bool overwrite;  // with an old destination in place
  bool second;     // it is the run that resumes that fails
};

void prepare(ResumableRun& small, const Setting& setting) {
  small.options.overwrite = setting.overwrite;
  if (setting.overwrite) small.folder.write("out/model/old", "old");
  if (!setting.second) return;
  std::stop_source stop;
  auto stopped = small.options;
  stopped.stop = stop.get_token();
  class StoppingFiles : public Files {
   public:
    std::stop_source* stop{};
    std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
      if (size == 8) stop->request_stop();
      return Files::pwrite(descriptor, from, size, offset);
    }
  } files;
  files.stop = &stop;
  stopped.files = &files;
  ASSERT_FALSE(run(small.plan, small.destination(), stopped));
  ASSERT_TRUE(small.is_there("journal"));
  small.options.recovery.resume = true;
}

// Nothing but a whole output, or the old one, ever has the destination's name.
void expect_whole(const ResumableRun& small, const Setting& setting, std::int64_t call) {
  const auto found = contents(small.destination());
  EXPECT_TRUE(found.empty() || found == SmallRun::complete() || (setting.overwrite && found == kOld)) << "call " << call;
}

void expect_resumed(ResumableRun& small, std::int64_t call) {
  small.options.files = nullptr;
  const auto resumed = small.resume();
  ASSERT_TRUE(resumed) << "call " << call << ": " << resumed.error().text();
  EXPECT_EQ(contents(small.destination()), SmallRun::complete()) << "call " << call;
  EXPECT_EQ(contents(small.folder.path() / "out").size(), 6u) << "call " << call;  // the folder, four entries, the record
}

class ResumeFaults : public testing::TestWithParam<Setting> {};

TEST_P(ResumeFaults, AtEveryCallAreContinuedFrom) {
  int failures = 0;
  for (std::int64_t call = 0;; ++call) {
    ASSERT_LT(call, 1000);
    ResumableRun small;
    prepare(small, GetParam());
    FaultyFiles files;
    files.fail_at = call;
    files.error = GetParam().error;
    small.options.files = &files;
    const auto report = small.run();
    if (!files.failed()) {
      ASSERT_TRUE(report) << report.error().text();
      break;
    }
    if (!report) {
      ++failures;
      EXPECT_FALSE(report.error().problem.empty());
      EXPECT_FALSE(report.error().remedy.empty());
      EXPECT_NE(report.error().kind, Error::Kind::cancelled) << "call " << call;
    }
    expect_whole(small, GetParam(), call);
    expect_resumed(small, call);
  }
  EXPECT_GT(failures, 30);
}

TEST_P(ResumeFaults, OrDeathsAtEveryCallAreContinuedFrom) {
  int deaths = 0;
  for (std::int64_t call = 0;; ++call) {
    ASSERT_LT(call, 1000);
    ResumableRun small;
    prepare(small, GetParam());
    const int status = status_of_dying(small, call);
    if (status == 0) break;
    ASSERT_EQ(status, 9);
    ++deaths;
    expect_whole(small, GetParam(), call);
    expect_resumed(small, call);
  }
  EXPECT_GT(deaths, 30);
}

INSTANTIATE_TEST_SUITE_P(Settings, ResumeFaults,
                         testing::Values(Setting{"First", EIO, false, false}, Setting{"FirstOverOld", ENOSPC, true, false},
                                         Setting{"Second", ENOSPC, false, true}, Setting{"SecondOverOld", EIO, true, true}),
                         [](const auto& of) { return of.param.name; });

TEST(ResumeInterruptions, AreSurvivedEverywhere) {
  for (const std::int64_t every : {2, 3, 5}) {
    for (const bool second : {false, true}) {
      ResumableRun small;
      prepare(small, {"", 0, false, second});
      FaultyFiles files;
      files.interrupt_every = every;
      files.largest_transfer = 3;
      small.options.files = &files;
      const auto report = small.run();
      ASSERT_TRUE(report) << report.error().text();
      EXPECT_EQ(contents(small.destination()), SmallRun::complete());
    }
  }
}

}  // namespace
}  // namespace weighbridge
