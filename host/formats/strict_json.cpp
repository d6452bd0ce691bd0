#include "formats/strict_json.hpp"

#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>

#include "formats/format_error.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

// Follows a text and remembers the keys of the objects that are open; stops at the first key that comes twice.
struct DuplicateKeyFinder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  std::vector<std::unordered_set<std::string>> open;
  std::string key;
  bool found{};

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    open.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) {
    open.pop_back();
    return true;
  }
  bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key += std::string_view{part};
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code& error) {
    key += std::string_view{part};
    if (open.back().insert(key).second) {
      key.clear();
      return true;
    }
    found = true;
    error = json::error::syntax;
    return false;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return true; }
  bool on_double(double value, json::string_view, json::error_code& error) {
    if (std::isfinite(value)) return true;
    error = json::error::exponent_overflow;  // would be written back as something that is no number
    return false;
  }
  bool on_bool(bool, json::error_code&) { return true; }
  bool on_null(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

}  // namespace

Result<json::value> parse_strict_json(std::string_view text, std::string_view file) {
  json::basic_parser<DuplicateKeyFinder> finder{json::parse_options{}};
  json::error_code error;
  const auto used = finder.write_some(false, text.data(), text.size(), error);
  if (finder.handler().found)
    return Error{Error::Kind::format, std::string{file}, finder.handler().key,
                 fmt::format("the key is given twice in one object (second time before byte {})", used),
                 "Remove one of the two entries, or get the file again"};
  json::value value;
  if (!error) value = json::parse(json::string_view{text.data(), text.size()}, error);
  if (error) return damaged(file, {}, fmt::format("is not valid JSON near byte {}: {}", used, error.message()));
  return value;
}

}  // namespace weighbridge
