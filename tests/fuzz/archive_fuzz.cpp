// Pieces of an accepted archive lie inside it, make up its files and are decoded, or refused, within their sizes.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "formats/archive_index.hpp"
#include "formats/piece_decoder.hpp"
#include "bytes_as_file.hpp"
#include "formats/byte_order.hpp"
#include "formats/crc32.hpp"

using weighbridge::append_little_endian;
using weighbridge::BytesAsFile;
using weighbridge::PieceDecoder;
using weighbridge::require_message;

namespace {

// What is no archive becomes pieces and an index with the right checksum, or no input would get past that.
std::string framed(const std::uint8_t* data, std::size_t size) {
  const auto text = weighbridge::as_text(data, size);
  if (size < 2 || data[0] == 0x89) return text;
  const auto index = text.substr(2 + std::min<std::size_t>(size - 2, data[0] | data[1] << 8));
  auto bytes = weighbridge::archive_header() + text.substr(2);
  append_little_endian(bytes, static_cast<std::uint64_t>(index.size()));
  append_little_endian(bytes, weighbridge::crc32(index));
  return bytes + "WBZ-END\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = framed(data, size);
  const auto file = BytesAsFile{{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}}.open();
  const auto index = weighbridge::read_archive_index(file);
  if (!index) {
    require_message(index.error());
    return 0;
  }
  static auto decoder = PieceDecoder::make();
  std::uint64_t sum = 0;
  for (const auto& entry : index->files) {
    if (!weighbridge::is_archive_name(entry.path)) std::abort();
    std::uint64_t in_file = 0;
    for (auto i = entry.first_piece; i < entry.first_piece + entry.pieces; ++i) {
      const auto& piece = index->pieces.at(i);
      if (piece.offset > bytes.size() || piece.stored > bytes.size() - piece.offset) std::abort();
      in_file += piece.size;
      const auto decoded = decoder->decode(file, piece, entry.path);
      if (!decoded) require_message(decoded.error());
      if (decoded && decoded->size() != piece.size) std::abort();
    }
    if (in_file != entry.size) std::abort();
    sum += in_file;
  }
  if (sum != index->bytes()) std::abort();
  return 0;
}
