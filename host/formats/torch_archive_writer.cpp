#include <algorithm>
#include <utility>

#include "formats/byte_order.hpp"
#include "formats/crc32.hpp"
#include "formats/torch_archive.hpp"

namespace weighbridge {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kOverflow = 0xffffffff;  // values from here on go to a zip64 block

struct Placed {
  std::string name;  // with prefix
  std::uint64_t size{}, header{};
  std::uint32_t crc{};
  bool external{};
  std::uint32_t number{};  // among the external records
};

// Literal bytes that more are added to.
struct Run {
  std::uint64_t offset{};
  std::string bytes;
  std::vector<ChecksumSlot> checksums;
};

// Writes the archive front to back: a run of literal bytes is open until external bytes come.
class ArchiveWriter {
 public:
  void add(ArchiveRecord record, std::string_view prefix) {
    Placed placed{std::string{prefix} + "/" + record.name,
                  record.external ? record.size : record.bytes.size(),
                  position(),
                  0,
                  record.external,
                  0};
    local_header(placed);
    if (record.external) {
      placed.number = static_cast<std::uint32_t>(layout_.external.size());
      layout_.external.push_back(position());
      if (placed.size > 0) {
        close_run();
        run_.offset += placed.size;
      }
    } else {
      placed.crc = crc32(record.bytes);
      run_.bytes += record.bytes;
    }
    if (placed.size > 0) descriptor(placed);
    placed_.push_back(std::move(placed));
  }

  ArchiveLayout finish() {
    const auto begin = position();
    for (const auto& placed : placed_) central_entry(placed);
    const auto end = position(), size = end - begin, count = std::uint64_t{placed_.size()};
    put<std::uint32_t>(0x06064b50);  // zip64 end of directory
    put<std::uint64_t>(44);
    put<std::uint16_t>(0x031e);
    put<std::uint16_t>(45);
    put<std::uint64_t>(0);  // disk numbers
    for (const auto value : {count, count, size, begin}) put<std::uint64_t>(value);
    put<std::uint32_t>(0x07064b50);  // its locator: on disk 0, at `end`, of one disk
    put<std::uint32_t>(0);
    put<std::uint64_t>(end);
    put<std::uint32_t>(1);
    put<std::uint32_t>(0x06054b50);  // end of directory
    put<std::uint32_t>(0);
    const auto count16 = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xffff));
    put<std::uint16_t>(count16);
    put<std::uint16_t>(count16);
    put<std::uint32_t>(narrow(size));
    put<std::uint32_t>(narrow(begin));
    put<std::uint16_t>(0);
    layout_.size = position();
    close_run();
    return std::move(layout_);
  }

 private:
  std::uint64_t position() const { return run_.offset + run_.bytes.size(); }
  static std::uint32_t narrow(std::uint64_t value) { return static_cast<std::uint32_t>(std::min(value, kOverflow)); }
  template <class T>
  void put(T value) {
    append_little_endian<T>(run_.bytes, value);
  }

  void close_run() {
    const auto next = position();
    if (!run_.bytes.empty()) layout_.literals.push_back({0, run_.offset, std::move(run_.bytes), std::move(run_.checksums)});
    run_ = {};
    run_.offset = next;
  }

  void checksum(const Placed& placed) {
    if (placed.external && placed.size > 0)
      run_.checksums.push_back({placed.number, static_cast<std::uint32_t>(run_.bytes.size())});
    put<std::uint32_t>(placed.crc);
  }

  void local_header(const Placed& placed) {
    const bool wide_size = placed.size >= kOverflow, wide_offset = placed.header >= kOverflow;
    const std::uint64_t zip64 = wide_size || wide_offset ? 4u + (wide_size ? 16u : 0u) + (wide_offset ? 8u : 0u) : 0u;
    const auto start = placed.header + 30 + placed.name.size() + 4 + zip64;
    const auto padding = (kAlignment - start % kAlignment) % kAlignment;
    put<std::uint32_t>(0x04034b50);
    put<std::uint16_t>(0);
    put<std::uint16_t>(placed.size > 0 ? 0x0808 : 0x0800);
    run_.bytes.append(18, '\0');  // stored, no time, checksum and sizes in the descriptor
    put(static_cast<std::uint16_t>(placed.name.size()));
    put(static_cast<std::uint16_t>(zip64 + 4 + padding));
    run_.bytes += placed.name;
    if (zip64 > 0) {
      put<std::uint16_t>(1);
      put(static_cast<std::uint16_t>(zip64 - 4));
      if (wide_size) put<std::uint64_t>(placed.size), put<std::uint64_t>(0);  // the second size stays 0 in this place
      if (wide_offset) put<std::uint64_t>(placed.header);
    }
    run_.bytes += "FB";
    put(static_cast<std::uint16_t>(padding));
    run_.bytes.append(padding, 'Z');
  }

  void descriptor(const Placed& placed) {
    put<std::uint32_t>(0x08074b50);
    checksum(placed);
    if (placed.size >= kOverflow || placed.header >= kOverflow)
      put<std::uint64_t>(placed.size), put<std::uint64_t>(placed.size);
    else
      put(narrow(placed.size)), put(narrow(placed.size));
  }

  void central_entry(const Placed& placed) {
    const bool wide_size = placed.size >= kOverflow, wide_offset = placed.header >= kOverflow;
    const auto zip64 = (wide_size ? 16 : 0) + (wide_offset ? 8 : 0);
    put<std::uint32_t>(0x02014b50);
    put<std::uint32_t>(0);
    put<std::uint16_t>(placed.size > 0 ? 0x0808 : 0x0800);
    run_.bytes.append(6, '\0');  // stored, no time
    checksum(placed);
    put(narrow(placed.size));
    put(narrow(placed.size));
    put(static_cast<std::uint16_t>(placed.name.size()));
    put(static_cast<std::uint16_t>(zip64 > 0 ? zip64 + 4 : 0));
    run_.bytes.append(10, '\0');  // no comment, disk 0, no attributes
    put(narrow(placed.header));
    run_.bytes += placed.name;
    if (zip64 == 0) return;
    put<std::uint16_t>(1);
    put(static_cast<std::uint16_t>(zip64));
    if (wide_size) put<std::uint64_t>(placed.size), put<std::uint64_t>(placed.size);
    if (wide_offset) put<std::uint64_t>(placed.header);
  }

  ArchiveLayout layout_;
  Run run_;
  std::vector<Placed> placed_;
};

}  // namespace

ArchiveLayout lay_out_torch_archive(std::vector<ArchiveRecord> records, std::string_view prefix) {
  ArchiveWriter writer;
  for (auto& record : records) writer.add(std::move(record), prefix);
  return writer.finish();
}

void place(ArchiveLayout layout, std::uint32_t file, std::uint64_t offset, std::uint32_t first_tensor,
           std::vector<Literal>& literals) {
  for (auto& literal : layout.literals) {
    literal.file = file;
    literal.offset += offset;
    for (auto& slot : literal.checksums) slot.tensor += first_tensor;
    literals.push_back(std::move(literal));
  }
}

}  // namespace weighbridge
