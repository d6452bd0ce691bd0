// The least that a conversion can take: the bytes of files read, checksummed and written around the page cache, by as many
// threads, and synced. Nothing is moved or converted.
//
//   floor OUTPUT_FOLDER THREADS FILE…
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/direct_io.hpp"
#include "engine/memory.hpp"
#include "formats/crc32.hpp"

namespace {

constexpr std::size_t kPiece = 4 << 20, kBuffer = 8 << 20;  // large enough for large pages

struct File {
  int from{-1}, to{-1};
  std::size_t size{};
};

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::size_t pages(std::size_t size) { return (size + weighbridge::kDirectAlignment - 1) / weighbridge::kDirectAlignment * weighbridge::kDirectAlignment; }

void copy_piece(const File& file, std::size_t offset, std::span<std::byte> buffer, std::atomic<std::uint32_t>& checksum) {
  const auto wanted = std::min(kPiece, pages(file.size - offset));
  const auto got = ::pread(file.from, buffer.data(), wanted, static_cast<off_t>(offset));
  if (got < static_cast<ssize_t>(std::min(kPiece, file.size - offset))) give_up("read");
  checksum ^= weighbridge::crc32({reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(got)});
  if (::pwrite(file.to, buffer.data(), wanted, static_cast<off_t>(offset)) != static_cast<ssize_t>(wanted)) give_up("write");
}

}  // namespace

int main(int count, char** words) {
  if (count < 4) {
    std::fputs("usage: floor OUTPUT_FOLDER THREADS FILE...\n", stderr);
    return 2;
  }
  const std::filesystem::path folder{words[1]};
  std::filesystem::create_directories(folder);
  std::vector<File> files;
  std::vector<std::pair<std::size_t, std::size_t>> work;  // file, offset
  for (int i = 3; i < count; ++i) {
    File file;
    file.from = ::open(words[i], O_RDONLY | O_DIRECT);
    file.to = ::open((folder / std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, 0666);
    struct ::stat found {};
    if (file.from < 0 || file.to < 0 || ::fstat(file.from, &found) < 0) give_up(words[i]);
    file.size = static_cast<std::size_t>(found.st_size);
    if (::fallocate(file.to, 0, 0, found.st_size) < 0) give_up("fallocate");
    for (std::size_t offset = 0; offset < file.size; offset += kPiece) work.emplace_back(files.size(), offset);
    files.push_back(file);
  }
  std::atomic<std::size_t> next{};
  std::atomic<std::uint32_t> checksum{};
  const auto run = [&] {
    auto buffer = weighbridge::Buffer::make(kBuffer);
    if (!buffer) give_up("memory");
    for (auto number = next++; number < work.size(); number = next++)
      copy_piece(files[work[number].first], work[number].second, buffer->bytes(), checksum);
  };
  int threads = 1;
  std::from_chars(words[2], words[2] + std::strlen(words[2]), threads);
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(run);
    run();
  }
  for (const auto& file : files)
    if (::ftruncate(file.to, static_cast<off_t>(file.size)) < 0 || ::fsync(file.to) < 0) give_up("sync");
  std::printf("%08x\n", checksum.load());
  return 0;
}
