#pragma once
// Archives written out by hand, byte by byte, so that what reads them is not judged by what writes them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>
#include <zstd.h>

namespace weighbridge::testing {

inline std::string number(std::uint64_t value, unsigned bytes) {
  std::string text;
  for (unsigned i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  return text;
}

inline std::uint32_t zlib_crc(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size())));
}

inline std::string zstd_frame(std::string_view bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), 1));
  return frame;
}

struct WrittenPiece {
  std::string frame;
  std::uint32_t size{}, crc{};
  std::uint8_t width{1};
};

inline WrittenPiece plain_piece(const std::string& bytes) {
  return {zstd_frame(bytes), static_cast<std::uint32_t>(bytes.size()), zlib_crc(bytes), 1};
}

struct WrittenEntry {
  std::string path;
  std::uint64_t size{}, pieces{};
};

// Whatever a test wants to be wrong is changed before bytes() is asked for.
struct WrittenArchive {
  std::string magic{"\x89WBZ\r\n\x1a\n"}, end{"WBZ-END\n"};
  std::uint32_t version{1}, flags{0};
  std::vector<std::string> folders;
  std::vector<WrittenEntry> files;
  std::vector<WrittenPiece> pieces;
  std::uint64_t more_folders{}, more_files{}, more_pieces{};  // in the counts
  std::uint64_t more_index{};                                 // in the footer
  std::uint32_t crc_change{};
  std::string gap;  // between the pieces and the index

  std::string bytes() const {
    std::string index = number(folders.size() + more_folders, 8) + number(files.size() + more_files, 8) +
                        number(pieces.size() + more_pieces, 8);
    for (const auto& folder : folders) index += number(folder.size(), 4) + folder;
    for (const auto& file : files)
      index += number(file.path.size(), 4) + file.path + number(file.size, 8) + number(file.pieces, 8);
    std::string all = magic + number(version, 4) + number(flags, 4);
    for (const auto& piece : pieces) {
      index += number(piece.frame.size(), 4) + number(piece.size, 4) + number(piece.crc, 4) + number(piece.width, 1);
      all += piece.frame;
    }
    return all + gap + index + number(index.size() + more_index, 8) + number(zlib_crc(index) ^ crc_change, 4) + end;
  }
};

// Folder "a" with the file "a/b" of 5 bytes, the empty file "c" and the file "d" of two pieces.
inline WrittenArchive small_archive() {
  WrittenArchive archive;
  archive.folders = {"a"};
  archive.files = {{"a/b", 5, 1}, {"c", 0, 0}, {"d", 7, 2}};
  // The second piece of d is 1.0 and -2.0 of bfloat16: exponents, then mantissas above signs.
  archive.pieces = {
      plain_piece("hello"),
      plain_piece("abc"),
      {zstd_frame(std::string{"\x7f\x80\x00\x01", 4}), 4, zlib_crc(std::string{"\x80\x3f\x00\xc0", 4}), 2}};
  return archive;
}

}  // namespace weighbridge::testing
