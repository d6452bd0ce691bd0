#pragma once
// The archive of a folder: pieces of its files, each a zstd frame, and at the end an index of them. docs/formats.md has
// the bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/input_file.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

inline constexpr std::uint32_t kArchiveVersion = 1;
inline constexpr std::uint64_t kLargestPiece = 4 << 20;                     // bytes of a file
inline constexpr std::uint64_t kLargestFrame = kLargestPiece + (64 << 10);  // what zstd makes at worst of a piece
inline constexpr std::uint64_t kArchiveHeader = 16, kArchiveFooter = 20;
inline constexpr std::uint64_t kLargestIndex = std::uint64_t{1} << 30;  // some 80 million pieces, 300 TB of tensors
inline constexpr std::size_t kLongestName = 4096;

// A run of bytes of one file.
struct ArchivePiece {
  std::uint64_t offset{};  // of its frame in the archive; follows from the pieces before
  std::uint32_t stored{};  // bytes of its frame
  std::uint32_t size{};    // bytes of the file, 1 to kLargestPiece
  std::uint32_t crc{};     // CRC-32 of those
  std::uint8_t width{1};   // 2, 4, 8: split into planes of words of this width before compression; 1: as they are
  friend bool operator==(const ArchivePiece&, const ArchivePiece&) = default;
};

struct ArchiveFile {
  std::string path;  // relative, its parts joined by "/"
  std::uint64_t size{};
  std::uint64_t first_piece{}, pieces{};  // that make up the file, in order
};

struct ArchiveIndex {
  std::vector<std::string> folders;  // sorted; every folder above a file or a folder is one of them
  std::vector<ArchiveFile> files;    // sorted by path
  std::vector<ArchivePiece> pieces;  // in the order of the archive and of the files

  std::uint64_t bytes() const;  // of all files
};

// The first bytes of every archive, and the last ones: the index and the footer.
std::string archive_header();
std::string archive_tail(const ArchiveIndex& index);

// Reads the index, of at most `most` bytes, and checks all of it: pieces tile the archive from the header to the index and each file from 0 to its
// size; no two names are equal, none leads out of the folder or goes through a file. No piece is read. What an accepted
// index makes a reader allocate or write is bounded by its own numbers. Errors name the archive and, if known, the file in
// it.
Result<ArchiveIndex> read_archive_index(const InputFile& archive, std::uint64_t most = kLargestIndex);

// Whether a file or folder in an archive may be called so.
bool is_archive_name(std::string_view path);

}  // namespace weighbridge
