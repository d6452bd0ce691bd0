#include "inspection/known_sizes.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace weighbridge {
namespace {

// "1.7B" is 1.7e9, "270M" 2.7e8, "30B-A3B" 3e10.
std::optional<double> size_of(std::string_view word) {
  double number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || end == word.data() + word.size() || !(number > 0)) return {};
  const std::string_view rest{end, static_cast<std::size_t>(word.data() + word.size() - end)};
  const double unit = rest[0] == 'B' ? 1e9 : rest[0] == 'M' ? 1e6 : rest[0] == 'T' ? 1e12 : 0;
  const bool whole = rest.size() == 1 || rest[1] == '-';
  return unit > 0 && whole ? std::optional{number * unit} : std::nullopt;
}

struct Known {
  std::string name;
  double size{};
};

// "Some 3.2 1B, 3B" is Some 3.2 1B and Some 3.2 3B.
void add_known(std::string_view variant, std::vector<Known>& known) {
  std::string series;
  bool sized = false;
  while (!variant.empty()) {
    const auto end = variant.find_first_of(" ,");
    const auto word = variant.substr(0, end);
    if (const auto size = size_of(word)) {
      known.push_back({series.empty() ? std::string{word} : series + " " + std::string{word}, *size});
      sized = true;
    } else if (!word.empty()) {
      if (sized) series.clear();
      sized = false;
      series += (series.empty() ? "" : " ") + std::string{word};
    }
    if (end == variant.npos) break;
    variant.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> models_of_size(const std::vector<Variant>& variants, std::string_view architecture, std::int64_t parameters) {
  std::vector<Known> known;
  for (const auto& variant : variants) {
    if (variant.parameters.empty()) add_known(variant.name, known);
    else if (variant.architecture == architecture) known.push_back({variant.name, parameter_count(variant.parameters)});
  }
  const auto distance = [&](const Known& model) {
    return std::abs(std::log(static_cast<double>(parameters) / model.size));
  };
  double least = std::log(1.25);
  std::vector<std::string> names;
  if (parameters <= 0) return names;
  for (const auto& model : known) least = std::min(least, distance(model));
  for (const auto& model : known)
    if (distance(model) <= least + 1e-12 && distance(model) < std::log(1.25)) names.push_back(model.name);
  return names;
}

}  // namespace weighbridge
