#include "formats/zip_directory.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "formats/byte_order.hpp"
#include "formats/format_error.hpp"

namespace weighbridge {
namespace {

constexpr std::uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50, kLocatorSignature = 0x07064b50;
constexpr std::uint64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr std::uint32_t kIn64 = 0xffffffff;  // a 32-bit field whose value is in the zip64 block
constexpr std::uint64_t kMostComment = 0xffff;
constexpr std::uint64_t kMostDirectory = std::uint64_t{1} << 30;

// The bytes of the archive, addressed from its start. Keeps the block that it read last, since headers lie close
// together; a view lasts until the next call.
class ArchiveBytes {
 public:
  ArchiveBytes(const InputFile& file, std::uint64_t offset, std::uint64_t length)
      : file_{file}, offset_{offset}, length_{length} {}

  std::uint64_t length() const { return length_; }

  // The caller has checked that [position, position + count) lies inside the archive.
  Result<std::string_view> view(std::uint64_t position, std::uint64_t count) {
    if (position < begin_ || position + count > begin_ + block_.size()) {
      constexpr std::uint64_t kBlock = 2048;
      auto block = file_.read(offset_ + position, std::min(std::max(count, kBlock), length_ - position));
      if (!block) return std::move(block).error();
      block_ = std::move(*block);
      begin_ = position;
    }
    return std::string_view{block_}.substr(position - begin_, count);
  }

 private:
  const InputFile& file_;
  std::uint64_t offset_;
  std::uint64_t length_;
  std::uint64_t begin_{};
  std::string block_;
};

// Where the central directory lies, from the start of the archive.
struct Directory {
  std::uint64_t entries{}, offset{}, size{};
};

bool leads_out(std::string_view name) {
  if (name.starts_with('/')) return true;
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..") return true;
    begin = end + 1;
  }
  return false;
}

struct Entry {
  ZipRecord record;
  std::uint64_t local{};  // of the local header
};

class ZipReader {
 public:
  ZipReader(const InputFile& file, std::uint64_t offset, std::uint64_t length, const std::string& subject)
      : bytes_{file, offset, length}, file_{file.name()}, subject_{subject}, offset_{offset} {}

  Result<std::vector<ZipRecord>> read() {
    auto directory = find_directory();
    if (!directory) return std::move(directory).error();
    auto entries = read_entries(*directory);
    if (!entries) return std::move(entries).error();
    for (auto& entry : *entries)
      if (auto status = find_data(entry, directory->offset); !status) return std::move(status).error();
    if (auto overlap = overlap_error(*entries)) return std::move(*overlap);
    std::vector<ZipRecord> records;
    for (auto& entry : *entries) {
      entry.record.offset += offset_;
      records.push_back(std::move(entry.record));
    }
    return records;
  }

 private:
  Error fault(std::string problem, std::string_view record = {}) const {
    std::string where = subject_;
    if (!record.empty()) where += (where.empty() ? "" : ": ") + std::string{record};
    return damaged(file_, where, std::move(problem));
  }

  // Position of the end-of-directory record, which only a comment may follow. A second one, in that comment, would be
  // taken for the first by other readers.
  Result<std::uint64_t> find_end() {
    const auto length = bytes_.length();
    for (const std::uint64_t reach : {std::uint64_t{2048}, kEndBytes + kMostComment}) {
      const auto count = std::min(length, reach);
      if (count < kEndBytes) break;
      const auto tail = bytes_.view(length - count, count);
      if (!tail) return tail.error();
      std::optional<std::uint64_t> found;
      for (auto at = count - kEndBytes + 1; at-- > 0;) {
        if (little_endian_at<std::uint32_t>(*tail, at) != kEndSignature) continue;
        if (at + kEndBytes + little_endian_at<std::uint16_t>(*tail, at + 20) != count) continue;
        if (found) return fault(fmt::format("has two end records, at bytes {} and {}: it could be read as two different archives", length - count + at, *found));
        found = length - count + at;
      }
      if (found) return *found;
    }
    return fault("holds no complete zip archive: the directory at its end is missing");
  }

