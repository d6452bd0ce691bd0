#include "tensor/printable.hpp"

#include <fmt/format.h>

namespace weighbridge {
namespace {

// Bytes of the well-formed character at the front that stands for itself; 0 for anything else.
std::size_t plain_character(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(at < text.size() ? text[at] : 0); };
  const auto lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f;
  const std::size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (lead == 0xc2 && byte(1) < 0xa0) return 0;                            // C1 controls
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90)) return 0;  // overlong
  if ((lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;  // surrogates, beyond Unicode
  // Marks that turn the direction of what follows.
  if (lead == 0xe2 && ((byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) || (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9))) return 0;
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
