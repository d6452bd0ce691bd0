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
#include "tensor/result.hpp"

namespace weighbridge {

// What direct transfers need of positions in files and in memory on every file system that is known.
inline constexpr std::size_t kDirectAlignment = 4096;

// For one thread. Bytes and errors are those of read_exactly and write_exactly, whatever way they take; where a file
// system has no direct transfers the page cache is used.
class DirectReader {
 public:
  // `bounce` is aligned memory of a multiple of kDirectAlignment, at least two of them. Without it, or with `least` 0, there are
  // no direct reads. Runs of `least` bytes and more are read around the cache if they are not in it.
  DirectReader(Files& files, std::span<std::byte> bounce, std::uint64_t least);

  Status read(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::string_view subject);

 private:
  // How many bytes could be read so; the rest is left to the cache.
  Result<std::size_t> read_around(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::string_view subject);

  Files* files_;
  std::span<std::byte> bounce_;
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
