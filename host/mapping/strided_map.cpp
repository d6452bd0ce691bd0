#include "mapping/strided_map.hpp"

#include <algorithm>
#include <numeric>

namespace weighbridge {
namespace {

std::int64_t span(const Loop& loop) { return loop.target_stride * (loop.extent - 1); }

// `map` with loop `index` cut down to steps [begin, begin + extent); a single step leaves no loop.
StridedMap part_of(const StridedMap& map, std::size_t index, std::int64_t begin, std::int64_t extent) {
  auto part = map;
  auto& loop = part.loops[index];
  part.source_base += begin * loop.source_stride;
  part.target_base += begin * loop.target_stride;
  loop.extent = extent;
  if (extent == 1) part.loops.erase(part.loops.begin() + static_cast<std::ptrdiff_t>(index));
  return part;
}

// `map` with loop `index` as two: `inner` steps within each of extent / inner outer ones.
StridedMap nested(const StridedMap& map, std::size_t index, std::int64_t inner) {
  auto whole = map;
  const auto loop = whole.loops[index];
  whole.loops[index].extent = inner;
  whole.loops.push_back({loop.extent / inner, loop.source_stride * inner, loop.target_stride * inner});
  return whole;
}

// The loop that makes the target run over a multiple of `block`: the one of smallest stride for which it and all
// smaller ones no longer stay inside one block. `below` is the span of those smaller ones. Nothing if none does.
std::optional<std::size_t> crossing(const StridedMap& map, std::int64_t block, std::int64_t& below) {
  std::vector<std::size_t> inner;
  for (std::size_t i = 0; i < map.loops.size(); ++i)
    if (map.loops[i].target_stride % block != 0) inner.push_back(i);
  std::ranges::sort(inner, {}, [&](std::size_t i) { return map.loops[i].target_stride; });
  below = 0;
  for (const auto i : inner) {
    if (map.target_base % block + below + span(map.loops[i]) >= block) return i;
    below += span(map.loops[i]);
  }
  return std::nullopt;
}

// Cuts maps until in each of them every loop either steps over whole blocks or stays inside one.
bool split_at(std::vector<StridedMap>& maps, std::int64_t block) {
  std::vector<StridedMap> ready;
  while (!maps.empty()) {
    const auto map = std::move(maps.back());
    maps.pop_back();
    std::int64_t below = 0;
    const auto index = crossing(map, block, below);
    if (!index) {
      ready.push_back(map);
      continue;
    }
    if (ready.size() + maps.size() > kMaxPieces) return false;
    const auto [extent, source_stride, stride] = map.loops[*index];
    const auto within = map.target_base % block;
    const auto period = block / std::gcd(stride, block);  // steps after which the position in a block recurs
    const bool fits = stride < block && block % stride == 0 && within + below < stride;  // a period fills one block
    const auto until_carry = stride < block ? (block - 1 - below - within) / stride + 1 : 1;
    if (extent > period && (fits || stride >= block || block % stride != 0)) {
      maps.push_back(nested(part_of(map, *index, 0, extent - extent % period), *index, period));
      if (extent % period) maps.push_back(part_of(map, *index, extent - extent % period, extent % period));
    } else {
      maps.push_back(part_of(map, *index, 0, std::min(until_carry, extent)));
      if (extent > until_carry) maps.push_back(part_of(map, *index, until_carry, extent - until_carry));
    }
  }
  maps = std::move(ready);
  return true;
}

// A map whose every loop moves along one axis of the target, and no others.
struct AxisLoop {
  Loop loop;
  std::size_t axis{};
  std::int64_t step{};  // coordinates
};

struct AxisMap {
  std::int64_t source_base{};
  Shape origin;  // target coordinates at which all loops start
  std::vector<AxisLoop> loops;
};

AxisMap along_axes(const StridedMap& map, const Shape& row_major) {
  AxisMap result{map.source_base, {}, {}};
  auto rest = map.target_base;
  for (const auto block : row_major) {
    result.origin.push_back(rest / block);
    rest %= block;
  }
  for (const auto& loop : map.loops) {
    std::size_t axis = 0;
    while (axis + 1 < row_major.size() && row_major[axis] > loop.target_stride) ++axis;
    result.loops.push_back({loop, axis, loop.target_stride / row_major[axis]});
  }
  return result;
}

// The parts of `map` with begin <= coordinate < end along `axis`, appended to `kept`.
void clip(const AxisMap& map, std::size_t axis, std::int64_t begin, std::int64_t end, std::vector<AxisMap>& kept) {
  std::optional<std::size_t> widest;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < map.loops.size(); ++i) {
    if (map.loops[i].axis != axis) continue;
    total += map.loops[i].step * (map.loops[i].loop.extent - 1);
    if (!widest || map.loops[i].step > map.loops[*widest].step) widest = i;
  }
  const auto low = map.origin[axis], high = low + total;
  if (high < begin || low >= end) return;
  if (low >= begin && high < end) {
    kept.push_back(map);
    return;
  }
  // Neither wholly in nor wholly out, so there is a loop to cut.
  const auto [loop, unused, step] = map.loops[*widest];
  const auto inner = total - step * (loop.extent - 1);
  const auto cut = [&, loop = loop, step = step](std::int64_t first, std::int64_t extent) {
    auto part = map;
    part.source_base += first * loop.source_stride;
    part.origin[axis] += first * step;
    part.loops[*widest].loop.extent = extent;
    if (extent == 1) part.loops.erase(part.loops.begin() + static_cast<std::ptrdiff_t>(*widest));
    return part;
  };
  const auto ceiling = [step = step](std::int64_t value) { return value <= 0 ? 0 : (value + step - 1) / step; };
  const auto first_inside = std::min(ceiling(begin - low), loop.extent);
  const auto last = end - 1 - inner - low;  // of the steps that are wholly inside
  const auto after_inside = std::clamp<std::int64_t>(last < 0 ? 0 : last / step + 1, first_inside, loop.extent);
  const auto first_touching = std::min(ceiling(begin - low - inner), first_inside);
  for (auto k = first_touching; k < first_inside; ++k) clip(cut(k, 1), axis, begin, end, kept);
  if (after_inside > first_inside) kept.push_back(cut(first_inside, after_inside - first_inside));
  for (auto k = after_inside; k < loop.extent && low + k * step < end; ++k) clip(cut(k, 1), axis, begin, end, kept);
}

}  // namespace

