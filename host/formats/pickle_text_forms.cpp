#include "formats/pickle_text_forms.hpp"

#include <charconv>

namespace weighbridge {
namespace {

std::optional<std::uint32_t> hexadecimal(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

void append_utf8(std::string& to, std::uint32_t point) {
  const auto tail = [&](int shift) { to.push_back(static_cast<char>(0x80 | (point >> shift & 0x3f))); };
  if (point < 0x80) {
    to.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    to.push_back(static_cast<char>(0xc0 | point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    to.push_back(static_cast<char>(0xe0 | point >> 12));
    tail(6), tail(0);
  } else {
    to.push_back(static_cast<char>(0xf0 | point >> 18));
    tail(12), tail(6), tail(0);
  }
}

}  // namespace

std::optional<std::int64_t> decimal(std::string_view text) {
  if (text.ends_with('L')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> decimal_real(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> quoted_string(std::string_view text) {
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"') || text.back() != text.front())
    return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      bytes += text[i];
      continue;
    }
    switch (const char c = text[++i]) {
      case 'n': bytes += '\n'; break;
      case 'r': bytes += '\r'; break;
      case 't': bytes += '\t'; break;
      case '\\':
      case '\'':
      case '"': bytes += c; break;
      case 'x': {
        const auto value = i + 2 < text.size() ? hexadecimal(text.substr(i + 1, 2)) : std::nullopt;
        if (!value) return std::nullopt;
        bytes += static_cast<char>(*value);
        i += 2;
        break;
      }
      default: return std::nullopt;
    }
  }
  return bytes;
}

std::optional<std::string> raw_unicode(std::string_view text) {
  std::string utf8;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digits = text[i] != '\\' || i + 1 == text.size() ? 0
                               : text[i + 1] == 'u'                    ? 4
                               : text[i + 1] == 'U'                    ? 8
                                                                       : 0;
    if (digits == 0) {
      append_utf8(utf8, static_cast<unsigned char>(text[i]));
      continue;
    }
    if (text.size() - i - 2 < digits) return std::nullopt;
    const auto point = hexadecimal(text.substr(i + 2, digits));
    if (!point || *point > 0x10ffff) return std::nullopt;
    append_utf8(utf8, *point);
    i += 1 + digits;
  }
  return utf8;
}

std::optional<std::string> latin1_bytes(std::string_view utf8) {
  std::string bytes;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      bytes += utf8[i];
    } else if ((lead == 0xc2 || lead == 0xc3) && i + 1 < utf8.size() && (utf8[i + 1] & 0xc0) == 0x80) {
      bytes += static_cast<char>((lead & 3) << 6 | (utf8[++i] & 0x3f));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

}  // namespace weighbridge
