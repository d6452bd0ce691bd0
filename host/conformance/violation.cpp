#include "conformance/violation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <tuple>

#include "tensor/shape.hpp"

namespace weighbridge {
namespace {

bool is_number(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "L=0", "L=1", "L=2" are "L=0..2"; anything else is listed, at most eight.
std::string places(const std::vector<std::string>& where) {
  std::vector<std::int64_t> numbers;
  for (const auto& place : where)
    if (place.starts_with("L=") && is_number(std::string_view{place}.substr(2)) && place.size() < 9)
      numbers.push_back(std::stoll(place.substr(2)));
  if (numbers.size() == where.size() && numbers.size() > 1 &&
      numbers.back() - numbers.front() == static_cast<std::int64_t>(numbers.size()) - 1)
    return fmt::format("L={}..{}", numbers.front(), numbers.back());
  constexpr std::size_t kShown = 8;
  if (where.size() <= kShown) return fmt::format("{}", fmt::join(where, "; "));
  return fmt::format("{}; {} more", fmt::join(where.begin(), where.begin() + kShown, "; "), where.size() - kShown);
}

struct Range {
  std::int64_t first{}, last{};
};

std::vector<Range> joined(const std::vector<std::int64_t>& sorted) {
  std::vector<Range> ranges;
  for (const auto number : sorted) {
    if (!ranges.empty() && ranges.back().last + 1 >= number)
      ranges.back().last = number;
    else
      ranges.push_back({number, number});
  }
  return ranges;
}

std::string listed(const std::vector<Range>& ranges, auto&& name) {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> words;
  for (const auto& range : ranges) {
    if (words.size() == kShown) break;
    words.push_back(range.first == range.last ? name(range.first)
                                              : fmt::format("{}..{}", name(range.first), name(range.last)));
  }
  auto all = fmt::format("{}", fmt::join(words, ", "));
  if (ranges.size() > kShown) all += fmt::format(" and {} more ranges", ranges.size() - kShown);
  return all;
}

}  // namespace

FoldedName folded(std::string_view name) {
  FoldedName result;
  bool layer = false, expert = false;
  const auto put = [&](bool of_experts, std::string_view number) {
    const bool as_expert = of_experts && !expert;
    if (!as_expert && layer) {
      result.name += number;
      return;
    }
    (as_expert ? expert : layer) = true;
    result.name += as_expert ? "{E}" : "{L}";
    result.where += fmt::format("{}{}={}", result.where.empty() ? "" : ", ", as_expert ? 'E' : 'L', number);
  };
  while (true) {
    const auto dot = name.find('.');
    const auto word = name.substr(0, dot);
    const bool of_experts = result.name.ends_with("experts.");
    const bool grouped = result.name.find(".experts.") != std::string::npos && dot == name.npos;
    const auto digits = word.find_last_not_of("0123456789") + 1;
    if (is_number(word))
      put(of_experts, word);
    else if (grouped && digits < word.size() && word.starts_with("weight")) {
      result.name += word.substr(0, digits);
      put(true, word.substr(digits));
    } else
      result.name += word;
    if (dot == name.npos) break;
    result.name += '.';
    name.remove_prefix(dot + 1);
  }
  return result;
}

std::vector<Violation> gathered(std::vector<Violation> violations) {
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string>;
  std::map<Key, std::size_t> at;
  std::vector<Violation> result;
  for (auto& violation : violations) {
    const auto [found, fresh] = at.try_emplace(
        {violation.rule, violation.family, violation.subject, violation.problem, violation.remedy}, result.size());
    if (fresh) {
      result.push_back(std::move(violation));
      continue;
    }
    auto& where = result[found->second].where;
    for (auto& place : violation.where)
      if (std::ranges::find(where, place) == where.end()) where.push_back(std::move(place));
  }
  std::ranges::stable_sort(result, {}, [](const Violation& v) { return rule(v.rule).severity; });
  return result;
}

std::string text(const Violation& violation) {
  const auto& broken = rule(violation.rule);
  auto line = fmt::format("{} [{}]", broken.severity == Severity::error ? "error" : "warning", violation.rule);
  if (!violation.family.empty()) line += " family " + violation.family;
  line += fmt::format(": {}: {}. ", violation.subject, violation.problem);
  line += violation.remedy.empty() ? std::string{broken.remedy} : violation.remedy;
  if (!line.ends_with('?')) line += '.';
  std::vector<std::string> context;
  if (!violation.where.empty()) context.push_back(places(violation.where));
  if (!violation.check.empty()) context.push_back("check " + violation.check);
  if (!context.empty()) line += fmt::format(" ({})", fmt::join(context, "; "));
  return line;
}

std::string ranges_of(const std::vector<std::int64_t>& elements, const std::vector<std::int64_t>& shape) {
  auto sorted = elements;
  std::ranges::sort(sorted);
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  const auto total = element_count(shape).value_or(0);
  if (static_cast<std::int64_t>(sorted.size()) == total) return "all elements";
  const auto width = shape.empty() ? 1 : total / shape[0];
  const auto ranges = joined(sorted);
  const bool whole_rows = shape.size() < 2 || std::ranges::all_of(ranges, [&](const Range& range) {
                            return range.first % width == 0 && (range.last + 1) % width == 0;
                          });
  if (whole_rows) {
    std::vector<std::int64_t> rows;
    for (const auto element : sorted)
      if (rows.empty() || rows.back() != element / width) rows.push_back(element / width);
    return (rows.size() == 1 ? "row " : "rows ") +
           listed(joined(rows), [](std::int64_t row) { return std::to_string(row); });
  }
  // The same columns of every row?
  std::vector<std::int64_t> columns;
  const auto last = shape.back();
  for (const auto element : sorted) columns.push_back(element % last);
  std::ranges::sort(columns);
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  if (static_cast<std::int64_t>(columns.size()) * (total / last) == static_cast<std::int64_t>(sorted.size()))
    return (columns.size() == 1 ? "column " : "columns ") +
           listed(joined(columns), [](std::int64_t column) { return std::to_string(column); });
  return (sorted.size() == 1 ? "element " : "elements ") +
         listed(ranges, [&](std::int64_t element) { return to_string(coordinates_of(element, shape)); });
}

}  // namespace weighbridge
