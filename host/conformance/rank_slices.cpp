#include "conformance/rank_slices.hpp"

#include <fmt/format.h>

#include "conformance/equation_rules.hpp"
#include "verify/element_value.hpp"

namespace weighbridge {
namespace {

// The coordinate in the whole parameter of coordinate `at` of a rank's share, along the axis of the split.
std::int64_t outwards(std::int64_t at, const std::vector<std::int64_t>& parts, std::int64_t rank, std::int64_t ranks) {
  std::int64_t begin = 0;
  for (const auto part : parts) {
    const auto share = part / ranks;
    if (at < share) return begin + rank * share + at;
    at -= share;
    begin += part;
  }
  return begin;
}

}  // namespace

ExpectedElement expected_value(const Traced& traced, const Shape& at, const SyntheticModel& model,
                               const Tracer& tracer) {
  std::int64_t index = 0;
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    if (at[axis] >= traced.shape[axis]) return {};
    index = index * traced.shape[axis] + at[axis];
  }
  const auto& element = traced.elements[static_cast<std::size_t>(index)];
  if (element.tensor < 0) return {element.addend, {}};
  const auto& tensor = tracer.tensors()[static_cast<std::size_t>(element.tensor)];
  const auto* made = model.find(tensor.name);
  if (made == nullptr) return {0, tensor.name};
  return {model.value_of(*made, element.index) + element.addend,
          tensor.name + to_string(coordinates_of(element.index, tensor.shape))};
}

bool compare_rank_slices(const Recording& stated, Tracer& tracer, const SyntheticModel& model,
                         const MegatronCheckpoint& checkpoint, StoredValues& values, std::int64_t ranks,
                         std::int64_t& elements, std::vector<Violation>& violations) {
  bool good = true;
  for (const auto number : traceable(stated)) {
    const auto& equation = stated.set.equations[number];
    const auto& traced = tracer.of(stated.roots[number]);
    for (std::int64_t rank = 0; rank < ranks; ++rank) {
      const auto found =
          checkpoint.catalogue.tensors.find(fmt::format("mp_rank_{:02}/model.{}", rank, equation.live_name()));
      if (found == checkpoint.catalogue.tensors.end())
        continue;  // a part of a fused tensor; assembled, it was compared already
      const auto axis = static_cast<std::size_t>(equation.split) - static_cast<std::size_t>(Split::axis_0);
      const bool cut = equation.split != Split::none && axis < traced.shape.size();
      auto parts = cut && !traced.parts.empty() && traced.axis == axis && !equation.vocabulary
                       ? traced.parts
                       : std::vector<std::int64_t>{};
      if (cut && parts.empty()) parts.push_back(found->second.shape[axis] * ranks);
      std::string wrong;
      const auto status = values.each(found->second, [&](const Shape& at, std::uint64_t bits) {
        ++elements;
        auto whole = at;
        if (cut) whole[axis] = outwards(at[axis], parts, rank, ranks);
        const auto expected = expected_value(traced, whole, model, tracer);
        const auto value = real_value(found->second.dtype, bits);
        const bool exact = expected.value == 0 || exact_bits(expected.value, found->second.dtype).has_value();
        if (wrong.empty() && exact && value != expected.value)
          wrong = fmt::format("element {} of rank {} should be {} ({}) and is {}", to_string(at), rank, expected.value,
                              expected.origin, value.value_or(0));
      });
      if (!status) wrong = status.error().text();
      if (wrong.empty()) continue;
      good = false;
      const auto fold = folded(equation.live_name());
      violations.push_back(
          {"value", {}, {}, "equation of " + fold.name, wrong, {}, {fold.where.empty() ? "--tp" : fold.where}});
    }
  }
  return good;
}

}  // namespace weighbridge
