#include "formats/archive_index.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <type_traits>

#include <fmt/format.h>

#include "formats/byte_order.hpp"
#include "formats/crc32.hpp"
#include "formats/format_error.hpp"
#include "formats/relative_path.hpp"

namespace weighbridge {
namespace {

// As PNG does it: a transfer that takes it for text, or loses the eighth bit, spoils it.
constexpr std::string_view kMagic{"\x89WBZ\r\n\x1a\n", 8}, kEnd{"WBZ-END\n", 8};
// The least that one of each takes in the index.
constexpr std::uint64_t kLeastFolder = 4 + 1, kLeastFile = 4 + 1 + 8 + 8, kPiece = 4 + 4 + 4 + 1, kCounts = 3 * 8;

// Takes integers and names off the front of the index, as far as it reaches.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_{bytes} {}
  std::size_t left() const { return rest_.size(); }

  template <class T>
  std::optional<T> take() {
    if (rest_.size() < sizeof(T)) return std::nullopt;
    const auto value = little_endian_at<T>(rest_, 0);
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::optional<std::string> take_name() {
    const auto length = take<std::uint32_t>();
    if (!length || *length > kLongestName || *length > rest_.size()) return std::nullopt;
    std::string name{rest_.substr(0, *length)};
    rest_.remove_prefix(*length);
    return name;
  }

 private:
  std::string_view rest_;
};

void append_name(std::string& to, const std::string& name) {
  append_little_endian(to, static_cast<std::uint32_t>(name.size()));
  to += name;
}

std::string_view folder_above(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

class IndexReader {
 public:
  IndexReader(const std::string& archive, std::string_view bytes, std::uint64_t end)
      : archive_{archive}, cursor_{bytes}, end_{end} {}

  Result<ArchiveIndex> read() {
    const auto folders = cursor_.take<std::uint64_t>(), files = cursor_.take<std::uint64_t>(),
               pieces = cursor_.take<std::uint64_t>();
    if (!pieces) return fault("", "its index is too short to hold its counts");
    const auto left = cursor_.left();
    if (*folders > left / kLeastFolder || *files > left / kLeastFile || *pieces > left / kPiece)
      return fault("", fmt::format("its index of {} bytes cannot hold {} folders, {} files and {} pieces", left,
                                   *folders, *files, *pieces));
    for (std::uint64_t i = 0; i < *folders; ++i)
      if (auto status = read_folder(); !status) return status.error();
    for (std::uint64_t i = 0; i < *files; ++i)
      if (auto status = read_file(*pieces); !status) return status.error();
    if (claimed_ != *pieces)
      return fault("", fmt::format("its files have {} pieces, but its index counts {}", claimed_, *pieces));
    if (cursor_.left() != *pieces * kPiece)
      return fault("", fmt::format("its index has {} bytes for {} pieces instead of {}", cursor_.left(), *pieces,
                                   *pieces * kPiece));
    index_.pieces.reserve(*pieces);
    for (const auto& file : index_.files)
      if (auto status = read_pieces(file); !status) return status.error();
    if (position_ != end_)
      return fault("", fmt::format("its pieces end at byte {}, but its index begins at byte {}", position_, end_));
    return std::move(index_);
  }

 private:
  Error fault(std::string_view subject, std::string problem) const {
    return damaged(archive_, subject, std::move(problem));
  }

  // The name of a folder or file: one that may be, after the one before it, in a folder that is listed.
  Result<std::string> read_name(std::string_view before) {
    auto name = cursor_.take_name();
    if (!name) return fault("", "a name in its index is longer than names may be or than the index");
    if (!is_archive_name(*name))
      return fault(*name, "this name leads out of the folder or is spelt in a way that no archive spells it");
    if (!before.empty() && *name <= before) return fault(*name, "this name is there twice or out of its order");
    const auto above = folder_above(*name);
    if (!above.empty() && !folders_.contains(above))
      return fault(*name, "it lies in a folder that the archive does not list");
    return *std::move(name);
  }

  Status read_folder() {
    auto name = read_name(index_.folders.empty() ? std::string_view{} : index_.folders.back());
    if (!name) return std::move(name).error();
    folders_.insert(*name);
    index_.folders.push_back(*std::move(name));
    return done();
  }

  Status read_file(std::uint64_t all_pieces) {
    auto name = read_name(index_.files.empty() ? std::string_view{} : index_.files.back().path);
    if (!name) return std::move(name).error();
    if (folders_.contains(*name)) return fault(*name, "it is both a file and a folder");
    const auto size = cursor_.take<std::uint64_t>(), pieces = cursor_.take<std::uint64_t>();
    if (!pieces) return fault(*name, "the index ends within this file's entry");
    if (*pieces > all_pieces - claimed_)
      return fault(*name, fmt::format("it has {} pieces, more than are left for it", *pieces));
    index_.files.push_back({*std::move(name), *size, claimed_, *pieces});
    claimed_ += *pieces;
    return done();
  }

  Status read_pieces(const ArchiveFile& file) {
    std::uint64_t size = 0;
    for (std::uint64_t i = 0; i < file.pieces; ++i) {
      ArchivePiece piece{.offset = position_,
                         .stored = *cursor_.take<std::uint32_t>(),
                         .size = *cursor_.take<std::uint32_t>(),
                         .crc = *cursor_.take<std::uint32_t>(),
                         .width = *cursor_.take<std::uint8_t>()};
      if (piece.size == 0 || piece.size > kLargestPiece)
        return fault(file.path,
                     fmt::format("piece {} has {} bytes; 1 to {} are possible", i, piece.size, kLargestPiece));
      if (piece.width != 1 && piece.width != 2 && piece.width != 4 && piece.width != 8)
        return fault(file.path,
                     fmt::format("piece {} is coded in a way {} that no archive of this version uses", i, piece.width));
      if (piece.size % piece.width != 0)
        return fault(file.path, fmt::format("piece {} of {} bytes is no whole number of words of {} bytes", i,
                                            piece.size, piece.width));
      if (piece.stored == 0 || piece.stored > kLargestFrame || piece.stored > end_ - position_)
        return fault(file.path, fmt::format("piece {} takes {} bytes at byte {}, where {} are left", i, piece.stored,
                                            position_, end_ - position_));
      position_ += piece.stored;
      size += piece.size;  // at most 2^26 pieces of 2^22 bytes
      index_.pieces.push_back(piece);
    }
    if (size != file.size)
      return fault(file.path, fmt::format("its pieces have {} bytes together, but it should have {}", size, file.size));
    return done();
  }

  const std::string& archive_;
  Cursor cursor_;
  std::uint64_t end_;  // of the pieces: where the index begins
  std::uint64_t position_{kArchiveHeader};
  std::uint64_t claimed_{};  // pieces of the files read so far
  std::set<std::string, std::less<>> folders_;
  ArchiveIndex index_;
};

}  // namespace

std::uint64_t ArchiveIndex::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : files) sum += file.size;
  return sum;
}

