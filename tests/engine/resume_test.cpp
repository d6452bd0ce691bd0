// What an interrupted run leaves, what continues it, and what does not.
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/faulty_files.hpp"
#include "engine/resumable_run.hpp"

namespace weighbridge {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Asks the run to stop at a write into the data file, and counts such writes and all reads of the source.
class StoppingFiles : public Files {
 public:
  std::stop_source stop;
  int stop_at{-1};
  int writes{};

  std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
    if ((size == 8 && offset != 28) || (size == 4 && offset != 0)) {  // a window, not a literal
      if (writes == stop_at) stop.request_stop();
      ++writes;
    }
    return Files::pwrite(descriptor, from, size, offset);
  }
};

// Stops after the first window of four is written and noted.
Error stop(ResumableRun& small, int at = 1) {
  StoppingFiles files;
  files.stop_at = at;
  small.options.files = &files;
  small.options.stop = files.stop.get_token();
  const auto report = small.run();
  EXPECT_FALSE(report);
  small.options.files = nullptr;
  small.options.stop = {};
  return report ? Error{} : report.error();
}

TEST(Resume, ContinuesWhatWasStopped) {
  ResumableRun small;
  small.options.recovery.command = "weighbridge import --resume";
  const auto error = stop(small);
  EXPECT_EQ(error.kind, Error::Kind::cancelled);
  EXPECT_EQ(error.file, small.beside("partial").string());
  EXPECT_EQ(error.problem, "stopped before the output was complete; what is done is kept there");
  EXPECT_EQ(error.remedy, "To continue, run `weighbridge import --resume`");
  EXPECT_FALSE(std::filesystem::exists(small.destination()));
  EXPECT_TRUE(small.is_there("partial"));
  EXPECT_TRUE(small.is_there("journal"));

  StoppingFiles files;
  small.options.files = &files;
  const auto report = small.resume();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  EXPECT_EQ(files.writes, 2);                   // of four windows; the two that were written are not written again
  EXPECT_EQ(report->bytes_resumed, 12u + 5);    // windows of 8 and 4 bytes, and the carried file
  EXPECT_EQ(report->bytes_written, 36u + 5 + 5);
  EXPECT_FALSE(report->already_done);
  EXPECT_FALSE(small.is_there("partial"));
  EXPECT_FALSE(small.is_there("journal"));
  EXPECT_FALSE(small.is_there("lock"));
  EXPECT_TRUE(small.is_there("done"));
}

TEST(Resume, TellsProgressFromWhereItWas) {
  ResumableRun small;
  stop(small);
  std::vector<std::uint64_t> seen;
  small.options.progress = [&](const Progress& progress) { seen.push_back(progress.bytes_done); };
  ASSERT_TRUE(small.resume());
  EXPECT_EQ(seen.front(), 0u);
  EXPECT_EQ(seen.back(), 46u);
}

TEST(Resume, IsBegunAnewWithoutIt) {
  ResumableRun small;
  stop(small);
  StoppingFiles files;
  small.options.files = &files;
  const auto report = small.run();
  ASSERT_TRUE(report);
  EXPECT_EQ(files.writes, 4);
  EXPECT_EQ(report->bytes_resumed, 0u);
  EXPECT_THAT(small.told, ElementsAre(HasSubstr("starts anew; --resume would have continued it")));
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Resume, WithNothingToContinueStartsFromTheBeginning) {
  ResumableRun small;
  ASSERT_TRUE(small.resume());
  EXPECT_THAT(small.told, ElementsAre(HasSubstr("no unfinished output")));
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Resume, LeavesNothingOfARunThatHadNothing) {
  ResumableRun small;
  small.options.recovery.bytes = 1 << 20;
  stop(small, 0);  // the window at which it was stopped is written and noted at the end
  EXPECT_TRUE(small.is_there("journal"));
  std::filesystem::remove_all(small.folder.path() / "out");
  std::stop_source stopped;
  stopped.request_stop();
  small.options.stop = stopped.get_token();
  const auto report = small.run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().problem, "stopped before the output was complete; nothing of it was kept");
  EXPECT_FALSE(std::filesystem::exists(small.folder.path() / "out"));
}

TEST(Resume, DoesNothingTwice) {
  ResumableRun small;
  ASSERT_TRUE(small.run());
  const auto again = small.run();
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE(again->already_done);
  EXPECT_EQ(again->bytes_written, 0u);
  EXPECT_THAT(again->files, SizeIs(3));
  const auto resumed = small.resume();
  ASSERT_TRUE(resumed);
  EXPECT_TRUE(resumed->already_done);
  small.options.recovery.resume = false;
  small.options.overwrite = true;
  const auto replaced = small.run();
  ASSERT_TRUE(replaced);
  EXPECT_FALSE(replaced->already_done);
}

TEST(Resume, TakesNoChangedOutputForAFinishedOne) {
  ResumableRun small;
  ASSERT_TRUE(small.run());
  small.folder.write("out/model/index", "iNDEX");
  EXPECT_EQ(small.run().error().problem, "the destination exists and is not empty");
}

TEST(Resume, TakesNoOutputOfAnotherSourceForAFinishedOne) {
  ResumableRun small;
  ASSERT_TRUE(small.run());
  small.folder.write("source/model", "ABCDEFGHIJKLMNOPQRSTUVWX");
  EXPECT_EQ(small.run().error().problem, "the destination exists and is not empty");
}

