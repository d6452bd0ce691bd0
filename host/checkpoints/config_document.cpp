#include "checkpoints/config_document.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace weighbridge {
namespace {

namespace json = boost::json;

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> steps;
  if (path.empty()) return steps;
  steps.emplace_back();
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\' && i + 1 < path.size()) {
      steps.back() += path[++i];
    } else if (path[i] == '.') {
      steps.emplace_back();
    } else {
      steps.back() += path[i];
    }
  }
  return steps;
}

std::optional<std::size_t> list_index(const std::string& step) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc{} || end != step.data() + step.size()) return std::nullopt;
  return index;
}

json::value* member(json::value& parent, const std::string& step) {
  if (auto* object = parent.if_object()) return object->if_contains(step);
  auto* array = parent.if_array();
  const auto index = list_index(step);
  return array && index && *index < array->size() ? &(*array)[*index] : nullptr;
}

}  // namespace

Result<ConfigDocument> ConfigDocument::parse(std::string_view text, const std::filesystem::path& file) {
  return from(parse_python_json(text, file), file);
}

Result<ConfigDocument> ConfigDocument::read(const std::filesystem::path& file) {
  return from(read_python_json(file), file);
}

Result<ConfigDocument> ConfigDocument::from(Result<PythonJson> parsed, const std::filesystem::path& file) {
  if (!parsed) return std::move(parsed).error();
  if (!parsed->root.is_object()) {
    return Error{Error::Kind::format,
                 file.string(),
                 {},
                 "holds no JSON object but another JSON value",
                 "Correct the file or download it again"};
  }
  ConfigDocument document;
  document.file_ = file;
  document.json_ = *std::move(parsed);
  return document;
}

const json::value* ConfigDocument::find(std::string_view path) const {
  return const_cast<ConfigDocument*>(this)->find(path);
}

json::value* ConfigDocument::find(std::string_view path) {
  json::value* at = &json_.root;
  for (const auto& step : split_path(path)) {
    at = member(*at, step);
    if (!at) return nullptr;
  }
  return at;
}

std::optional<std::int64_t> ConfigDocument::integer(std::string_view path) const {
  const auto* value = find(path);
  if (!value) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  if (value->is_double()) {
    const double d = value->get_double();
    constexpr double kLimit = 9007199254740992.0;  // 2^53: beyond it a double does not say which integer it was
    if (std::abs(d) <= kLimit && d == std::trunc(d)) return static_cast<std::int64_t>(d);
  }
  return std::nullopt;
}

std::optional<double> ConfigDocument::number(std::string_view path) const {
  const auto* value = find(path);
  if (!value || !value->is_number()) return std::nullopt;
  if (value->is_double()) return value->get_double();
  return value->is_int64() ? static_cast<double>(value->get_int64()) : static_cast<double>(value->get_uint64());
}

std::optional<bool> ConfigDocument::boolean(std::string_view path) const {
  const auto* value = find(path);
  return value && value->is_bool() ? std::optional{value->get_bool()} : std::nullopt;
}

std::optional<std::string> ConfigDocument::string(std::string_view path) const {
  const auto* value = find(path);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string{value->get_string().data(), value->get_string().size()};
}

Status ConfigDocument::set(std::string_view path, json::value value) {
  const auto refuse = [&](std::string problem) {
    return Error{Error::Kind::mismatch, file_.string(), std::string{path}, std::move(problem),
                 "Name a place that the config's structure has"};
  };
  const auto steps = split_path(path);
  if (steps.empty()) {
    if (!value.is_object()) return refuse("a config must be a JSON object");
    json_.root = std::move(value);
    return done();
  }
  json::value* at = &json_.root;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool last = i + 1 == steps.size();
    auto* next = member(*at, steps[i]);
    if (!next) {
      if (auto* object = at->if_object()) {
        next = &object->emplace(steps[i], json::object{}).first->value();
      } else if (auto* array = at->if_array()) {
        if (list_index(steps[i]) != array->size()) {
          return refuse(fmt::format("'{}' is no index of a list of {}", steps[i], array->size()));
        }
        next = &array->emplace_back(json::object{});
      } else {
        return refuse(fmt::format("'{}' cannot be set inside a value that is neither object nor list", steps[i]));
      }
    }
    if (last) *next = std::move(value);
    at = next;
  }
  return done();
}

bool ConfigDocument::remove(std::string_view path) {
  auto steps = split_path(path);
  if (steps.empty()) return false;
  json::value* at = &json_.root;
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    at = member(*at, steps[i]);
    if (!at) return false;
  }
  if (!member(*at, steps.back())) return false;
  if (auto* object = at->if_object()) {
    object->stable_erase(steps.back());
  } else {
    auto& array = at->get_array();
    array.erase(array.begin() + static_cast<std::ptrdiff_t>(*list_index(steps.back())));
  }
  return true;
}

std::string ConfigDocument::text(const JsonStyle& style) const {
  return python_json(json_.root, style, json_.wide_integers) + "\n";
}

}  // namespace weighbridge
