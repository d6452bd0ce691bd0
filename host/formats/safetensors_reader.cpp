#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>

#include "formats/byte_order.hpp"
#include "formats/format_error.hpp"
#include "formats/safetensors.hpp"
#include "formats/safetensors_header_parser.hpp"

namespace weighbridge {
namespace {

// Bytes in front of the JSON: its length.
constexpr std::uint64_t kLengthBytes = 8;

// Whether `tensors`, ordered by place and with offsets relative to the data, tile `data_bytes` bytes exactly.
std::optional<Error> tiling_error(const std::string& file, const std::vector<SafetensorsEntry>& tensors,
                                  std::uint64_t data_start, std::uint64_t file_size) {
  std::uint64_t end = 0;
  for (const auto& tensor : tensors) {
    if (tensor.end < tensor.begin)
      return damaged(file, tensor.name,
                     fmt::format("ends at byte {} before it begins at byte {}", tensor.end, tensor.begin));
    if (tensor.begin < end)
      return damaged(
          file, tensor.name,
          fmt::format("begins at byte {} of the data and overlaps the tensor before it, which ends at byte {}",
                      tensor.begin, end));
    if (tensor.begin > end)
      return damaged(file, tensor.name,
                     fmt::format("begins at byte {} of the data and leaves a hole after byte {}", tensor.begin, end));
    const auto bytes = byte_count(tensor.shape, tensor.dtype);
    if (!bytes)
      return damaged(file, tensor.name,
                     fmt::format("shape {} of {} has no whole number of bytes below 2^63", to_string(tensor.shape),
                                 to_string(tensor.dtype)));
    if (static_cast<std::uint64_t>(*bytes) != tensor.end - tensor.begin)
      return damaged(file, tensor.name,
                     fmt::format("shape {} of {} needs {} bytes, but data_offsets give {}", to_string(tensor.shape),
                                 to_string(tensor.dtype), *bytes, tensor.end - tensor.begin));
    end = tensor.end;
  }
  const auto held = file_size - data_start;
  if (end > held)
    return damaged(file, {},
                   fmt::format("is truncated: it has {} bytes, but its header needs {} more", file_size, end - held));
  if (end < held)
    return damaged(
        file, {},
        fmt::format("has {} bytes after the last tensor, which ends at byte {}", held - end, data_start + end));
  return std::nullopt;
}

}  // namespace

Result<SafetensorsHeader> read_safetensors_header(const InputFile& file, std::uint64_t max_header) {
  const auto& name = file.name();
  if (file.size() < kLengthBytes)
    return damaged(name, {}, fmt::format("has {} bytes, too few for a safetensors file", file.size()));
  const auto prefix = file.read(0, kLengthBytes);
  if (!prefix) return prefix.error();
  const auto length = little_endian_at<std::uint64_t>(*prefix, 0);
  if (length > max_header)
    return Error{Error::Kind::format,
                 name,
                 {},
                 fmt::format("claims a header of {} bytes; at most {} are accepted", length, max_header),
                 "Check that this is a safetensors file, and download it again if so"};
  if (length > file.size() - kLengthBytes)
    return damaged(
        name, {},
        fmt::format("is truncated: it claims a header of {} bytes, but has only {} bytes", length, file.size()));
  const auto text = file.read(kLengthBytes, length);
  if (!text) return text.error();
  if (!text->starts_with('{'))
    return damaged(name, {}, "is not a safetensors file: its header does not begin with '{'");

  boost::json::basic_parser<SafetensorsHeaderParser> parser{boost::json::parse_options{}};
  boost::json::error_code code;
  const auto used = parser.write_some(false, text->data(), text->size(), code);
  auto& parsed = parser.handler();
  if (code && !parsed.problem.empty()) return damaged(name, parsed.subject, parsed.problem);
  // The parser stops after the object; only spaces may follow.
  const auto rest = code ? std::string::npos : text->find_first_not_of(" \t\r\n", used);
  if (code || rest != std::string::npos)
    return damaged(name, {},
                   fmt::format("header is not valid JSON near byte {}: {}", kLengthBytes + used,
                               code ? code.message() : "text after its end"));

  SafetensorsHeader header;
  header.data_start = kLengthBytes + length;
  header.metadata = std::move(parsed.metadata);
  header.tensors = std::move(parsed.tensors);
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair{a.begin, a.end} < std::pair{b.begin, b.end};
  });
  if (auto error = tiling_error(name, header.tensors, header.data_start, file.size())) return std::move(*error);
  for (auto& tensor : header.tensors) {
    tensor.begin += header.data_start;
    tensor.end += header.data_start;
  }
  return header;
}

}  // namespace weighbridge
