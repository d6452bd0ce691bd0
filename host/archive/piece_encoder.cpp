#include "archive/piece_encoder.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <zstd.h>

#include "formats/byte_planes.hpp"
#include "formats/crc32.hpp"

namespace weighbridge {
namespace {

// Of bytes as they are: more finds little in weights and takes its time.
constexpr int kPlainLevel = 3;
// Of planes: in noise every match is a chance that spoils the statistics of the literals around it, so as few as can be are
// looked for. On bfloat16 weights this packs better than any level of zstd (1.51 against 1.47 of level 1), and faster.
constexpr int kPlanesLevel = 1, kPlanesHashLog = 6;
// How much of a piece is tried both ways.
constexpr std::uint64_t kSample = 128 << 10;

Error refusal(std::size_t code) {
  return {Error::Kind::io, "", "", fmt::format("zstd cannot compress: {}", ZSTD_getErrorName(code)),
          "Free memory, then try again"};
}

}  // namespace

void PieceEncoder::Free::operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }

Result<PieceEncoder> PieceEncoder::make() {
  auto buffer = Buffer::make(2 * kLargestPiece + kLargestFrame);
  if (!buffer) return std::move(buffer).error();
  auto* context = ZSTD_createCCtx();
  if (context == nullptr)
    return Error{Error::Kind::io, "", "", "the machine has no more memory", "Free some and try again"};
  return PieceEncoder{*std::move(buffer), context};
}

std::span<char> PieceEncoder::piece(std::uint64_t size) {
  return {reinterpret_cast<char*>(buffer_.bytes().data()), static_cast<std::size_t>(size)};
}

Result<std::uint64_t> PieceEncoder::compress(std::span<const char> bytes, unsigned planes) {
  auto* context = context_.get();
  // All of this can only fail for lack of memory.
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, planes > 1 ? kPlanesLevel : kPlainLevel);
  if (planes > 1) ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, kPlanesHashLog);
  if (const auto code = ZSTD_CCtx_setPledgedSrcSize(context, bytes.size()); ZSTD_isError(code)) return refusal(code);
  ZSTD_outBuffer out{buffer_.bytes().data() + 2 * kLargestPiece, kLargestFrame, 0};
  const auto plane = bytes.size() / planes;
  for (unsigned i = 0; i < planes; ++i) {
    // A block never spans two planes: each has statistics of its own.
    const auto directive = i + 1 == planes ? ZSTD_e_end : ZSTD_e_flush;
    ZSTD_inBuffer in{bytes.data() + i * plane, plane, 0};
    for (std::size_t left = 1; left > 0;) {
      left = ZSTD_compressStream2(context, &out, &in, directive);
      if (ZSTD_isError(left)) return refusal(left);
    }
  }
  return out.pos;
}

Result<PieceEncoder::Encoded> PieceEncoder::encode(std::uint64_t size, unsigned word) {
  const auto bytes = piece(size);
  const std::span<char> planes{bytes.data() + kLargestPiece, bytes.size()};
  Encoded encoded{{.size = static_cast<std::uint32_t>(size), .crc = crc32(bytes)}, {}};
  if (word > 1 && size % word == 0) {
    const auto sample = bytes.first(static_cast<std::size_t>(std::min(size, kSample)));
    split_planes(sample, planes.first(sample.size()), word);
    const auto apart = compress(planes.first(sample.size()), word);
    if (!apart) return apart.error();
    const auto plain = compress(sample, 1);
    if (!plain) return plain.error();
    if (*apart < *plain) encoded.entry.width = static_cast<std::uint8_t>(word);
  }
  const unsigned width = encoded.entry.width;
  if (width > 1) split_planes(bytes, planes, width);
  const auto stored = compress(width > 1 ? planes : bytes, width);
  if (!stored) return stored.error();
  encoded.entry.stored = static_cast<std::uint32_t>(*stored);
  encoded.frame = {reinterpret_cast<const char*>(buffer_.bytes().data()) + 2 * kLargestPiece,
                   static_cast<std::size_t>(*stored)};
  return encoded;
}

}  // namespace weighbridge
