#include "engine/run.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/faulty_files.hpp"
#include "engine/small_run.hpp"

namespace weighbridge {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Run, MakesEveryByteOfAPlan) {
  SmallRun small;
  const auto report = small.run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  EXPECT_THAT(contents(small.folder.path() / "out"),
              testing::SizeIs(5));  // the folder, its four entries, nothing hidden
  EXPECT_EQ(report->bytes_written, 36u + 5 + 5);
  EXPECT_EQ(report->bytes_read, 24u + 5);
  EXPECT_EQ(report->threads, 1u);
  EXPECT_GT(report->seconds, 0);
  EXPECT_GT(report->peak_resident, 1u << 20);
  EXPECT_LE(report->buffer_bytes, small.options.max_memory);
  ASSERT_EQ(report->files.size(), 3u);
  EXPECT_EQ(report->files[0].path, "data/shard");
  EXPECT_EQ(report->files[0].bytes, 36u);
  EXPECT_EQ(report->files[2].path, "tokenizer");
  EXPECT_TRUE(report->files[2].carried);
  EXPECT_THAT(report->warnings, IsEmpty());
}

TEST(Run, GivesTheSameBytesForAnyNumberOfThreads) {
  SmallRun small;
  for (const unsigned threads : {1u, 2u, 5u}) {
    small.options.threads = threads;
    small.options.overwrite = true;
    small.options.tuning.window = 8;
    ASSERT_TRUE(small.run());
    EXPECT_EQ(contents(small.destination()), SmallRun::complete()) << threads;
  }
}

TEST(Run, PadsWithZeros) {
  SmallRun small;
  small.plan.tensors[1].padded = true;
  small.plan.tensors[1].copies[0].loops = {{3, 1, 4}};
  for (const std::uint64_t window : {0, 8}) {
    small.options.tuning.window = window;
    small.options.overwrite = true;
    ASSERT_TRUE(small.run());
    EXPECT_EQ(contents(small.destination()).at("data/shard").substr(16, 12), std::string("m\0\0\0n\0\0\0o\0\0\0", 12));
  }
}

TEST(Run, TellsProgressFromZeroToAll) {
  SmallRun small;
  small.options.threads = 2;
  small.options.tuning.window = 8;
  std::vector<std::uint64_t> seen;
  std::atomic<int> inside{0};
  small.options.progress = [&](const Progress& progress) {
    EXPECT_EQ(inside.fetch_add(1), 0);
    EXPECT_EQ(progress.bytes_total, 46u);
    seen.push_back(progress.bytes_done);
    inside.fetch_sub(1);
  };
  ASSERT_TRUE(small.run());
  ASSERT_GE(seen.size(), 2u);
  EXPECT_LE(seen.size(), 20u);  // ten a second, were this to take two
  EXPECT_EQ(seen.front(), 0u);
  EXPECT_EQ(seen.back(), 46u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Run, NamesTheTensorAtWork) {
  // Slow enough for the sink to be called between the first and the last time.
  class SlowFiles : public Files {
   public:
    std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
      std::this_thread::sleep_for(std::chrono::milliseconds{60});
      return Files::pwrite(descriptor, from, size, offset);
    }
  } files;
  SmallRun small;
  small.plan.carried.clear();
  small.options.files = &files;
  std::vector<std::string> names;
  small.options.progress = [&](const Progress& progress) { names.emplace_back(progress.tensor); };
  ASSERT_TRUE(small.run());
  ASSERT_GE(names.size(), 3u);
  EXPECT_EQ(names.front(), "");
  EXPECT_THAT(names[1], AnyOf("turned", "kept"));  // the second, unless the machine is busy
  EXPECT_EQ(names.back(), "");
}

TEST(Run, StopsWhenAsked) {
  SmallRun small;
  std::stop_source stop;
  small.options.stop = stop.get_token();
  small.options.progress = [&](const Progress&) { stop.request_stop(); };
  const auto report = small.run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Error::Kind::cancelled);
  EXPECT_FALSE(std::filesystem::exists(small.folder.path() / "out"));
}

