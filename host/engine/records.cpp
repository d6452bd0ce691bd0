#include "engine/records.hpp"

#include <cerrno>
#include <span>

#include <fcntl.h>

#include "formats/crc32.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kFrame = 8;  // length and checksum

template <class Integer>
void append(std::string& bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

template <class Integer>
Integer integer(std::string_view bytes) {
  Integer value{};
  for (std::size_t i = 0; i < bytes.size(); ++i) value |= static_cast<Integer>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

}  // namespace

void RecordWriter::add(std::uint32_t value) { append(bytes_, value); }
void RecordWriter::add(std::uint64_t value) { append(bytes_, value); }
void RecordWriter::add(std::string_view text) {
  append(bytes_, std::uint64_t{text.size()});
  bytes_ += text;
}

std::string RecordWriter::framed() const {
  std::string all;
  append(all, static_cast<std::uint32_t>(bytes_.size()));
  append(all, crc32(bytes_));
  return all + bytes_;
}

std::string_view RecordReader::take(std::size_t size) {
  if (size > left_.size()) {
    complete_ = false;
    left_ = {};
    return {};
  }
  const auto taken = left_.substr(0, size);
  left_.remove_prefix(size);
  return taken;
}

std::uint32_t RecordReader::number32() { return integer<std::uint32_t>(take(4)); }
std::uint64_t RecordReader::number64() { return integer<std::uint64_t>(take(8)); }
std::string_view RecordReader::text() { return take(number64()); }

Result<Records> read_records(Files& files, const std::filesystem::path& path) {
  Records all;
  struct ::stat found {};
  if (files.stat(path, found) < 0) {
    if (errno == ENOENT) return all;
    return refused(errno, path, "", "look at it");
  }
  const auto opened = open_file(files, path, O_RDONLY);
  if (!opened) return opened.error();
  std::string bytes(static_cast<std::size_t>(found.st_size), '\0');
  if (auto read = read_exactly(files, opened->number(), 0, std::as_writable_bytes(std::span{bytes}), path, ""); !read)
    return std::move(read).error();
  std::string_view left{bytes};
  while (left.size() > kFrame) {
    const auto size = integer<std::uint32_t>(left.substr(0, 4));
    if (size == 0 || size > left.size() - kFrame) break;
    const auto record = left.substr(kFrame, size);
    if (crc32(record) != integer<std::uint32_t>(left.substr(4, 4))) break;
    all.records.emplace_back(record);
    left.remove_prefix(kFrame + size);
  }
  all.end = bytes.size() - left.size();
  return all;
}

}  // namespace weighbridge
