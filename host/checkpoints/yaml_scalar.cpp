#include "checkpoints/yaml_scalar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

namespace weighbridge {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool digit_or_underscore(char c) { return digit(c) || c == '_'; }

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// "12_000" -> "12000"; the sign stays.
std::string without_underscores(std::string_view text) {
  std::string kept;
  for (const char c : text)
    if (c != '_') kept.push_back(c);
  return kept;
}

std::optional<boost::json::value> integer_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  auto digits = text;
  if (negative || text.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || !digit(digits.front())) return {};
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0b")) {
    base = digits[1] == 'x' ? 16 : 2;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.front() == '0') {
    base = 8;
    digits.remove_prefix(1);
  }
  const auto plain = without_underscores(digits);
  if (plain.empty()) return {};
  std::uint64_t value = 0;
  const auto* last = plain.data() + plain.size();
  const auto [end, error] = std::from_chars(plain.data(), last, value, base);
  if (end != last) return {};
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (error == std::errc::result_out_of_range || value > kMax) {  // beyond 64 bits: the nearest float
    if (base != 10) return {};
    double nearest = 0;
    if (std::from_chars(plain.data(), last, nearest).ec != std::errc{}) return {};
    return boost::json::value(negative ? -nearest : nearest);
  }
  const auto number = static_cast<std::int64_t>(value);
  return boost::json::value(negative ? -number : number);
}

// [-+]? digits [. digits] [e [-+] digits], with a dot or an exponent.
std::optional<boost::json::value> float_of(std::string_view text) {
  auto rest = text;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) rest.remove_prefix(1);
  if (is_one_of<3>(rest, {".inf", ".Inf", ".INF"})) {
    const auto infinity = std::numeric_limits<double>::infinity();
    return boost::json::value(negative ? -infinity : infinity);
  }
  if (is_one_of<3>(text, {".nan", ".NaN", ".NAN"})) return boost::json::value(std::numeric_limits<double>::quiet_NaN());
  std::size_t i = 0;
  const auto skip = [&] {
    const auto first = i;
    while (i < rest.size() && digit_or_underscore(rest[i])) ++i;
    return i - first;
  };
  if (rest.empty() || rest.front() == '_') return {};
  auto mantissa = skip();
  const bool dot = i < rest.size() && rest[i] == '.';
  if (dot) ++i, mantissa += skip();
  const bool exponent = i < rest.size() && (rest[i] == 'e' || rest[i] == 'E');
  if (exponent) {
    ++i;
    if (i < rest.size() && (rest[i] == '+' || rest[i] == '-')) ++i;
    if (skip() == 0) return {};
  }
  if (mantissa == 0 || i != rest.size() || (!dot && !exponent)) return {};
  const auto plain = without_underscores(rest);
  double value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (end != plain.data() + plain.size() || error != std::errc{}) return {};
  return boost::json::value(negative ? -value : value);
}

// 2026-11-25, 2026-11-25T10:00:00: text here, a date to PyYAML. 12:30: a number to base 60 to PyYAML.
bool looks_like_date_or_time(std::string_view text) {
  if (text.empty() || !(digit(text.front()) || text.front() == '-' || text.front() == '+')) return false;
  return std::count(text.begin(), text.end(), '-') >= 2 || text.find(':') != std::string_view::npos;
}

bool may_be_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  if (resolve_plain_scalar(text) || looks_like_date_or_time(text) || text == "=" || text == "<<") return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  constexpr std::string_view kIndicators = ",[]{}#&*!|>'\"%@`";
  if (kIndicators.find(text.front()) != std::string_view::npos) return false;
  const bool space_follows = text.size() == 1 || text[1] == ' ';
  if ((text.front() == '-' || text.front() == '?' || text.front() == ':') && space_follows) return false;
  return text.find(": ") == std::string_view::npos && text.back() != ':' && text.find(" #") == std::string_view::npos;
}

// The code point at `i`, which moves behind it; a byte that is no UTF-8 stands for itself.
std::uint32_t code_point(std::string_view text, std::size_t& i) {
  const auto lead = static_cast<unsigned char>(text[i++]);
  const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  if (more == 0 || i + more > text.size()) return lead;
  std::uint32_t value = lead & (0x3Fu >> more);
  for (std::size_t k = 0; k < more; ++k) value = value << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3Fu);
  i += more;
  return value;
}

std::string double_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const auto c = code_point(text, i);
    switch (c) {
      case '"': quoted += "\\\""; break;
      case '\\': quoted += "\\\\"; break;
      case '\n': quoted += "\\n"; break;
      case '\t': quoted += "\\t"; break;
      case '\r': quoted += "\\r"; break;
      default:
        if (c >= 0x20 && c < 0x7F)
          quoted.push_back(static_cast<char>(c));
        else if (c <= 0xFF)
          quoted += fmt::format("\\x{:02X}", c);
        else if (c <= 0xFFFF)
          quoted += fmt::format("\\u{:04X}", c);
        else
          quoted += fmt::format("\\U{:08X}", c);
    }
  }
  return quoted + '"';
}

}  // namespace

std::optional<boost::json::value> resolve_plain_scalar(std::string_view text) {
  if (text.empty() || is_one_of<4>(text, {"~", "null", "Null", "NULL"})) return boost::json::value(nullptr);
  if (is_one_of<9>(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}))
    return boost::json::value(true);
  if (is_one_of<9>(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}))
    return boost::json::value(false);
  if (auto number = integer_of(text)) return number;
  return float_of(text);
}

std::string write_yaml_text(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7F; }))
    return double_quoted(text);
  if (may_be_plain(text)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + "'";
}

}  // namespace weighbridge
