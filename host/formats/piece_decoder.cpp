#include "formats/piece_decoder.hpp"

#include <new>
#include <utility>

#include <fmt/format.h>
#include <zstd.h>

#include "formats/byte_planes.hpp"
#include "formats/crc32.hpp"
#include "formats/format_error.hpp"

namespace weighbridge {

void PieceDecoder::Free::operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }

Result<PieceDecoder> PieceDecoder::make() {
  std::unique_ptr<char[]> buffer{new (std::nothrow) char[2 * kLargestPiece + kLargestFrame]};
  auto* context = buffer ? ZSTD_createDCtx() : nullptr;
  if (context == nullptr)
    return Error{Error::Kind::io, "", "", "the machine has no more memory", "Free some and try again"};
  return PieceDecoder{std::move(buffer), context};
}

Result<std::span<const char>> PieceDecoder::decode(const InputFile& archive, const ArchivePiece& piece,
                                                   std::string_view file) {
  auto* base = buffer_.get();
  const std::span<char> bytes{base, piece.size}, planes{base + kLargestPiece, piece.size},
      frame{base + 2 * kLargestPiece, piece.stored};
  const auto fault = [&](std::string_view what) {
    return damaged(archive.name(), file, fmt::format("the piece at byte {} {}", piece.offset, what));
  };
  if (auto read = archive.read(piece.offset, frame); !read) return read.error();
  // Looked at first, so that nothing is decompressed that has not the size that there is room for.
  const auto end = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(end)) return fault("is no frame of zstd");
  if (end != frame.size()) return fault(fmt::format("is a frame of {} bytes instead of {}", end, frame.size()));
  const auto content = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (content != piece.size) return fault(fmt::format("does not say that it holds {} bytes", piece.size));
  const auto target = piece.width > 1 ? planes : bytes;
  const auto got = ZSTD_decompressDCtx(context_.get(), target.data(), target.size(), frame.data(), frame.size());
  if (ZSTD_isError(got)) return fault(fmt::format("cannot be decompressed: {}", ZSTD_getErrorName(got)));
  if (got != piece.size) return fault(fmt::format("holds {} bytes instead of {}", got, piece.size));
  if (piece.width > 1) join_planes(planes, bytes, piece.width);
  if (const auto found = crc32(bytes); found != piece.crc)
    return fault(fmt::format("has the checksum {:08x} instead of {:08x}", found, piece.crc));
  return std::span<const char>{bytes};
}

}  // namespace weighbridge
