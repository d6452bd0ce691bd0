#pragma once
// Gives back pieces of files. What it is given may be anything.

#include <memory>
#include <span>
#include <string_view>

#include "formats/archive_index.hpp"
#include "formats/input_file.hpp"
#include "tensor/result.hpp"

typedef struct ZSTD_DCtx_s ZSTD_DCtx;

namespace weighbridge {

// For one thread.
class PieceDecoder {
 public:
  // What one takes of memory at most, its buffers included.
  static constexpr std::uint64_t kMemory = 2 * kLargestPiece + kLargestFrame + (1 << 20);

  static Result<PieceDecoder> make();

  // The bytes of a piece of an index that was read from `archive`; valid until the next call. `file` is what the piece is
  // of, for messages. Errors: the frame is none, or has another size than the index says, or its bytes another checksum.
  Result<std::span<const char>> decode(const InputFile& archive, const ArchivePiece& piece, std::string_view file);

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const;
  };
  PieceDecoder(std::unique_ptr<char[]> buffer, ZSTD_DCtx* context) : buffer_{std::move(buffer)}, context_{context} {}

  std::unique_ptr<char[]> buffer_;  // the piece, its planes, the frame
  std::unique_ptr<ZSTD_DCtx, Free> context_;
};

}  // namespace weighbridge
