#include "checkpoints/python_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "formats/input_file.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxDepth = 128;

// The grammar of Boost.JSON has no NaN and Infinity, so they reach it as the number 0. Numbers are counted in text
// order on both sides, which tells the handler which of them they were.
struct StandardText {
  std::string text;
  std::map<std::size_t, double> special;  // ordinal of a number -> the value its token stood for
};

bool continues_number(char c) {
  return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

StandardText standardise(std::string_view text) {
  struct Token {
    std::string_view spelling;
    double value;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Token tokens[] = {
      {"NaN", std::numeric_limits<double>::quiet_NaN()}, {"Infinity", kInfinity}, {"-Infinity", -kInfinity}};
  StandardText out;
  out.text.reserve(text.size());
  std::size_t numbers = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\';
      at = std::min(at + 1, text.size());
      out.text += text.substr(begin, at - begin);
      continue;
    }
    const auto rest = text.substr(at);
    const auto token = std::find_if(std::begin(tokens), std::end(tokens),
                                    [&](const Token& t) { return rest.starts_with(t.spelling); });
    if (token != std::end(tokens)) {
      // Padded to the same length, so that positions in errors stay true.
      out.special.emplace(numbers++, token->value);
      out.text += '0';
      out.text.append(token->spelling.size() - 1, ' ');
      at += token->spelling.size();
    } else if (continues_number(text[at]) && text[at] != 'e' && text[at] != 'E') {
      while (at < text.size() && continues_number(text[at])) ++at;
      out.text += text.substr(begin, at - begin);
      ++numbers;
    } else {
      out.text += text[at++];
    }
  }
  return out;
}

double exact_double(const std::string& digits) {
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  // Too large is infinity and too small is zero, as in Python.
  return error == std::errc{} ? value : std::strtod(digits.c_str(), nullptr);
}

// Builds the tree from the parser's events. Boost's own builder would keep the last of two equal keys in silence and
// round some doubles to a neighbour.
class TreeBuilder {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  explicit TreeBuilder(const std::map<std::size_t, double>* special) : special_{special} {}

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& error) { return open(json::object{}, error); }
  bool on_object_end(std::size_t, json::error_code&) { return close(); }
  bool on_array_begin(json::error_code& error) { return open(json::array{}, error); }
  bool on_array_end(std::size_t, json::error_code&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code& error) {
    append(part);
    keys_.back() = std::exchange(text_, {});
    if (open_.back()->get_object().contains(keys_.back())) {
      repeated_key_ = keys_.back();
      error = json::error::exception;
      return false;
    }
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    append(part);
    add(json::value(std::exchange(text_, {})));
    return true;
  }
  bool on_number_part(json::string_view part, json::error_code&) { return append(part); }
  bool on_int64(std::int64_t value, json::string_view, json::error_code&) { return number(value); }
  bool on_uint64(std::uint64_t value, json::string_view, json::error_code&) { return number(value); }
  bool on_double(double, json::string_view part, json::error_code& error) {
    append(part);
    const double value = exact_double(text_);
    const bool wide = text_.find_first_of(".eE") == std::string::npos;
    if (std::isinf(value) || (wide && wide_integers.try_emplace(value, text_).first->second != text_)) {
      too_large_ = wide ? "an integer" : "a number";
      error = json::error::not_exact;
      return false;
    }
    return number(value);
  }
  bool on_bool(bool value, json::error_code&) { return add(value), true; }
  bool on_null(json::error_code&) { return add(nullptr), true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  json::value root;
  WideIntegers wide_integers;
  const std::optional<std::string>& repeated_key() const { return repeated_key_; }
  std::string_view too_large() const { return too_large_; }

 private:
  bool append(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  template <class Number>
  bool number(Number value) {
    text_.clear();
    const auto special = special_->find(numbers_++);
    special == special_->end() ? add(value) : add(special->second);
    return true;
  }
  json::value* add(json::value value) {
    if (open_.empty()) return &(root = std::move(value));
    if (auto* array = open_.back()->if_array()) return &array->emplace_back(std::move(value));
    return &open_.back()->get_object().emplace(keys_.back(), std::move(value)).first->value();
  }
  // A container stays where it is while it is open: nothing is added to the one around it meanwhile.
  bool open(json::value container, json::error_code&) {
    open_.push_back(add(std::move(container)));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  const std::map<std::size_t, double>* special_;
  std::size_t numbers_ = 0;
  std::string text_;
  std::vector<json::value*> open_;
  std::vector<std::string> keys_;  // of the member being read, for each open container
  std::optional<std::string> repeated_key_;
  std::string_view too_large_;
};

std::string place(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto column = 1 + before.size() - (before.rfind('\n') + 1);  // npos + 1 is 0
  return fmt::format("line {} column {}", line, column);
}

Error not_json(const std::filesystem::path& file, std::string problem) {
  return {Error::Kind::format, file.string(), {}, std::move(problem), "Correct the file or download it again"};
}

}  // namespace

Result<PythonJson> parse_python_json(std::string_view text, const std::filesystem::path& file) {
  if (text.size() > kMaxBytes) {
    return not_json(file, fmt::format("has {} bytes of JSON, more than the {} allowed", text.size(), kMaxBytes));
  }
  const auto standard = standardise(text);
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<TreeBuilder> parser{options, &standard.special};
  json::error_code error;
  const auto read = parser.write_some(false, standard.text.data(), standard.text.size(), error);
  auto& builder = parser.handler();
  if (builder.repeated_key()) {
    auto repeated = not_json(file, fmt::format("this key occurs twice, the second time before {}", place(text, read)));
    repeated.subject = *builder.repeated_key();
    repeated.remedy = "Remove one of the two";
    return repeated;
  }
  if (!error && read < standard.text.size()) {
    const auto rest = standard.text.find_first_not_of(" \t\r\n", read);
    if (rest != std::string::npos) error = json::error::extra_data;
  }
  if (error == json::error::too_deep) {
    return not_json(file, fmt::format("has more than {} levels of JSON", kMaxDepth));
  }
  if (error == json::error::not_exact) {
    return not_json(file, fmt::format("has {} too large to be kept, before {}", builder.too_large(), place(text, read)));
  }
  if (error) return not_json(file, fmt::format("is not JSON: {} at {}", error.message(), place(text, read)));
  return PythonJson{std::move(builder.root), std::move(builder.wide_integers)};
}

Result<PythonJson> read_python_json(const std::filesystem::path& file) {
  const auto text = read_whole_file(file, kMaxBytes);
  return text ? parse_python_json(*text, file) : Result<PythonJson>{text.error()};
}

}  // namespace weighbridge