  Result<Directory> find_directory() {
    const auto end = find_end();
    if (!end) return end.error();
    const auto record = bytes_.view(*end, kEndBytes);
    if (!record) return record.error();
    const auto disk = little_endian_at<std::uint16_t>(*record, 4),
               first_disk = little_endian_at<std::uint16_t>(*record, 6);
    if ((disk != 0 && disk != 0xffff) || (first_disk != 0 && first_disk != 0xffff))
      return fault("is one volume of a split zip archive");
    const auto entries = little_endian_at<std::uint16_t>(*record, 10);
    Directory directory{entries, little_endian_at<std::uint32_t>(*record, 16),
                        little_endian_at<std::uint32_t>(*record, 12)};
    auto limit = *end;
    if (*end >= kLocatorBytes) {
      const auto locator = bytes_.view(*end - kLocatorBytes, kLocatorBytes);
      if (!locator) return locator.error();
      if (little_endian_at<std::uint32_t>(*locator, 0) == kLocatorSignature) {
        const auto at = little_endian_at<std::uint64_t>(*locator, 8);
        if (at > limit - kLocatorBytes || limit - kLocatorBytes - at < kEnd64Bytes)
          return fault(fmt::format("places the zip64 end record at byte {}, outside of the archive", at));
        const auto end64 = bytes_.view(at, kEnd64Bytes);
        if (!end64) return end64.error();
        if (little_endian_at<std::uint32_t>(*end64, 0) != kEnd64Signature)
          return fault(fmt::format("has no zip64 end record at byte {}", at));
        const Directory wide{little_endian_at<std::uint64_t>(*end64, 32), little_endian_at<std::uint64_t>(*end64, 48),
                             little_endian_at<std::uint64_t>(*end64, 40)};
        if ((entries != 0xffff && wide.entries != directory.entries) ||
            (directory.offset != kIn64 && wide.offset != directory.offset) ||
            (directory.size != kIn64 && wide.size != directory.size))
          return fault("its two end records disagree");
        directory = wide;
        limit = at;
      }
    }
    if (directory.offset > limit || directory.size > limit - directory.offset || directory.size > kMostDirectory)
      return fault(fmt::format("claims a directory of {} bytes at byte {}, outside of the archive", directory.size,
                               directory.offset));
    if (directory.entries > directory.size / kCentralBytes)
      return fault(
          fmt::format("claims {} records, but its directory has only {} bytes", directory.entries, directory.size));
    return directory;
  }

  Result<std::vector<Entry>> read_entries(const Directory& directory) {
    const auto view = bytes_.view(directory.offset, directory.size);
    if (!view) return view.error();
    const std::string text{*view};
    std::vector<Entry> entries;
    entries.reserve(directory.entries);
    std::unordered_set<std::string> names;
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < directory.entries; ++i) {
      if (text.size() - at < kCentralBytes || little_endian_at<std::uint32_t>(text, at) != kCentralSignature)
        return fault(fmt::format("its directory breaks off at record {} of {}", i, directory.entries));
      const std::size_t name_size = little_endian_at<std::uint16_t>(text, at + 28),
                        extra_size = little_endian_at<std::uint16_t>(text, at + 30);
      const std::size_t comment_size = little_endian_at<std::uint16_t>(text, at + 32);
      if (text.size() - at - kCentralBytes < name_size + extra_size + comment_size)
        return fault(fmt::format("its directory breaks off at record {} of {}", i, directory.entries));
      auto entry =
          read_entry(std::string_view{text}.substr(at, kCentralBytes), text.substr(at + kCentralBytes, name_size),
                     std::string_view{text}.substr(at + kCentralBytes + name_size, extra_size));
      if (!entry) return std::move(entry).error();
      if (leads_out(entry->record.name)) return fault("this name leads out of the folder, which no honest archive's does", entry->record.name);
      if (!names.insert(entry->record.name).second)
        return fault("the record is given twice in the directory", entry->record.name);
      entries.push_back(std::move(*entry));
      at += kCentralBytes + name_size + extra_size + comment_size;
    }
    return entries;
  }

