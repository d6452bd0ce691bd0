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
  json["cause"] = difference.cause;
  if (difference.elements == 0) return json;
  json["elements"] = difference.elements;
  json["differing"] = difference.differing;
  json["first"] = boost::json::array(difference.first.begin(), difference.first.end());
  json["other"] = difference.other;
  json["other_first"] = boost::json::array(difference.other_first.begin(), difference.other_first.end());
  json["max_abs_difference"] = number(difference.max_abs_difference);
  json["max_relative_difference"] = number(difference.max_relative_difference);
  json["not_numbers"] = difference.not_numbers;
  return json;
}

// What is said of the elements, without the tensor's name.
std::string elements_text(const Difference& difference) {
  auto line = fmt::format("{} of {} elements differ", difference.differing, difference.elements);
  if (difference.differing == 0) return line;
  line += fmt::format(", first at {}", to_string(difference.first));
  if (!difference.other.empty()) line += fmt::format(" ({} {})", difference.other, to_string(difference.other_first));
  if (difference.kind == DifferenceKind::bits) line += fmt::format(": {}, expected {}", difference.actual, difference.expected);
  if (difference.max_abs_difference) line += fmt::format("; largest difference {:.6g}", *difference.max_abs_difference);
  if (difference.max_relative_difference) line += fmt::format(", relative {:.3g}", *difference.max_relative_difference);
  if (difference.not_numbers > 0) line += fmt::format("; {} with a NaN", difference.not_numbers);
  return line;
}

std::string bare_line(const Difference& difference) {
  switch (difference.kind) {
    case DifferenceKind::missing: return fmt::format("{}: missing (expected {})", difference.name, difference.expected);
    case DifferenceKind::unexpected: return fmt::format("{}: unexpected ({})", difference.name, difference.actual);
    case DifferenceKind::bits: return fmt::format("{}: {}", difference.name, elements_text(difference));
    case DifferenceKind::copy: return fmt::format("{}: {}, expected {}", difference.name, difference.actual, difference.expected);
    case DifferenceKind::file: return fmt::format("{}: {}, expected {}", difference.name, difference.actual, difference.expected);
    case DifferenceKind::dtype:
    case DifferenceKind::shape:
    case DifferenceKind::config: break;
  }
  const auto* what = difference.kind == DifferenceKind::config ? "" : difference.kind == DifferenceKind::dtype ? "dtype " : "shape ";
  auto line = fmt::format("{}: {}is {}, expected {}", difference.name, what, difference.actual, difference.expected);
  if (difference.elements > 0) line += "; " + elements_text(difference);
  return line;
}

std::string line_of(const Difference& difference) {
  auto line = bare_line(difference);
  if (!difference.cause.empty()) line += ". Cause: " + difference.cause;
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
    case DifferenceKind::copy: return "copy";
    case DifferenceKind::config: return "config";
    case DifferenceKind::file: return "file";
  }
  return "";
}

boost::json::object to_json(const Comparison& comparison, bool tensors) {
  boost::json::array differences, notes;
  for (const auto& note : comparison.notes) notes.push_back(boost::json::string{note});
  for (const auto& difference : comparison.differences) differences.push_back(difference_json(difference));
  boost::json::object json{{"same", comparison.same()}, {"tensors", comparison.tensors}, {"equal", comparison.equal}, {"close", comparison.close},
          {"bytes", comparison.bytes}, {"differences", std::move(differences)}, {"notes", std::move(notes)}};
  if (!tensors) return json;
  boost::json::array compared;
  for (const auto& tensor : comparison.compared)
    compared.push_back({{"name", tensor.name},
                        {"dtype", to_string(tensor.dtype)},
                        {"shape", boost::json::array(tensor.shape.begin(), tensor.shape.end())},
                        {"differing", tensor.differing},
                        {"max_abs_difference", number(tensor.max_abs_difference)},
                        {"max_relative_difference", number(tensor.max_relative_difference)}});
  json["compared"] = std::move(compared);
  return json;
}

std::string to_text(const Comparison& comparison, bool tensors, std::size_t limit) {
  std::string text;
  if (tensors)
    for (const auto& tensor : comparison.compared)
      text += fmt::format("{} {} {}: {}\n", tensor.name, to_string(tensor.dtype), to_string(tensor.shape),
                          tensor.differing == 0 ? "equal" : fmt::format("{} elements differ", tensor.differing));
  std::size_t told = 0;
  for (const auto& difference : comparison.differences) {
    if (told == limit) break;
    text += line_of(difference) + "\n";
    ++told;
  }
  if (told < comparison.differences.size()) text += fmt::format("and {} more\n", comparison.differences.size() - told);
  for (const auto& note : comparison.notes) text += "note: " + note + "\n";
  text += fmt::format("{}: {} of {} compared tensors equal", comparison.same() ? "same" : "different", comparison.equal, comparison.tensors);
  if (comparison.close > 0) text += fmt::format(", {} within the tolerance", comparison.close);
  text += fmt::format(", {} differences, {} bytes\n", comparison.differences.size(), comparison.bytes);
  return text;
}

}  // namespace weighbridge
