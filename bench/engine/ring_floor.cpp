// The floor once more, with io_uring in place of threads: one thread, DEPTH pieces in flight, each read, checksummed and written.
//
//   ring_floor OUTPUT_FOLDER DEPTH FILE…
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <liburing.h>
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

// A buffer on its way: read, then written.
struct Piece {
  weighbridge::Buffer buffer;
  std::size_t file{}, offset{}, wanted{};
  bool writes{};
};

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::size_t pages(std::size_t size) { return (size + weighbridge::kDirectAlignment - 1) / weighbridge::kDirectAlignment * weighbridge::kDirectAlignment; }

}  // namespace

int main(int count, char** words) {
  if (count < 4) {
    std::fputs("usage: ring_floor OUTPUT_FOLDER DEPTH FILE...\n", stderr);
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
  unsigned depth = 8;
  std::from_chars(words[2], words[2] + std::strlen(words[2]), depth);
  ::io_uring ring{};
  if (const int failed = ::io_uring_queue_init(depth, &ring, 0); failed < 0) {
    errno = -failed;
    give_up("io_uring");
  }
  std::vector<Piece> pieces;
  for (unsigned i = 0; i < depth; ++i) {
    auto buffer = weighbridge::Buffer::make(kBuffer);
    if (!buffer) give_up("memory");
    pieces.push_back({std::move(*buffer)});
  }
  std::size_t next = 0, flying = 0;
  std::uint32_t checksum = 0;
  const auto start_reading = [&](Piece& piece) {
    if (next == work.size()) return;
    std::tie(piece.file, piece.offset) = work[next++];
    piece.wanted = std::min(kPiece, pages(files[piece.file].size - piece.offset));
    piece.writes = false;
    auto* entry = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_read(entry, files[piece.file].from, piece.buffer.bytes().data(), static_cast<unsigned>(piece.wanted), piece.offset);
    ::io_uring_sqe_set_data(entry, &piece);
    ++flying;
  };
  for (auto& piece : pieces) start_reading(piece);
  while (flying > 0) {
    ::io_uring_cqe* done = nullptr;
    if (::io_uring_submit_and_wait(&ring, 1) < 0 || ::io_uring_wait_cqe(&ring, &done) < 0) give_up("io_uring");
    auto& piece = *static_cast<Piece*>(::io_uring_cqe_get_data(done));
    const auto moved = done->res;
    ::io_uring_cqe_seen(&ring, done);
    --flying;
    const auto least = piece.writes ? piece.wanted : std::min(kPiece, files[piece.file].size - piece.offset);
    if (moved < 0 || static_cast<std::size_t>(moved) < least) {
      errno = moved < 0 ? -moved : EIO;
      give_up(piece.writes ? "write" : "read");
    }
    if (piece.writes) {
      start_reading(piece);
      continue;
    }
    checksum ^= weighbridge::crc32({reinterpret_cast<const char*>(piece.buffer.bytes().data()), static_cast<std::size_t>(moved)});
    piece.writes = true;
    auto* entry = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_write(entry, files[piece.file].to, piece.buffer.bytes().data(), static_cast<unsigned>(piece.wanted), piece.offset);
    ::io_uring_sqe_set_data(entry, &piece);
    ++flying;
  }
  for (const auto& file : files)
    if (::ftruncate(file.to, static_cast<off_t>(file.size)) < 0 || ::fsync(file.to) < 0) give_up("sync");
  ::io_uring_queue_exit(&ring);
  std::printf("%08x\n", checksum);
  return 0;
}