  Result<Entry> read_entry(std::string_view fixed, std::string name, std::string_view extra) const {
    const auto flags = little_endian_at<std::uint16_t>(fixed, 8), method = little_endian_at<std::uint16_t>(fixed, 10);
    const auto where = subject_.empty() ? name : subject_ + ": " + name;
    if (flags & 1)
      return not_supported(file_, where, "the record is encrypted", "Store the checkpoint without encryption");
    if (method != 0)
      return not_supported(file_, where, fmt::format("the record is compressed (zip method {})", method),
                           "Load the file with PyTorch and save it again, or repack it with 'zip -0'");
    std::uint64_t sizes[3] = {
        little_endian_at<std::uint32_t>(fixed, 24), little_endian_at<std::uint32_t>(fixed, 20),
        little_endian_at<std::uint32_t>(fixed, 42)};  // size, stored size, place of the local header
    if (!widen(extra, sizes)) return fault("the zip64 block of the record is missing or too short", name);
    if (sizes[0] != sizes[1])
      return fault(fmt::format("claims {} bytes, but stores {} without compression", sizes[0], sizes[1]), name);
    return Entry{{std::move(name), 0, sizes[0], little_endian_at<std::uint32_t>(fixed, 16)}, sizes[2]};
  }

  // Replaces the values that do not fit 32 bits by those of the zip64 block, which holds them in this order.
  static bool widen(std::string_view extra, std::uint64_t (&values)[3]) {
    std::string_view block;
    for (std::size_t at = 0; extra.size() - at >= 4;) {
      const std::size_t size = little_endian_at<std::uint16_t>(extra, at + 2);
      if (extra.size() - at - 4 < size) return false;
      if (little_endian_at<std::uint16_t>(extra, at) == 1) block = extra.substr(at + 4, size);
      at += 4 + size;
    }
    for (auto& value : values) {
      if (value != kIn64) continue;
      if (block.size() < 8) return false;
      value = little_endian_at<std::uint64_t>(block, 0);
      block.remove_prefix(8);
    }
    return true;
  }

  // Sets the record's offset from its local header, which must agree with the directory.
  Status find_data(Entry& entry, std::uint64_t directory_offset) {
    auto& record = entry.record;
    const auto header_bytes = kLocalBytes + record.name.size();
    if (entry.local > directory_offset || directory_offset - entry.local < header_bytes)
      return fault(fmt::format("its header would lie at byte {}, outside of the archive", entry.local), record.name);
    const auto header = bytes_.view(entry.local, header_bytes);
    if (!header) return header.error();
    if (little_endian_at<std::uint32_t>(*header, 0) != kLocalSignature ||
        little_endian_at<std::uint16_t>(*header, 8) != 0 ||
        little_endian_at<std::uint16_t>(*header, 26) != record.name.size() ||
        header->substr(kLocalBytes) != record.name)
      return fault(fmt::format("its header at byte {} does not agree with the directory", entry.local), record.name);
    const std::uint64_t local_size = little_endian_at<std::uint32_t>(*header, 22);
    if (local_size != 0 && local_size != kIn64 && local_size != record.size)
      return fault(fmt::format("its header claims {} bytes, but the directory {}", local_size, record.size),
                   record.name);
    record.offset = entry.local + header_bytes + little_endian_at<std::uint16_t>(*header, 28);
    if (record.offset > directory_offset || record.size > directory_offset - record.offset)
      return fault(fmt::format("claims {} bytes at byte {}, more than the archive holds", record.size, record.offset),
                   record.name);
    return done();
  }

  std::optional<Error> overlap_error(const std::vector<Entry>& entries) const {
    std::vector<const Entry*> sorted;
    for (const auto& entry : entries) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->local < b->local; });
    for (std::size_t i = 1; i < sorted.size(); ++i)
      if (sorted[i - 1]->record.offset + sorted[i - 1]->record.size > sorted[i]->local)
        return fault(fmt::format("overlaps the record '{}'", sorted[i]->record.name), sorted[i - 1]->record.name);
    return std::nullopt;
  }

  ArchiveBytes bytes_;
  const std::string& file_;
  const std::string& subject_;
  std::uint64_t offset_;
};

}  // namespace

Result<std::vector<ZipRecord>> read_zip_directory(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                                  const std::string& subject) {
  if (offset > file.size() || length > file.size() - offset)
    return damaged(
        file.name(), subject,
        fmt::format("is truncated: {} bytes at byte {} are wanted, but it has {} bytes", length, offset, file.size()));
  return ZipReader{file, offset, length, subject}.read();
}

}  // namespace weighbridge
