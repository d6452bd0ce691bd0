#pragma once
// Reads and writes around the page cache where that is cheaper: long runs that are not in it. Copying through the cache
// takes several times the processor time, and its pages are taken from whoever needs them.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "engine/files.hpp"
#include "engine/open_files.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// What direct transfers need of positions in files and in memory on every file system that is known.
inline constexpr std::size_t kDirectAlignment = kPage;

// For one thread. Bytes and errors are those of read_exactly and write_exactly, whatever way they take; where a file
// system has no direct transfers the page cache is used.
class DirectReader {
 public:
  // `bounce` is aligned memory of a multiple of kDirectAlignment, at least two of them. Without it, or with `least` 0, there are
  // no direct reads. Runs of `least` bytes and more are read around the cache if they are not in it. `block` is such memory too;
  // it may be empty. In `room`, which nobody else touches meanwhile, what lies in memory as in its file (position modulo
  // kDirectAlignment) is read in place, with the pages that it begins and ends in; their other bytes stay as they were.
  DirectReader(Files& files, std::span<std::byte> bounce, std::uint64_t least, std::span<std::byte> block = {}, std::span<std::byte> room = {});

  Status read(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::string_view subject);

  bool keeps_blocks() const { return works_ && block_.size() >= 2 * kDirectAlignment; }
  // The same for a short run of a range that ends at `end` and is read in order: what is not in the cache is read in blocks. The
  // last one is kept, so that another reading of the same range finds it. `path` must outlive this.
  Status read_near(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::uint64_t end, std::string_view subject);

 private:
  // How many bytes could be read so; the rest is left to the cache.
  Result<std::size_t> read_around(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::string_view subject);

  bool fits_in_place(std::uint64_t offset, std::span<const std::byte> into) const;
  // As read_around, without the bounce.
  Result<std::size_t> read_in_place(int descriptor, const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into,
                                    std::string_view subject);
  Status fill_block(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t end, std::string_view subject);

  // Part of a file: what the block holds, or what was found to be in the page cache.
  struct Range {
    const std::filesystem::path* path{};
    std::uint64_t begin{}, end{};
    bool covers(const std::filesystem::path& of, std::uint64_t from, std::size_t size) const {
      return path == &of && from >= begin && from <= end && size <= end - from;
    }
  };

  Files* files_;
  std::span<std::byte> bounce_, block_, room_;
  Range held_, in_cache_;
  std::uint64_t least_;
  OpenFiles cached_, direct_;
  bool works_;  // until a file system says otherwise
};

class DirectWriter {
 public:
  // `least` 0: always through the cache.
  DirectWriter(Files& files, std::uint64_t least);

  // What lies on whole pages of the file goes around the cache, if it is long enough and lies in memory as it does in the file
  // (position modulo kDirectAlignment); the rest goes through it.
  Status write(const std::filesystem::path& path, std::uint64_t offset, std::span<const std::byte> from, std::string_view subject);

 private:
  Status write_cached(const std::filesystem::path& path, std::uint64_t offset, std::span<const std::byte> from, std::string_view subject);

  Files* files_;
  std::uint64_t least_;
  OpenFiles cached_, direct_;
  bool works_;
};

}  // namespace weighbridge
