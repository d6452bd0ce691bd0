#pragma once
// The files of a floor: opened around the page cache, cut into pieces, synced at the end.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/direct_io.hpp"

namespace weighbridge::bench {

inline constexpr std::size_t kPiece = 4 << 20, kBuffer = 8 << 20;  // a buffer is large enough for large pages

[[noreturn]] inline void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline std::size_t pages(std::size_t size) { return (size + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment; }

struct File {
  int from{-1}, to{-1};
  std::size_t size{};
};

struct DirectFiles {
  std::vector<File> files;
  std::vector<std::pair<std::size_t, std::size_t>> work;  // file and offset of each piece

  // Bytes of a piece that hold something, and whole pages of it, which are what is transferred.
  std::size_t held(std::size_t file, std::size_t offset) const { return std::min(kPiece, files[file].size - offset); }
  std::size_t transferred(std::size_t file, std::size_t offset) const { return std::min(kPiece, pages(files[file].size - offset)); }
};

// OUTPUT_FOLDER NUMBER FILE… of a command line; the number goes to `number`. Outputs have their sizes from the start.
inline DirectFiles open_files(int count, char** words, const char* usage, unsigned& number) {
  if (count < 4) {
    std::fprintf(stderr, "usage: %s\n", usage);
    std::exit(2);
  }
  std::from_chars(words[2], words[2] + std::strlen(words[2]), number);
  const std::filesystem::path folder{words[1]};
  std::filesystem::create_directories(folder);
  DirectFiles opened;
  for (int i = 3; i < count; ++i) {
    File file;
    file.from = ::open(words[i], O_RDONLY | O_DIRECT);
    file.to = ::open((folder / std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, 0666);
    struct ::stat found {};
    if (file.from < 0 || file.to < 0 || ::fstat(file.from, &found) < 0) give_up(words[i]);
    file.size = static_cast<std::size_t>(found.st_size);
    if (::fallocate(file.to, 0, 0, found.st_size) < 0) give_up("fallocate");
    for (std::size_t offset = 0; offset < file.size; offset += kPiece) opened.work.emplace_back(opened.files.size(), offset);
    opened.files.push_back(file);
  }
  return opened;
}

// Cuts the last pages to size, and waits for the device.
inline void finish(const DirectFiles& opened) {
  for (const auto& file : opened.files)
    if (::ftruncate(file.to, static_cast<off_t>(file.size)) < 0 || ::fsync(file.to) < 0) give_up("sync");
}

}  // namespace weighbridge::bench
