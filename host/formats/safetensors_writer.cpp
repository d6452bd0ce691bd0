#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "formats/byte_order.hpp"
#include "formats/safetensors.hpp"

namespace weighbridge {
namespace {

// A JSON string as serde_json writes it: short escapes where JSON has them, \u00xx for other control characters,
// everything else as it is.
void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    switch (c) {
      case '"': to += "\\\""; break;
      case '\\': to += "\\\\"; break;
      case '\b': to += "\\b"; break;
      case '\f': to += "\\f"; break;
      case '\n': to += "\\n"; break;
      case '\r': to += "\\r"; break;
      case '\t': to += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          fmt::format_to(std::back_inserter(to), "\\u{:04x}", static_cast<unsigned>(c));
        else
          to += c;
    }
  }
  to += '"';
}

std::string header_text(std::span<const SafetensorsTensor> tensors, std::span<const std::size_t> order,
                        std::span<const std::uint64_t> begins, std::span<const std::int64_t> sizes,
                        const SafetensorsMetadata& metadata) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      append_json_string(text, key);
      text += ':';
      append_json_string(text, value);
      text += ',';
    }
    text.back() = '}';
    text += ',';
  }
  for (const auto i : order) {
    append_json_string(text, tensors[i].name);
    fmt::format_to(std::back_inserter(text), ":{{\"dtype\":\"{}\",\"shape\":[", to_string(tensors[i].dtype));
    for (std::size_t axis = 0; axis < tensors[i].shape.size(); ++axis)
      fmt::format_to(std::back_inserter(text), "{}{}", axis ? "," : "", tensors[i].shape[axis]);
    fmt::format_to(std::back_inserter(text), "],\"data_offsets\":[{},{}]}},", begins[i],
                   begins[i] + static_cast<std::uint64_t>(sizes[i]));
  }
  if (text.size() == 1) return "{}";
  text.back() = '}';
  return text;
}

}  // namespace

Result<SafetensorsLayout> lay_out_safetensors(std::span<const SafetensorsTensor> tensors,
                                              const SafetensorsMetadata& metadata, SafetensorsOrder how) {
  std::vector<std::int64_t> sizes;
  for (const auto& tensor : tensors) {
    const auto bytes = byte_count(tensor.shape, tensor.dtype);
    if (!bytes)
      return Error{Error::Kind::unsupported,
                   {},
                   tensor.name,
                   fmt::format("shape {} of {} cannot be stored as safetensors", to_string(tensor.shape),
                               to_string(tensor.dtype)),
                   "Choose another dtype for this tensor"};
    sizes.push_back(*bytes);
  }
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return tensors[a].name < tensors[b].name; });
  const auto twice = std::adjacent_find(order.begin(), order.end(),
                                        [&](auto a, auto b) { return tensors[a].name == tensors[b].name; });
  if (twice != order.end() ||
      std::any_of(order.begin(), order.end(), [&](auto i) { return tensors[i].name == "__metadata__"; }))
    return Error{Error::Kind::mismatch,
                 {},
                 twice != order.end() ? tensors[*twice].name : "__metadata__",
                 "a safetensors file cannot hold two entries of this name",
                 "Check the names that the model gives its tensors"};
  if (how == SafetensorsOrder::reference)
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return tensors[a].dtype > tensors[b].dtype; });
  else
    std::iota(order.begin(), order.end(), 0);

  std::vector<std::uint64_t> begins(tensors.size());
  std::int64_t total = 0;
  for (const auto i : order) {
    begins[i] = static_cast<std::uint64_t>(total);
    const auto next = checked_add(total, sizes[i]);
    if (!next)
      return Error{Error::Kind::unsupported,
                   {},
                   tensors[i].name,
                   "the file would exceed 2^63 bytes",
                   "Use more and smaller shards"};
    total = *next;
  }

  SafetensorsLayout layout;
  auto text = header_text(tensors, order, begins, sizes, metadata);
  text.append((8 - text.size() % 8) % 8, ' ');
  append_little_endian<std::uint64_t>(layout.header, text.size());
  layout.header += text;
  for (const auto begin : begins) layout.offsets.push_back(begin + layout.header.size());
  layout.file_size = layout.header.size() + static_cast<std::uint64_t>(total);
  return layout;
}

}  // namespace weighbridge