TEST(Run, StopsAtWhicheverReadOrWrite) {
  class StoppingFiles : public Files {
   public:
    std::stop_source stop;
    int left{};
    std::int64_t pread(int descriptor, void* into, std::size_t size, std::int64_t offset) override {
      count();
      return Files::pread(descriptor, into, size, offset);
    }
    std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
      count();
      return Files::pwrite(descriptor, from, size, offset);
    }
    int fsync(int descriptor) override {
      count();
      return Files::fsync(descriptor);
    }

   private:
    void count() {
      if (left-- == 0) stop.request_stop();
    }
  };
  SmallRun small;
  small.options.tuning.window = 8;
  int stopped = 0;
  for (int at = 0;; ++at) {
    ASSERT_LT(at, 100);
    StoppingFiles files;
    files.left = at;
    small.options.files = &files;
    small.options.stop = files.stop.get_token();
    const auto report = small.run();
    if (report) break;  // too late to be stopped
    ++stopped;
    EXPECT_EQ(report.error().kind, Error::Kind::cancelled);
    EXPECT_THAT(contents(small.folder.path() / "out"), IsEmpty()) << at;
  }
  EXPECT_GT(stopped, 10);
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Run, CarriesFilesLargerThanItsBuffers) {
  SmallRun small;
  std::string words;
  for (int i = 0; i < 100000; ++i) words += std::to_string(i) + ' ';
  small.folder.write("source/tokenizer", words);
  small.options.tuning = {64, 64, 1, 0};
  const auto report = small.run();
  ASSERT_TRUE(report);
  EXPECT_EQ(contents(small.destination()).at("tokenizer"), words);
}

Error error_of(SmallRun& small) {
  const auto report = small.run();
  EXPECT_FALSE(report);
  EXPECT_FALSE(std::filesystem::exists(small.folder.path() / "out"));
  return report ? Error{} : report.error();
}

TEST(Run, RefusesASourceThatIsShorterThanPlanned) {
  SmallRun small;
  small.folder.write("source/model", "abcdefghijklmnopqrstuvw");
  const auto error = error_of(small);
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_THAT(error.file, HasSubstr("source/model"));
  EXPECT_EQ(error.subject, "kept");
  EXPECT_EQ(error.problem, "bytes 12 to 24 are to be read and the file has 23");
}

TEST(Run, RefusesASourceThatIsGone) {
  SmallRun small;
  std::filesystem::remove(small.folder.path() / "source/model");
  EXPECT_THAT(error_of(small).text(), AllOf(HasSubstr("source/model"), HasSubstr("No such file")));
}

TEST(Run, NoticesASourceThatShrinksMeanwhile) {
  SmallRun small;
  small.options.progress = [&](const Progress& progress) {
    if (progress.bytes_done == 0) std::filesystem::resize_file(small.folder.path() / "source/model", 20);
  };
  const auto error = error_of(small);
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_EQ(error.subject, "kept");
  EXPECT_EQ(error.problem, "the file ends at byte 20, 4 bytes before what was to be read");
}

