// What is on the disk when the destination appears.
#include <map>
#include <set>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/files.hpp"
#include "engine/resumable_run.hpp"

namespace weighbridge {
namespace {

using testing::ElementsAre;

// Keeps account of what a loss of power would lose. One thread.
class Ledger : public Files {
 public:
  std::set<std::string> unsynced;                     // files and folders changed since they were synced
  std::set<std::string> synced;                       // all that ever were
  std::vector<std::set<std::string>> lost_at_rename;  // `unsynced` when each rename was asked for
  std::map<std::string, int> written;                 // how often each byte of each file was: "path:byte"

  int open(const std::filesystem::path& path, int flags, unsigned mode) override {
    const int descriptor = Files::open(path, flags, mode);
    paths_[descriptor] = path;
    if (flags & O_CREAT) unsynced.insert({path, path.parent_path()});
    return descriptor;
  }
  int mkdir(const std::filesystem::path& path) override {
    unsynced.insert({path, path.parent_path()});
    return Files::mkdir(path);
  }
  std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
    unsynced.insert(paths_[descriptor]);
    for (std::size_t i = 0; i < size; ++i)
      ++written[paths_[descriptor] + ":" + std::to_string(offset + static_cast<std::int64_t>(i))];
    return Files::pwrite(descriptor, from, size, offset);
  }
  int fsync(int descriptor) override {
    unsynced.erase(paths_[descriptor]);
    synced.insert(paths_[descriptor]);
    return Files::fsync(descriptor);
  }
  int rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    lost_at_rename.push_back(unsynced);
    unsynced.insert({from.parent_path(), to.parent_path()});
    return Files::rename(from, to);
  }

 private:
  std::map<int, std::string> paths_;
};

TEST(Durability, IsCompleteBeforeTheDestinationAppears) {
  SmallRun small;
  std::filesystem::create_directories(small.folder.path() / "out");
  Ledger files;
  small.options.files = &files;
  ASSERT_TRUE(small.run());
  // The lock is of no use after a loss of power; the folder that names the destination is synced after the rename.
  const auto out = (small.folder.path() / "out").string();
  ASSERT_EQ(files.lost_at_rename.size(), 1u);
  EXPECT_THAT(files.lost_at_rename[0], ElementsAre(out, out + "/.model.weighbridge-lock"));
  EXPECT_THAT(files.unsynced, ElementsAre(out + "/.model.weighbridge-lock"));
  const auto partial = out + "/.model.weighbridge-partial";
  EXPECT_THAT(files.synced, ElementsAre(out, partial, partial + "/data", partial + "/data/shard", partial + "/index",
                                        partial + "/tokenizer"));
}

TEST(Durability, OfWindowsComesBeforeTheWordOfThem) {
  class Journalled : public Ledger {
   public:
    std::vector<std::set<std::string>> lost_at_note;
    std::string journal;
    int number{-1};
    int open(const std::filesystem::path& path, int flags, unsigned mode) override {
      const int descriptor = Ledger::open(path, flags, mode);
      if (path == journal) number = descriptor;
      return descriptor;
    }
    std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
      if (descriptor == number) lost_at_note.push_back(unsynced);
      return Ledger::pwrite(descriptor, from, size, offset);
    }
  } files;
  ResumableRun small;
  std::filesystem::create_directories(small.folder.path() / "out");
  files.journal = small.beside("journal").string();
  small.options.files = &files;
  ASSERT_TRUE(small.run());
  ASSERT_EQ(files.lost_at_note.size(), 5u);  // what run it is, then each of four windows
  const auto out = (small.folder.path() / "out").string();
  EXPECT_THAT(files.lost_at_note[0], ElementsAre(out, out + "/.model.weighbridge-journal", out + "/.model.weighbridge-lock"));
  for (std::size_t i = 1; i < 5; ++i) EXPECT_THAT(files.lost_at_note[i], ElementsAre(out + "/.model.weighbridge-lock")) << i;
}

TEST(Durability, IncludesTheParentsThatAreMade) {
  SmallRun small;
  Ledger files;
  small.options.files = &files;
  ASSERT_TRUE(run(small.plan, small.folder.path() / "new" / "newer" / "model", small.options));
  EXPECT_THAT(files.unsynced, ElementsAre((small.folder.path() / "new/newer/.model.weighbridge-lock").string()));
}

TEST(Durability, WritesEveryByteOnce) {
  SmallRun small;
  small.options.tuning.window = 8;
  Ledger files;
  small.options.files = &files;
  ASSERT_TRUE(small.run());
  EXPECT_EQ(files.written.size(), 36u + 5 + 5);
  for (const auto& [byte, times] : files.written) EXPECT_EQ(times, 1) << byte;
}

}  // namespace
}  // namespace weighbridge