std::string archive_header() {
  std::string bytes{kMagic};
  append_little_endian(bytes, kArchiveVersion);
  append_little_endian(bytes, std::uint32_t{0});
  return bytes;
}

std::string archive_tail(const ArchiveIndex& index) {
  std::string bytes;
  append_little_endian(bytes, static_cast<std::uint64_t>(index.folders.size()));
  append_little_endian(bytes, static_cast<std::uint64_t>(index.files.size()));
  append_little_endian(bytes, static_cast<std::uint64_t>(index.pieces.size()));
  for (const auto& folder : index.folders) append_name(bytes, folder);
  for (const auto& file : index.files) {
    append_name(bytes, file.path);
    append_little_endian(bytes, file.size);
    append_little_endian(bytes, file.pieces);
  }
  for (const auto& piece : index.pieces) {
    append_little_endian(bytes, piece.stored);
    append_little_endian(bytes, piece.size);
    append_little_endian(bytes, piece.crc);
    append_little_endian(bytes, piece.width);
  }
  const auto crc = crc32(bytes);
  append_little_endian(bytes, static_cast<std::uint64_t>(bytes.size()));
  append_little_endian(bytes, crc);
  return bytes += kEnd;
}

Result<ArchiveIndex> read_archive_index(const InputFile& archive, std::uint64_t most) {
  const auto& name = archive.name();
  const auto size = archive.size();
  const auto header = archive.read(0, std::min(size, kArchiveHeader));
  if (!header) return header.error();
  if (!header->starts_with(kMagic))
    return Error{Error::Kind::format, name, "", "this is no archive of weighbridge: it does not begin as one",
                 "Name a file that `weighbridge pack` made"};
  if (size < kArchiveHeader + kCounts + kArchiveFooter)
    return damaged(name, "", fmt::format("the archive is cut off: {} bytes are fewer than the shortest has", size));
  const auto version = little_endian_at<std::uint32_t>(*header, 8),
             flags = little_endian_at<std::uint32_t>(*header, 12);
  if (version != kArchiveVersion || flags != 0)
    return not_supported(
        name, "",
        fmt::format("this archive has version {} and flags {}; this program reads version {} without flags", version,
                    flags, kArchiveVersion),
        "Unpack it with the weighbridge that made it or a newer one");
  const auto footer = archive.read(size - kArchiveFooter, kArchiveFooter);
  if (!footer) return footer.error();
  if (std::string_view{*footer}.substr(12) != kEnd)
    return damaged(name, "", "the archive is cut off: its end is missing");
  const auto index_size = little_endian_at<std::uint64_t>(*footer, 0);
  const auto room = size - kArchiveHeader - kArchiveFooter;
  if (index_size < kCounts || index_size > room)
    return damaged(name, "",
                   fmt::format("its index should have {} bytes, but {} to {} are possible", index_size, kCounts, room));
  most = std::min(most, kLargestIndex);
  if (index_size > most)
    return not_supported(name, "", fmt::format("its index has {} bytes; at most {} are read here", index_size, most),
                         "Allow more memory with --max-memory, or pack the folder in several archives");
  const auto begin = size - kArchiveFooter - index_size;
  const auto bytes = archive.read(begin, index_size);
  if (!bytes) return bytes.error();
  const auto expected = little_endian_at<std::uint32_t>(*footer, 8), found = crc32(*bytes);
  if (found != expected)
    return damaged(name, "", fmt::format("its index has the checksum {:08x} instead of {:08x}", found, expected));
  return IndexReader{name, *bytes, begin}.read();
}

bool is_archive_name(std::string_view path) {
  if (path.size() > kLongestName || !stays_inside_folder(path)) return false;
  // One spelling for one file: no empty part and no ".".
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.empty() || part == ".") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace weighbridge
