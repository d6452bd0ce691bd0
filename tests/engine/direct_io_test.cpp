#include "engine/direct_io.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <cstring>
#include <set>

#include "engine/memory.hpp"
#include "engine/faulty_files.hpp"
#include "engine/work_folder.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kPages = 8;

// Knows which open files are direct, and counts what goes through them.
class WatchedFiles : public FaultyFiles {
 public:
  bool refuses{};              // direct transfers
  std::size_t largest_direct{std::numeric_limits<std::size_t>::max()};
  std::int64_t direct_bytes{};

  int open(const std::filesystem::path& path, int flags, unsigned mode) override {
    const int number = FaultyFiles::open(path, flags, mode);
    if (number >= 0 && (flags & O_DIRECT) != 0) direct_.insert(number);
    return number;
  }
  int close(int descriptor) override {
    direct_.erase(descriptor);
    return FaultyFiles::close(descriptor);
  }
  std::int64_t pread(int descriptor, void* into, std::size_t size, std::int64_t offset) override {
    return counted(descriptor, FaultyFiles::pread(descriptor, into, limited(descriptor, size), offset));
  }
  std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
    return counted(descriptor, FaultyFiles::pwrite(descriptor, from, limited(descriptor, size), offset));
  }

 private:
  std::size_t limited(int descriptor, std::size_t size) const { return direct_.contains(descriptor) ? std::min(size, largest_direct) : size; }
  std::int64_t counted(int descriptor, std::int64_t moved) {
    if (!direct_.contains(descriptor)) return moved;
    if (refuses) {
      errno = EINVAL;
      return -1;
    }
    direct_bytes += std::max<std::int64_t>(moved, 0);
    return moved;
  }
  std::set<int> direct_;
};

std::string numbered(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

class DirectIo : public testing::Test {
 protected:
  DirectIo() { files.cached = false; }
  std::string read(DirectReader& reader, std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    const auto status = reader.read(path, offset, std::as_writable_bytes(std::span{bytes}), "t");
    EXPECT_TRUE(status) << status.error().text();
    return bytes;
  }

  WorkFolder folder;
  WatchedFiles files;
  const std::string content = numbered(40000);
  const std::filesystem::path path = folder.write("file", content);
  Buffer bounce = *Buffer::make(2 * kDirectAlignment);
  Buffer memory = *Buffer::make(kPages * kDirectAlignment);
};

TEST_F(DirectIo, ReadsAnyRangeInPiecesOfTheBounce) {
  DirectReader reader{files, bounce.bytes(), 100};
  EXPECT_EQ(read(reader, 0, 40000), content);
  EXPECT_EQ(read(reader, 4095, 9000), content.substr(4095, 9000));
  EXPECT_EQ(read(reader, 39000, 1000), content.substr(39000));  // beyond which the file ends
  EXPECT_GT(files.direct_bytes, 50000);
}

TEST_F(DirectIo, ReadsThroughTheCacheWhatIsShortOrInIt) {
  DirectReader reader{files, bounce.bytes(), 100};
  EXPECT_EQ(read(reader, 17, 99), content.substr(17, 99));
  files.cached = true;
  EXPECT_EQ(read(reader, 17, 9000), content.substr(17, 9000));
  DirectReader without{files, {}, 100}, never{files, bounce.bytes(), 0};
  files.cached = false;
  EXPECT_EQ(read(without, 17, 9000), content.substr(17, 9000));
  EXPECT_EQ(read(never, 17, 9000), content.substr(17, 9000));
  EXPECT_EQ(files.direct_bytes, 0);
}

TEST_F(DirectIo, GoesThroughTheCacheWhereItIsRefused) {
  files.refuses = true;
  DirectReader reader{files, bounce.bytes(), 100};
  EXPECT_EQ(read(reader, 17, 9000), content.substr(17, 9000));
  DirectWriter writer{files, 100};
  ASSERT_TRUE(writer.write(path, 0, memory.bytes(), "t"));
  EXPECT_EQ(contents(folder.path()).at("file").substr(0, memory.bytes().size()), std::string(memory.bytes().size(), '\0'));
}

TEST_F(DirectIo, ReadsShortRunsOfARangeInBlocksAndKeepsTheLast) {
  Buffer block = *Buffer::make(3 * kDirectAlignment);
  DirectReader reader{files, bounce.bytes(), 1 << 20, block.bytes()};
  const auto near = [&](std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    const auto status = reader.read_near(path, offset, std::as_writable_bytes(std::span{bytes}), 20000, "t");
    EXPECT_TRUE(status) << status.error().text();
    return bytes;
  };
  EXPECT_EQ(near(5000, 100), content.substr(5000, 100));
  EXPECT_EQ(files.direct_bytes, 12288);  // from the page of byte 5000 on: bytes 4096 to 16384
  for (std::uint64_t offset = 4096; offset + 700 <= 16384; offset += 700) EXPECT_EQ(near(offset, 700), content.substr(offset, 700));
  EXPECT_EQ(files.direct_bytes, 12288);
  EXPECT_EQ(near(16000, 1000), content.substr(16000, 1000));  // beyond the block: the next one, up to the end of the range
  EXPECT_EQ(files.direct_bytes, 12288 + 8192);
  files.cached = true;
  EXPECT_EQ(near(100, 300), content.substr(100, 300));
  EXPECT_EQ(near(16000, 500), content.substr(16000, 500));  // still in the block
  EXPECT_EQ(files.direct_bytes, 12288 + 8192);
}

TEST_F(DirectIo, ReadsInPlaceWhatLiesInMemoryAsInItsFile) {
  DirectReader reader{files, bounce.bytes(), 100, {}, memory.bytes()};
  const std::pair<std::uint64_t, std::size_t> ranges[] = {{4096, 8192}, {5000, 9000}, {4095, 2}, {4097, 100}, {39000, 1000}, {36864, 3136}};
  for (const auto& [offset, size] : ranges) {
    std::memset(memory.bytes().data(), '.', memory.bytes().size());
    files.direct_bytes = 0;
    const auto at = static_cast<std::size_t>(kDirectAlignment + offset % kDirectAlignment);
    ASSERT_TRUE(reader.read(path, offset, memory.bytes().subspan(at, size), "t"));
    std::string expected(memory.bytes().size(), '.');
    expected.replace(at, size, content, offset, size);
    EXPECT_EQ((std::string{reinterpret_cast<const char*>(memory.bytes().data()), memory.bytes().size()}), expected) << offset;
    if (size >= 100) {
      EXPECT_GT(files.direct_bytes, 0) << offset;
    }
  }
  files.direct_bytes = 0;
  ASSERT_TRUE(reader.read(path, 5000, memory.bytes().subspan(kDirectAlignment + 904, 9000), "t"));
  EXPECT_EQ(files.direct_bytes, 12288);  // bytes 4096 to 16384, at once
  ASSERT_TRUE(reader.read(path, 5000, memory.bytes().subspan(904, 9000), "t"));  // the room begins on a page
  EXPECT_EQ(files.direct_bytes, 24576);
}

TEST_F(DirectIo, NamesAFileThatEnds) {
  DirectReader reader{files, bounce.bytes(), 100};
  std::string bytes(2000, '\0');
  const auto status = reader.read(path, 39000, std::as_writable_bytes(std::span{bytes}), "t");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().problem, "the file ends at byte 40000, 1000 bytes before what was to be read");
}

