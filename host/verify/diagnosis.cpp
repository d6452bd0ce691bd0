#include "verify/diagnosis.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "engine/open_files.hpp"
#include "engine/window_reader.hpp"
#include "verify/paired_plans.hpp"
#include "verify/row_order.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kMostOfOneKind = 3, kMostInAll = 64;
constexpr std::int64_t kLargestInMemory = 16 << 20;  // bytes of a tensor whose rows are looked through
constexpr std::size_t kScratch = 1 << 20;

struct NarrowType {
  const char* name;
  int digits;  // of mantissa
};
constexpr NarrowType kNarrowTypes[] = {{"FP8 E5M2", 2}, {"FP8 E4M3", 3}, {"BF16", 7}, {"FP16", 10}, {"FP32", 23}};

// Rounding moves a value by at most half of its last digit.
std::string cause_by_rounding(const DifferingElements& found) {
  const auto& signs = found.signs;
  const bool actual = signs.actual_digits < signs.expected_digits;
  const auto digits = std::min(signs.actual_digits, signs.expected_digits);
  if (found.not_numbers > 0 || signs.actual_digits == signs.expected_digits) return {};
  for (const auto& type : kNarrowTypes)
    if (digits <= type.digits)
      return found.max_relative_difference.value_or(1) <= std::ldexp(1.0, -type.digits - 1)
                 ? fmt::format("{} is rounded to {}", actual ? "it" : "what is expected", type.name)
                 : std::string{};
  return {};
}

// Where within the tensor differences lie: " in rows 3 to 7"; empty if all over it.
std::string range_of(const DifferingElements& found, const Shape& shape) {
  if (shape.empty() || found.differing == 0) return {};
  const auto row = std::max<std::int64_t>(element_count(shape).value_or(0) / std::max<std::int64_t>(shape[0], 1), 1);
  const auto first = found.first / row, last = found.last / row;
  if (first == 0 && last == shape[0] - 1) return {};
  return first == last ? fmt::format(" in row {}", first) : fmt::format(" in rows {} to {}", first, last);
}

// Which misfits are looked at: few of each kind.
std::vector<std::size_t> chosen(const EquationSet& set, const std::vector<Misfit>& misfits) {
  std::map<std::string, std::size_t> of_kind;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < misfits.size() && numbers.size() < kMostInAll; ++i)
    if (of_kind[place_of(set.equations[misfits[i].equation]).kind]++ < kMostOfOneKind) numbers.push_back(i);
  return numbers;
}

Result<std::vector<std::byte>> read_whole(const Plan& plan, std::size_t tensor) {
  const Tuning tuning;
  WindowReader reader{plan, real_files(), tuning, [](std::uint64_t) { return done(); }};
  std::vector<std::byte> bytes(plan.tensors[tensor].bytes), scratch(kScratch);
  if (auto status = reader.fill(tensor, 0, static_cast<std::int64_t>(bytes.size()), bytes, scratch); !status) return status.error();
  return bytes;
}

}  // namespace

std::string cause_by_signs(const DifferingElements& found, DType dtype, const Shape& shape) {
  if (found.differing == 0) return {};
  const auto& signs = found.signs;
  const auto where = range_of(found, shape);
  if (signs.bytes_swapped == found.differing) return fmt::format("the bytes of each element are in the other order{}", where);
  if (found.not_numbers > 0)
    return fmt::format("{} elements are no number{}: a computation or a disk has broken them", found.not_numbers, where);
  if (signs.numbers != found.differing) return {};
  if (signs.zeroed == signs.numbers) return fmt::format("elements are 0{}: they were never written, or cut off", where);
  if (found.differing > 1 && signs.least == signs.largest)
    return fmt::format("elements are all {:.6g}{}: they were filled, not converted", signs.least, where);
  if (signs.negated == signs.numbers) return fmt::format("the sign is turned round{}", where);
  if (auto cause = cause_by_rounding(found); !cause.empty()) return cause;
  if (signs.one_bit == signs.numbers && found.differing <= 8)
    return fmt::format("a single bit is flipped in {} of its elements{}: broken memory or disk", found.differing, where);
  const bool all = found.differing > 1 && signs.factors;
  const auto step = std::ldexp(1.0, dtype == DType::bf16 ? -6 : dtype == DType::f16 ? -9 : -20);
  if (all && std::isfinite(signs.largest_factor) && std::abs(signs.largest_factor - signs.least_factor) <= step * std::abs(signs.largest_factor))
    return fmt::format("elements are {:.6g} times what they should be{}", (signs.least_factor + signs.largest_factor) / 2, where);
  if (found.differing > 1 && std::abs(signs.largest_sum - signs.least_sum) <= step * std::abs(signs.largest_sum))
    return fmt::format("{:.6g} was added to each element{}", (signs.least_sum + signs.largest_sum) / 2, where);
  if (!where.empty()) return fmt::format("only elements{} differ: a part was overwritten or is of another checkpoint", where);
  return {};
}

Result<std::vector<std::string>> diagnose(const EquationSet& set, const HeadGeometry& heads, const std::vector<bool>& excluded, const Plan& expected,
                                          const LeafTensors& leaves, const std::vector<std::filesystem::path>& actual,
                                          const std::vector<Misfit>& misfits, const CompareOptions& options) {
  std::vector<std::string> causes(misfits.size());
  for (std::size_t i = 0; i < misfits.size(); ++i)
    if (misfits[i].found) causes[i] = cause_by_signs(*misfits[i].found, misfits[i].dtype, misfits[i].stored.shape);

  const Suspects suspects{set, heads, excluded};
  PairedPlans plans{expected, leaves, actual};
  std::vector<std::pair<std::size_t, std::string>> tried;  // by pair: the misfit, and the words that are true if it is none
  for (const auto number : chosen(set, misfits)) {
    const auto& misfit = misfits[number];
    for (auto& suspect : suspects.of(misfit.equation, misfit.stored.shape))
      if (plans.add(suspect.expression, misfit.stored, misfit.dtype)) tried.emplace_back(number, std::move(suspect.words));
  }
  auto quick = options;
  quick.first_difference = true;
  quick.progress = {};
  const auto found = plans.compare(quick);
  if (!found) return found.error();
  std::vector<bool> told(misfits.size());
  for (std::size_t pair = 0; pair < tried.size(); ++pair) {
    const auto number = tried[pair].first;
    if ((*found)[pair].beyond > 0 || told[number]) continue;
    causes[number] = tried[pair].second;
    told[number] = true;
  }

  PairedPlans whole{expected, leaves, actual};
  for (const auto number : chosen(set, misfits)) {
    const auto& misfit = misfits[number];
    const auto& shape = misfit.stored.shape;
    const auto bytes = byte_count(shape, misfit.dtype).value_or(0);
    const auto largest = std::min(kLargestInMemory, static_cast<std::int64_t>(options.max_memory / 16));
    if (told[number] || !misfit.found || shape.empty() || bytes == 0 || bytes > largest) continue;
    const auto last = whole.size();
    if (!whole.add(set.equations[misfit.equation].expression, misfit.stored, misfit.dtype)) continue;
    const auto one = read_whole(whole.expected(), last), other = read_whole(whole.actual(), last);
    if (!one || !other) return one ? other.error() : one.error();
    if (auto cause = cause_by_order(*one, *other, shape[0], element_count(shape).value_or(0) / shape[0], static_cast<std::size_t>(bits(misfit.dtype)) / 8);
        !cause.empty())
      causes[number] = std::move(cause);
  }
  return causes;
}

}  // namespace weighbridge
