#include "checkpoints/yaml_document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <vector>

#include "checkpoints/python_json.hpp"
#include "checkpoints/yaml_scalar.hpp"
#include "formats/pickle_globals.hpp"
#include "tensor/utf8.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kMaxBytes = 16 << 20;
constexpr std::size_t kMaxKeyBytes = 250;  // quoted and escaped it must stay within the 1024 of an implicit key
constexpr int kMaxDepth = 64;
// What all values and their texts may come to when aliases are followed: so much, and so many times what there is without.
constexpr std::size_t kFreeValues = 1000, kFreeText = 64 << 10, kTimes = 4;

Error broken(std::string_view file, const YAML::Mark& mark, std::string problem) {
  return Error{Error::Kind::format, std::string(file), mark.is_null() ? "" : fmt::format("line {}", mark.line + 1),
               std::move(problem), "Take the file as Megatron wrote it"};
}

// "tag:yaml.org,2002:python/object/apply:os.system": tags are data here, but one like this is in no honest file.
bool asks_for_a_program(std::string_view tag) {
  if (tag.find("python/") == std::string_view::npos) return false;
  const auto target = tag.substr(tag.rfind(':') + 1);
  const auto dot = std::min(target.rfind('.'), target.size());
  return PickleGlobals::weights_only().verdict(target.substr(0, dot), target.substr(std::min(dot + 1, target.size()))) == PickleGlobals::Verdict::forbidden;
}

// Makes JSON of a node. Aliases are followed, which may visit a node often: the number of visits is bounded, and the text
// that they copy.
class Converter {
 public:
  Converter(std::string_view file, std::size_t bytes)
      : file_{file}, most_values_{kFreeValues + kTimes * bytes}, most_text_{kFreeText + kTimes * bytes} {}

  Result<boost::json::value> value(const YAML::Node& node, int depth) {
    if (const auto& tag = node.Tag(); asks_for_a_program(tag))
      return Error{Error::Kind::format, std::string(file_), fmt::format("line {}", node.Mark().line + 1),
                   fmt::format("has the tag {}, which could run programs when Python loads it", tag),
                   "Do not load this file anywhere; get the checkpoint from a source that you trust"};
    if (depth > kMaxDepth)
      return broken(file_, node.Mark(), fmt::format("is nested more than {} levels deep", kMaxDepth));
    if (++visited_ > most_values_)
      return broken(file_, node.Mark(), fmt::format("holds more than {} values when aliases are followed", most_values_));
    switch (node.Type()) {
      case YAML::NodeType::Sequence: return sequence(node, depth);
      case YAML::NodeType::Map: return mapping(node, depth);
      case YAML::NodeType::Scalar: return fits(node) ? Result<boost::json::value>{scalar(node)} : too_long(node);
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined: break;
    }
    return boost::json::value(nullptr);
  }

 private:
  bool fits(const YAML::Node& scalar) { return (text_ += scalar.Scalar().size()) <= most_text_; }
  Error too_long(const YAML::Node& node) const {
    return broken(file_, node.Mark(), fmt::format("holds more than {} bytes of text when aliases are followed", most_text_));
  }

  static boost::json::value scalar(const YAML::Node& node) {
    const auto& tag = node.Tag();
    const bool text = tag == "!" || tag.ends_with(":str") || tag.ends_with(":binary");
    if (!text)
      if (auto resolved = resolve_plain_scalar(node.Scalar())) return *std::move(resolved);
    return boost::json::value(node.Scalar());
  }

  Result<boost::json::value> sequence(const YAML::Node& node, int depth) {
    boost::json::array items;
    for (const auto& item : node) {
      auto converted = value(item, depth + 1);
      if (!converted) return converted;
      items.push_back(*std::move(converted));
    }
    return boost::json::value(std::move(items));
  }

