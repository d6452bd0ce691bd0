// The least that a conversion can take: the bytes of files read, checksummed and written around the page cache, by as many
// threads, and synced. Nothing is moved or converted.
//
//   floor OUTPUT_FOLDER THREADS FILE…
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <span>
#include <thread>
#include <vector>

#include "direct_files.hpp"
#include "engine/memory.hpp"
#include "formats/crc32.hpp"

namespace {

using namespace weighbridge::bench;

std::uint32_t copy_piece(const DirectFiles& opened, std::size_t file, std::size_t offset, std::span<std::byte> buffer) {
  const auto wanted = opened.transferred(file, offset);
  const auto got = ::pread(opened.files[file].from, buffer.data(), wanted, static_cast<off_t>(offset));
  if (got < static_cast<ssize_t>(opened.held(file, offset))) give_up("read");
  const auto checksum = weighbridge::crc32({reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(got)});
  if (::pwrite(opened.files[file].to, buffer.data(), wanted, static_cast<off_t>(offset)) != static_cast<ssize_t>(wanted)) give_up("write");
  return checksum;
}

}  // namespace

int main(int count, char** words) {
  unsigned threads = 1;
  const auto opened = open_files(count, words, "floor OUTPUT_FOLDER THREADS FILE...", threads);
  std::atomic<std::size_t> next{};
  std::atomic<std::uint32_t> checksum{};
  const auto run = [&] {
    auto buffer = weighbridge::Buffer::make(kBuffer);
    if (!buffer) give_up("memory");
    for (auto number = next++; number < opened.work.size(); number = next++)
      checksum ^= copy_piece(opened, opened.work[number].first, opened.work[number].second, buffer->bytes());
  };
  {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i) others.emplace_back(run);
    run();
  }
  finish(opened);
  std::printf("%08x\n", checksum.load());
  return 0;
}
