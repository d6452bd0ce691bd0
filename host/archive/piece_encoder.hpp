#pragma once
// Compresses pieces of files.

#include <memory>
#include <span>

#include "formats/archive_index.hpp"
#include "engine/memory.hpp"
#include "tensor/result.hpp"

typedef struct ZSTD_CCtx_s ZSTD_CCtx;

namespace weighbridge {

// For one thread. The same piece gives the same frame, whatever was encoded before.
class PieceEncoder {
 public:
  // What one takes of memory at most, its buffers included.
  static constexpr std::uint64_t kMemory = 2 * kLargestPiece + kLargestFrame + (6 << 20);

  static Result<PieceEncoder> make();

  // Where to put the bytes of the next piece, of which there are at most kLargestPiece.
  std::span<char> piece(std::uint64_t size);

  struct Encoded {
    ArchivePiece entry;           // but for its offset
    std::span<const char> frame;  // valid until the next call
  };
  // One zstd frame of the piece that was put there. `word` is the width of the numbers that it holds (2, 4 or 8), or 1
  // where it holds none; they are split into planes where that makes a beginning of them smaller.
  Result<Encoded> encode(std::uint64_t size, unsigned word);

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const;
  };
  PieceEncoder(Buffer buffer, ZSTD_CCtx* context) : buffer_{std::move(buffer)}, context_{context} {}
  Result<std::uint64_t> compress(std::span<const char> bytes, unsigned planes);

  Buffer buffer_;  // the piece, its planes, the frame
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace weighbridge