  Result<boost::json::value> mapping(const YAML::Node& node, int depth) {
    const bool set = node.Tag().ends_with(":set");
    boost::json::object fields;
    boost::json::array members;
    for (const auto& field : node) {
      const auto& key = field.first;
      if (!key.IsScalar()) return broken(file_, node.Mark(), "has a key that is no text or number");
      if (key.Scalar().size() > kMaxKeyBytes)
        return broken(file_, key.Mark(), fmt::format("has a key of more than {} bytes", kMaxKeyBytes));
      if (!fits(key)) return too_long(key);
      if (fields.contains(key.Scalar()))
        return broken(file_, key.Mark(), fmt::format("the key '{}' occurs twice", key.Scalar().substr(0, 80)));
      auto converted = value(field.second, depth + 1);
      if (!converted) return converted;
      if (set) members.push_back(scalar(key));
      fields.emplace(key.Scalar(), *std::move(converted));
    }
    if (set) return boost::json::value(std::move(members));
    return boost::json::value(std::move(fields));
  }

  std::string_view file_;
  std::size_t most_values_, most_text_, visited_{}, text_{};
};

// repr() with PyYAML's additions: an exponent always follows a dot.
std::string float_text(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  auto text = python_float(value);
  if (const auto e = text.find('e'); e != std::string::npos && text.find('.') == std::string::npos)
    text.insert(e, ".0");
  return text;
}

std::string scalar_text(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return value.get_bool() ? "true" : "false";
    case boost::json::kind::int64: return std::to_string(value.get_int64());
    case boost::json::kind::uint64: return std::to_string(value.get_uint64());
    case boost::json::kind::double_: return float_text(value.get_double());
    case boost::json::kind::string: return write_yaml_text(value.get_string());
    case boost::json::kind::array: return "[]";  // only empty ones come here
    case boost::json::kind::object: return "{}";
  }
  return {};
}

bool is_block(const boost::json::value& value) {
  return (value.is_array() && !value.get_array().empty()) || (value.is_object() && !value.get_object().empty());
}

// Lines of a block value, the first one without indentation (the caller has put it behind "- " or on a new line).
// As PyYAML does, a list inside a mapping is not indented, a list inside a list is.
void write_block(const boost::json::value& value, int indent, std::string& out) {
  bool first = true;
  const auto next_line = [&] {
    if (!first) out.append(static_cast<std::size_t>(indent), ' ');
    first = false;
  };
  if (const auto* items = value.if_array()) {
    for (const auto& item : *items) {
      next_line();
      out += "- ";
      if (is_block(item))
        write_block(item, indent + 2, out);
      else
        out += scalar_text(item) + '\n';
    }
    return;
  }
  std::vector<const boost::json::key_value_pair*> fields;
  for (const auto& field : value.get_object()) fields.push_back(&field);
  std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) { return a->key() < b->key(); });
  for (const auto* field : fields) {
    next_line();
    out += write_yaml_text(field->key());
    if (!is_block(field->value())) {
      out += ": " + scalar_text(field->value()) + '\n';
      continue;
    }
    const int inner = field->value().is_array() ? indent : indent + 2;
    out += ":\n" + std::string(static_cast<std::size_t>(inner), ' ');
    write_block(field->value(), inner, out);
  }
}

}  // namespace

Result<boost::json::value> parse_yaml(std::string_view text, std::string_view file) {
  if (text.size() > kMaxBytes)
    return broken(file, YAML::Mark::null_mark(), fmt::format("is larger than {} MiB", kMaxBytes >> 20));
  if (const auto at = malformed_utf8(text))
    return broken(file, YAML::Mark::null_mark(), fmt::format("holds no UTF-8 at byte {}", *at));
  if (const auto at = text.find('\0'); at != text.npos)  // the parser would take the text for UTF-16
    return broken(file, YAML::Mark::null_mark(), fmt::format("holds a zero byte at byte {}", at));
  try {
    return Converter{file, text.size()}.value(YAML::Load(std::string(text)), 0);
  } catch (const YAML::Exception& error) { return broken(file, error.mark, "is no YAML: " + error.msg); }
}

std::string write_yaml(const boost::json::value& value) {
  if (!is_block(value)) return scalar_text(value) + '\n';
  std::string out;
  write_block(value, 0, out);
  return out;
}

}  // namespace weighbridge