TEST(Run, RefusesFaultyPlans) {
  const auto faulty = [](auto&& spoil, const std::string& problem) {
    SmallRun small;
    spoil(small.plan);
    EXPECT_THAT(error_of(small).text(), HasSubstr(problem));
  };
  faulty([](Plan& plan) { plan.files[0].size = 37; }, "only 36 of 37 bytes are planned");
  faulty([](Plan& plan) { plan.files[0].size = 35; }, "bytes 28 to 36 are planned where byte 28 of 35 is next");
  faulty([](Plan& plan) { plan.tensors[1].offset = 15; },
         "data/shard: bytes 15 to 27 are planned where byte 16 of 36 is next");
  faulty([](Plan& plan) { plan.tensors[1].file = 7; }, "bytes 28 to 36 are planned where byte 16 of 36 is next");
  faulty([](Plan& plan) { plan.tensors[0].copies.clear(); }, "turned: copies write 0 of its 12 bytes");
  faulty([](Plan& plan) { plan.tensors[0].copies.push_back(plan.tensors[0].copies[0]); },
         "turned: copies write 24 of its 12 bytes");
  faulty([](Plan& plan) { plan.tensors[0].copies[0].loops[0].target_stride = 4; },
         "turned: bytes 0 to 15 are to be written");
  faulty([](Plan& plan) { plan.tensors[0].copies[0].loops[0].target_stride = 0; },
         "turned: a copy writes each of its elements 4 times");
  faulty([](Plan& plan) { plan.tensors[0].copies[0].source_file = 1; }, "turned: source file 1 does not exist");
  faulty([](Plan& plan) { plan.tensors[0].copies[0].loops[0].source_stride = -1; },
         "turned: bytes -3 to 9 are to be read");
  faulty([](Plan& plan) { plan.tensors[0].copies[0].source_dtype = DType::f32; }, "turned: a copy moves 32 bits");
  faulty([](Plan& plan) { plan.literals[1].checksums[0].position = 5; }, "no place at byte 5 of a literal of 8 bytes");
  faulty([](Plan& plan) { plan.literals[1].checksums[0].tensor = 2; }, "the checksum of tensor 2");
  faulty([](Plan& plan) { plan.files[1].path = "../index"; }, "would lie outside the destination");
  faulty([](Plan& plan) { plan.carried[0].path = "/tmp/index"; }, "would lie outside the destination");
  faulty([](Plan& plan) { plan.carried[0].path = "index"; }, "two output files have this one name");
}

TEST(Run, RefusesADiskThatIsTooFull) {
  class SmallDisk : public Files {
   public:
    int statvfs(const std::filesystem::path& path, struct ::statvfs& into) override {
      const int result = Files::statvfs(path, into);
      into.f_frsize = 16;
      into.f_bavail = 5;
      return result;
    }
  } files;
  SmallRun small;
  small.options.files = &files;
  const auto error = error_of(small);
  EXPECT_EQ(error.kind, Error::Kind::io);
  EXPECT_EQ(error.problem,
            "the disk is too full: 94 bytes are needed and 80 are free");  // 46, and a block for each file
  EXPECT_THAT(error.remedy, HasSubstr("Free 14 bytes"));
}

TEST(Run, TellsOfADiskThatFillsUpMeanwhile) {
  class FullDisk : public Files {
   public:
    std::int64_t pwrite(int, const void*, std::size_t, std::int64_t) override {
      errno = ENOSPC;
      return -1;
    }
  } files;
  SmallRun small;
  small.options.threads = 2;
  small.options.files = &files;
  const auto error = error_of(small);
  EXPECT_THAT(error.text(), AllOf(HasSubstr("the disk is full"), HasSubstr("Free space on that disk")));
}

TEST(Run, ManagesWithoutReservingSpace) {
  class OldFileSystem : public Files {
   public:
    int fallocate(int, std::int64_t) override {
      errno = EOPNOTSUPP;
      return -1;
    }
  } files;
  SmallRun small;
  small.options.files = &files;
  ASSERT_TRUE(small.run());
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Run, RefusesAPlaceThatCannotBeWritten) {
  SmallRun small;
  const auto blocker = small.folder.write("blocker", "a file");
  const auto report = run(small.plan, blocker / "model", small.options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Error::Kind::io);
  EXPECT_THAT(report.error().text(), AllOf(HasSubstr("blocker"), HasSubstr("Not a directory")));

  class Forbidden : public Files {
   public:
    int open(const std::filesystem::path& path, int flags, unsigned mode) override {
      if (flags & O_CREAT) {
        errno = EACCES;
        return -1;
      }
      return Files::open(path, flags, mode);
    }
  } files;
  small.options.files = &files;
  const auto error = error_of(small);
  EXPECT_THAT(error.text(), AllOf(HasSubstr("Permission denied"), HasSubstr("Check the permissions")));
}

}  // namespace
}  // namespace weighbridge