// The error of a resume that is refused, which leaves everything for a better one.
Error refusal(ResumableRun& small) {
  const auto before = contents(small.folder.path() / "out");
  const auto report = small.resume();
  EXPECT_FALSE(report);
  EXPECT_EQ(contents(small.folder.path() / "out"), before);
  return report ? Error{} : report.error();
}

TEST(Resume, RefusesAChangedSource) {
  ResumableRun small;
  stop(small);
  small.folder.write("source/model", "ABCDEFGHIJKLMNOPQRSTUVWX");
  auto error = refusal(small);
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_THAT(error.file, HasSubstr("source/model"));
  EXPECT_EQ(error.problem, "the source was changed after the output was begun");
  EXPECT_EQ(error.remedy, "Run it without --resume to start anew");
  small.folder.write("source/model", "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  EXPECT_EQ(refusal(small).problem, "the source had 24 bytes when the output was begun and has 26");
  small.options.recovery.resume = false;
  ASSERT_TRUE(small.run());
  EXPECT_THAT(contents(small.destination()).at("data/shard"), HasSubstr("MNOPQRSTUVWX"));
}

TEST(Resume, RefusesASourceThatWasReplaced) {
  ResumableRun small;
  stop(small);
  const auto source = small.folder.path() / "source/model";
  const auto time = std::filesystem::last_write_time(source);
  std::filesystem::copy_file(source, source.string() + "-copy");
  std::filesystem::rename(source.string() + "-copy", source);
  std::filesystem::last_write_time(source, time);
  EXPECT_EQ(refusal(small).problem, "the source is another file than when the output was begun");
}

TEST(Resume, RefusesAChangedPlan) {
  ResumableRun small;
  stop(small);
  small.plan.literals[2].bytes = "index";
  EXPECT_THAT(refusal(small).problem, HasSubstr("begun with other options"));
}

TEST(Resume, RefusesAnotherVersion) {
  ResumableRun small;
  stop(small);
  small.options.recovery.maker = "weighbridge 2";
  EXPECT_EQ(refusal(small).problem, "the unfinished output was begun by weighbridge 1 and this is weighbridge 2");
}

TEST(Resume, RefusesADamagedLeftover) {
  ResumableRun small;
  stop(small);
  std::filesystem::resize_file(small.beside("partial") / "data/shard", 35);
  EXPECT_EQ(refusal(small).problem, "a file of the unfinished output has 35 bytes instead of 36");
  std::filesystem::remove(small.beside("partial") / "data/shard");
  EXPECT_EQ(refusal(small).problem, "a file of the unfinished output is gone");
}

TEST(Resume, IsNotLostToARunThatIsRefused) {
  ResumableRun small;
  small.options.overwrite = true;
  small.folder.write("out/model/old", "old");
  stop(small);
  small.options.overwrite = false;
  EXPECT_EQ(small.run().error().problem, "the destination exists and is not empty");
  small.options.overwrite = true;
  const auto report = small.resume();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->bytes_resumed, 12u + 5);
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Resume, KeepsTheWindowsOfBefore) {
  ResumableRun small;
  stop(small);
  small.options.tuning.window = 16;
  small.options.threads = 3;
  const auto report = small.resume();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->bytes_resumed, 12u + 5);
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Resume, IgnoresATornRecord) {
  for (const std::uintmax_t cut : {1, 5, 20}) {
    ResumableRun small;
    stop(small);
    const auto size = std::filesystem::file_size(small.beside("journal"));
    std::filesystem::resize_file(small.beside("journal"), size - cut);
    const auto report = small.resume();
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->bytes_resumed, 8u + 5) << cut;
    EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  }
}

TEST(Resume, IgnoresASpoiltRecordAndWhatFollows) {
  ResumableRun small;
  stop(small, 2);
  auto bytes = contents(small.folder.path() / "out").at(".model.weighbridge-journal");
  bytes[bytes.size() - 50] ^= 1;
  small.folder.write("out/.model.weighbridge-journal", bytes);
  const auto report = small.resume();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_LT(report->bytes_resumed, 20u + 5);
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Resume, StartsFromTheBeginningWithoutAJournalToReadFrom) {
  for (const std::string journal : {"", "nonsense", "\1\0\0\0\0\0\0\0x"}) {
    ResumableRun small;
    stop(small);
    small.folder.write("out/.model.weighbridge-journal", journal);
    const auto report = small.resume();
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->bytes_resumed, 0u);
    EXPECT_THAT(small.told, ElementsAre(HasSubstr("cannot be used")));
    EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  }
}

TEST(Resume, KeepsWhatWasNotedBeforeAnErrorOfTheDisk) {
  class Failing : public StoppingFiles {
   public:
    std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
      if (writes < 2) return StoppingFiles::pwrite(descriptor, from, size, offset);
      errno = EIO;
      return -1;
    }
  } files;
  ResumableRun small;
  small.options.files = &files;
  const auto failed = small.run();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, Error::Kind::io);
  EXPECT_THAT(failed.error().remedy, HasSubstr("what is done is kept, the same command with --resume continues"));
  small.options.files = nullptr;
  const auto report = small.resume();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  EXPECT_GE(report->bytes_resumed, 8u + 5);
}

}  // namespace
}  // namespace weighbridge
