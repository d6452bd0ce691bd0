// A comparison as JSON and as text.

#include <boost/json/array.hpp>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "verify/comparison.hpp"

namespace weighbridge {
namespace {

// JSON has no infinities.
boost::json::value number(const std::optional<double>& value) {
  if (!value) return nullptr;
  if (std::isinf(*value)) return "inf";
  return *value;
}

boost::json::object difference_json(const Difference& difference) {
  boost::json::object json{{"kind", to_string(difference.kind)}, {"name", difference.name}, {"expected", difference.expected},
                           {"actual", difference.actual}};
  if (difference.kind != DifferenceKind::bits) return json;
  json["elements"] = difference.elements;
  json["differing"] = difference.differing;
  json["first"] = boost::json::array(difference.first.begin(), difference.first.end());
  json["max_abs_difference"] = number(difference.max_abs_difference);
  json["not_numbers"] = difference.not_numbers;
  return json;
}

std::string line_of(const Difference& difference) {
  switch (difference.kind) {
    case DifferenceKind::missing: return fmt::format("{}: missing (expected {})", difference.name, difference.expected);
    case DifferenceKind::unexpected: return fmt::format("{}: unexpected ({})", difference.name, difference.actual);
    case DifferenceKind::dtype:
    case DifferenceKind::shape:
      return fmt::format("{}: {} is {}, expected {}", difference.name, to_string(difference.kind), difference.actual, difference.expected);
    case DifferenceKind::bits: break;
  }
  auto line = fmt::format("{}: {} of {} elements differ, first at {}: {}, expected {}", difference.name, difference.differing,
                          difference.elements, to_string(difference.first), difference.actual, difference.expected);
  if (difference.max_abs_difference) line += fmt::format("; largest difference {}", *difference.max_abs_difference);
  if (difference.not_numbers > 0) line += fmt::format("; {} with a NaN", difference.not_numbers);
  return line;
}

}  // namespace

std::string_view to_string(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::missing: return "missing";
    case DifferenceKind::unexpected: return "unexpected";
    case DifferenceKind::dtype: return "dtype";
    case DifferenceKind::shape: return "shape";
    case DifferenceKind::bits: return "bits";
  }
  return "";
}

boost::json::object to_json(const Comparison& comparison) {
  boost::json::array differences;
  for (const auto& difference : comparison.differences) differences.push_back(difference_json(difference));
  return {{"same", comparison.same()}, {"tensors", comparison.tensors}, {"equal", comparison.equal}, {"bytes", comparison.bytes},
          {"differences", std::move(differences)}};
}

std::string to_text(const Comparison& comparison, std::size_t limit) {
  std::string text;
  std::size_t told = 0;
  for (const auto& difference : comparison.differences) {
    if (told == limit) break;
    text += line_of(difference) + "\n";
    ++told;
  }
  if (told < comparison.differences.size()) text += fmt::format("and {} more\n", comparison.differences.size() - told);
  text += fmt::format("{}: {} of {} compared tensors equal, {} differences, {} bytes\n", comparison.same() ? "same" : "different",
                      comparison.equal, comparison.tensors, comparison.differences.size(), comparison.bytes);
  return text;
}

}  // namespace weighbridge
