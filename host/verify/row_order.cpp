#include "verify/row_order.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace weighbridge {
namespace {

std::vector<std::size_t> row_hashes(std::span<const std::byte> bytes, std::size_t rows) {
  const auto size = bytes.size() / rows;
  std::vector<std::size_t> hashes;
  for (std::size_t row = 0; row < rows; ++row)
    hashes.push_back(std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()) + row * size, size}));
  return hashes;
}

std::vector<std::size_t> column_hashes(std::span<const std::byte> bytes, std::size_t columns, std::size_t element) {
  std::vector<std::size_t> hashes(columns);
  for (std::size_t at = 0; at + element <= bytes.size(); at += element) {
    auto& hash = hashes[at / element % columns];
    hash = hash * 1099511628211U ^ std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()) + at, element});
  }
  return hashes;
}

std::string described(const std::vector<std::size_t>& expected, const std::vector<std::size_t>& actual, std::string_view line) {
  if (expected == actual || !std::ranges::is_permutation(expected, actual)) return {};
  const auto count = expected.size();
  for (std::size_t by = 1; by < count; ++by) {
    bool moved = true;
    for (std::size_t i = 0; i < count && moved; ++i) moved = actual[(i + by) % count] == expected[i];
    if (!moved) continue;
    return by <= count / 2 ? fmt::format("the {}s are moved down by {}", line, by) : fmt::format("the {}s are moved up by {}", line, count - by);
  }
  std::size_t first = 0;
  while (expected[first] == actual[first]) ++first;
  const auto whose = std::ranges::find(expected, actual[first]) - expected.begin();
  return fmt::format("the {0}s are in another order: {0} {1} is what {0} {2} should be", line, first, whose);
}

}  // namespace

std::string cause_by_order(std::span<const std::byte> expected, std::span<const std::byte> actual, std::int64_t rows, std::int64_t columns, std::size_t element) {
  if (rows < 1 || columns < 1 || expected.size() != actual.size()) return {};
  const auto r = static_cast<std::size_t>(rows), c = static_cast<std::size_t>(columns);
  if (auto cause = described(row_hashes(expected, r), row_hashes(actual, r), columns == 1 ? "element" : "row"); !cause.empty()) return cause;
  return columns == 1 ? std::string{} : described(column_hashes(expected, c, element), column_hashes(actual, c, element), "column");
}

}  // namespace weighbridge