std::int64_t StridedMap::count() const {
  std::int64_t elements = 1;
  for (const auto& loop : loops) elements *= loop.extent;
  return elements;
}

StridedMap StridedMap::inverse() const {
  StridedMap swapped{target_base, source_base, {}};
  for (const auto& loop : loops) swapped.loops.push_back({loop.extent, loop.target_stride, loop.source_stride});
  return swapped;
}

StridedMap identity_map(std::int64_t count) {
  StridedMap map;
  if (count != 1) map.loops.push_back({count, 1, 1});
  return map;
}

std::optional<std::vector<StridedMap>> place_target(const StridedMap& map, const Shape& shape, const Box& box,
                                                    const Shape& strides, std::int64_t base) {
  std::vector<StridedMap> placed;
  if (map.count() == 0) return placed;
  const auto row_major = row_major_strides(shape);
  if (box == whole(shape) && strides == row_major) {  // nothing moves but the base
    placed.push_back(map);
    placed.back().target_base += base;
    return placed;
  }
  std::vector<StridedMap> maps{map};
  std::erase_if(maps.front().loops, [](const Loop& loop) { return loop.extent == 1; });
  for (const auto block : row_major)
    if (block > 1 && !split_at(maps, block)) return std::nullopt;
  std::vector<AxisMap> current, next;
  for (const auto& piece : maps) current.push_back(along_axes(piece, row_major));
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    next.clear();
    for (const auto& piece : current)
      clip(piece, axis, box.offsets[axis], box.offsets[axis] + box.sizes[axis], next);
    if (next.size() > kMaxPieces) return std::nullopt;
    current.swap(next);
  }
  for (const auto& piece : current) {
    StridedMap result{piece.source_base, base, {}};
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      result.target_base += (piece.origin[axis] - box.offsets[axis]) * strides[axis];
    for (const auto& [loop, axis, step] : piece.loops)
      result.loops.push_back({loop.extent, loop.source_stride, step * strides[axis]});
    simplify(result);
    placed.push_back(std::move(result));
  }
  return placed;
}

void simplify(StridedMap& map) {
  auto& loops = map.loops;
  std::erase_if(loops, [](const Loop& loop) { return loop.extent == 1; });
  std::ranges::sort(loops, [](const Loop& a, const Loop& b) {
    return a.target_stride != b.target_stride ? a.target_stride > b.target_stride : a.extent > b.extent;
  });
  for (std::size_t i = 1; i < loops.size();) {
    auto& outer = loops[i - 1];
    const auto& inner = loops[i];
    if (outer.source_stride == inner.source_stride * inner.extent &&
        outer.target_stride == inner.target_stride * inner.extent) {
      outer = {outer.extent * inner.extent, inner.source_stride, inner.target_stride};
      loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

}  // namespace weighbridge
