#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

#include "checkpoints/python_json.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

// Takes one code point off the front of valid UTF-8.
char32_t take_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t code = length == 1 ? lead : lead & (0x7FU >> length);
  for (std::size_t i = 1; i < std::min(length, text.size()); ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  text.remove_prefix(std::min(length, text.size()));
  return code;
}

void write_code_units(std::string& out, char32_t code) {
  if (code >= 0x10000) {
    code -= 0x10000;
    out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FFU));
  } else {
    out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
  }
}

void write_string(std::string& out, std::string_view text, bool ensure_ascii) {
  out += '"';
  while (!text.empty()) {
    const auto begin = text;
    const char32_t code = take_code_point(text);
    switch (code) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\f': out += "\\f"; break;
      case '\b': out += "\\b"; break;
      default:
        if (code < 0x20 || (ensure_ascii && code > 0x7E)) {
          write_code_units(out, code);
        } else {
          out += begin.substr(0, begin.size() - text.size());
        }
    }
  }
  out += '"';
}

class Writer {
 public:
  Writer(const JsonStyle& style, const WideIntegers& wide) : style_{style}, wide_{wide} {}

  void value(const json::value& v, int level) {
    switch (v.kind()) {
      case json::kind::null: out += "null"; break;
      case json::kind::bool_: out += v.get_bool() ? "true" : "false"; break;
      case json::kind::int64: out += std::to_string(v.get_int64()); break;
      case json::kind::uint64: out += std::to_string(v.get_uint64()); break;
      case json::kind::double_: number(v.get_double()); break;
      case json::kind::string:
        write_string(out, {v.get_string().data(), v.get_string().size()}, style_.ensure_ascii);
        break;
      case json::kind::array: array(v.get_array(), level); break;
      case json::kind::object: object(v.get_object(), level); break;
    }
  }

  std::string out;

 private:
  void number(double value) {
    if (std::isnan(value)) {
      out += "NaN";
    } else if (std::isinf(value)) {
      out += value > 0 ? "Infinity" : "-Infinity";
    } else if (const auto wide = wide_.find(value); wide != wide_.end()) {
      out += wide->second;
    } else {
      out += python_float(value);
    }
  }

  void array(const json::array& items, int level) {
    if (items.empty()) {
      out += "[]";
      return;
    }
    out += '[';
    for (const auto& item : items) {
      separate(&item == items.data(), level + 1);
      value(item, level + 1);
    }
    line(level);
    out += ']';
  }

  void object(const json::object& members, int level) {
    if (members.empty()) {
      out += "{}";
      return;
    }
    std::vector<const json::key_value_pair*> ordered;
    for (const auto& member : members) ordered.push_back(&member);
    if (style_.sort_keys) {  // bytes of UTF-8 sort as code points do
      std::sort(ordered.begin(), ordered.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
    }
    out += '{';
    for (const auto* member : ordered) {
      separate(member == ordered.front(), level + 1);
      write_string(out, {member->key().data(), member->key().size()}, style_.ensure_ascii);
      out += style_.indent > 0 ? ": " : ":";
      value(member->value(), level + 1);
    }
    line(level);
    out += '}';
  }

  void separate(bool first, int level) {
    if (!first) out += ',';
    line(level);
  }
  void line(int level) {
    if (style_.indent <= 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(level) * static_cast<std::size_t>(style_.indent), ' ');
  }

  const JsonStyle& style_;
  const WideIntegers& wide_;
};

}  // namespace

std::string python_json(const json::value& value, const JsonStyle& style, const WideIntegers& wide) {
  Writer writer{style, wide};
  writer.value(value, 0);
  return std::move(writer.out);
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[32];
  // "-d.ddde-XX": the shortest digits and a decimal exponent.
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text{buffer, static_cast<std::size_t>(end - buffer)};
  const auto e = text.find('e');
  const std::string_view sign = text.starts_with('-') ? "-" : "";
  std::string digits;
  for (char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  int exponent = 0;
  std::from_chars(buffer + e + 1 + (buffer[e + 1] == '+'), end, exponent);

  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    const auto fraction = count > 1 ? "." + digits.substr(1) : "";
    return fmt::format("{}{}{}e{}{:02d}", sign, digits[0], fraction, exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return fmt::format("{}0.{}{}", sign, std::string(static_cast<std::size_t>(-exponent - 1), '0'), digits);
  if (count <= exponent + 1) {
    return fmt::format("{}{}{}.0", sign, digits, std::string(static_cast<std::size_t>(exponent + 1 - count), '0'));
  }
  const auto point = static_cast<std::size_t>(exponent + 1);
  return fmt::format("{}{}.{}", sign, digits.substr(0, point), digits.substr(point));
}

}  // namespace weighbridge
