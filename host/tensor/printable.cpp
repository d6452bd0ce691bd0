#include "tensor/printable.hpp"

#include <fmt/format.h>

#include "tensor/utf8.hpp"

namespace weighbridge {
namespace {

// Bytes of the well-formed character at the front that stands for itself; 0 for anything else.
std::size_t plain_character(std::string_view text) {
  const auto length = utf8_character(text);
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (length == 1) return byte(0) >= 0x20 && byte(0) != 0x7f;
  if (length == 2 && byte(0) == 0xc2 && byte(1) < 0xa0) return 0;  // C1 controls
  // Marks that turn the direction of what follows.
  if (length == 3 && byte(0) == 0xe2 && ((byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) || (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9)))
    return 0;
  return length;
}

// Moves a cut back to where a character begins.
std::size_t before_character(std::string_view text, std::size_t at) {
  for (int back = 0; back < 3 && at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; ++back) --at;
  return at;
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  if (text.size() > most) {
    const auto begin = before_character(text, most - most / 4), end = before_character(text, text.size() - most / 4);
    return printable(text.substr(0, begin)) + "…" + printable(text.substr(end));
  }
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const auto length = plain_character(text);
    if (length > 0) line += text.substr(0, length);
    else line += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    text.remove_prefix(length > 0 ? length : 1);
  }
  return line;
}

}  // namespace weighbridge
