// The floor once more, with io_uring in place of threads: one thread, DEPTH pieces in flight, each read, checksummed and written.
//
//   ring_floor OUTPUT_FOLDER DEPTH FILE…
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <tuple>
#include <utility>
#include <vector>

#include <liburing.h>

#include "direct_files.hpp"
#include "engine/memory.hpp"
#include "formats/crc32.hpp"

namespace {

using namespace weighbridge::bench;

// A buffer on its way: read, then written.
struct Piece {
  weighbridge::Buffer buffer;
  std::size_t file{}, offset{};
  bool writes{};
};

}  // namespace

int main(int count, char** words) {
  unsigned depth = 8;
  const auto opened = open_files(count, words, "ring_floor OUTPUT_FOLDER DEPTH FILE...", depth);
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
  const auto start = [&](Piece& piece, bool writes) {
    piece.writes = writes;
    const auto& file = opened.files[piece.file];
    const auto size = static_cast<unsigned>(opened.transferred(piece.file, piece.offset));
    auto* const entry = ::io_uring_get_sqe(&ring);
    if (writes) ::io_uring_prep_write(entry, file.to, piece.buffer.bytes().data(), size, piece.offset);
    else ::io_uring_prep_read(entry, file.from, piece.buffer.bytes().data(), size, piece.offset);
    ::io_uring_sqe_set_data(entry, &piece);
    ++flying;
  };
  const auto start_next = [&](Piece& piece) {
    if (next == opened.work.size()) return;
    std::tie(piece.file, piece.offset) = opened.work[next++];
    start(piece, false);
  };
  for (auto& piece : pieces) start_next(piece);
  while (flying > 0) {
    ::io_uring_cqe* done = nullptr;
    if (::io_uring_submit_and_wait(&ring, 1) < 0 || ::io_uring_wait_cqe(&ring, &done) < 0) give_up("io_uring");
    auto& piece = *static_cast<Piece*>(::io_uring_cqe_get_data(done));
    const auto moved = done->res;
    ::io_uring_cqe_seen(&ring, done);
    --flying;
    const auto least = piece.writes ? opened.transferred(piece.file, piece.offset) : opened.held(piece.file, piece.offset);
    if (moved < 0 || static_cast<std::size_t>(moved) < least) {
      errno = moved < 0 ? -moved : EIO;
      give_up(piece.writes ? "write" : "read");
    }
    if (piece.writes) {
      start_next(piece);
      continue;
    }
    checksum ^= weighbridge::crc32({reinterpret_cast<const char*>(piece.buffer.bytes().data()), static_cast<std::size_t>(moved)});
    start(piece, true);
  }
  finish(opened);
  ::io_uring_queue_exit(&ring);
  std::printf("%08x\n", checksum);
  return 0;
}
