#include "mapping/sharding.hpp"

#include <algorithm>

namespace weighbridge {

std::optional<Cut> cut_of(const Equation& equation, std::optional<std::int64_t> rows) {
  if (equation.split == Split::none) return {};
  const auto axis = static_cast<std::size_t>(equation.split) - static_cast<std::size_t>(Split::axis_0);
  const auto& expression = equation.expression;
  if (axis >= expression.shape.size()) return {};
  if (rows && equation.vocabulary) return Cut{axis, {*rows}};
  if (expression.parts && expression.parts->axis == axis) return Cut{axis, expression.parts->extents};
  return Cut{axis, {expression.shape[axis]}};
}

bool divides(const Cut& cut, std::int64_t ranks) {
  return std::ranges::all_of(cut.parts, [ranks](auto extent) { return extent % ranks == 0; });
}

std::vector<Share> shares_of(const Shape& shape, const std::optional<Cut>& cut, std::int64_t rank, std::int64_t ranks) {
  if (!cut || (ranks == 1 && cut->parts.size() == 1)) return {{whole(shape), 0}};
  std::vector<Share> shares;
  std::int64_t part = 0, begin = 0;
  for (const auto extent : cut->parts) {
    const auto size = extent / ranks;
    auto box = whole(shape);
    box.offsets[cut->axis] = part + rank * size;
    box.sizes[cut->axis] = size;
    shares.push_back({std::move(box), begin});
    part += extent;
    begin += size;
  }
  return shares;
}

Shape shape_of_share(const Shape& shape, const std::optional<Cut>& cut, std::int64_t ranks) {
  auto share = shape;
  if (cut) share[cut->axis] /= ranks;
  return share;
}

}  // namespace weighbridge