TEST_F(DirectIo, WritesWholePagesAroundTheCacheAndTheirEdgesThroughIt) {
  const auto fresh = numbered(20001);
  const std::pair<std::size_t, std::int64_t> around[] = {{0, 16384}, {100, 12288}, {4096, 16384}, {7001, 16384}};
  for (const auto& [offset, pages] : around) {
    folder.write("file", content);
    files.direct_bytes = 0;
    const auto at = memory.bytes().subspan(offset % kDirectAlignment, fresh.size());
    std::memcpy(at.data(), fresh.data(), fresh.size());
    {
      DirectWriter writer{files, 4096};
      ASSERT_TRUE(writer.write(path, offset, at, "t"));
    }
    auto expected = content;
    expected.replace(offset, fresh.size(), fresh);
    EXPECT_EQ(contents(folder.path()).at("file"), expected) << offset;
    EXPECT_EQ(files.direct_bytes, pages) << offset;
  }
}

TEST_F(DirectIo, FinishesThroughTheCacheWhatWasCutOffWithinAPage) {
  files.largest_direct = 4096 + 512;
  const auto fresh = numbered(20000);
  std::memcpy(memory.bytes().data(), fresh.data(), fresh.size());
  DirectWriter writer{files, 4096};
  ASSERT_TRUE(writer.write(path, 0, memory.bytes().first(fresh.size()), "t"));
  EXPECT_EQ(contents(folder.path()).at("file"), fresh + content.substr(fresh.size()));
}

TEST_F(DirectIo, TellsErrorsOfTheDisk) {
  DirectReader reader{files, bounce.bytes(), 100};
  files.fail_at = files.calls() + 2;  // after both files are opened
  std::string bytes(9000, '\0');
  const auto status = reader.read(path, 0, std::as_writable_bytes(std::span{bytes}), "t");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().problem, "cannot read it around the cache: Input/output error");
}

}  // namespace
}  // namespace weighbridge
