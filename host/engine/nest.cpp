#include "engine/nest.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tensor/shape.hpp"

namespace weighbridge {
namespace {

// No stride, extent or offset of a real file comes near; products of two are checked.
constexpr std::int64_t kLargest = std::int64_t{1} << 60;

bool reasonable(std::int64_t value) { return value >= -kLargest && value <= kLargest; }

Error faulty(std::string problem) {
  return {Error::Kind::mismatch, "", "", std::move(problem),
          "The plan is faulty; please report this with the command that you ran"};
}

// How elements of types narrower than a byte are grouped: `count` of them fill `bytes` whole bytes.
struct Group {
  std::int64_t count{1};
  std::int64_t bytes{1};
};
Group group_of(DType dtype) {
  switch (bits(dtype)) {
    case 4: return {2, 1};
    case 6: return {4, 3};
    default: return {1, bits(dtype) / 8};
  }
}

// Replaces elements by groups of them. The level that runs along both sides must hold whole groups, all others must
// step over whole groups.
bool regroup(Nest& nest, std::int64_t count) {
  if (count == 1) return true;
  bool runs = false;
  for (std::size_t k = 0; k < nest.depth; ++k) {
    auto& step = nest.levels[k];
    if (step.source == 1 && step.target == 1 && step.extent % count == 0 && !runs) {
      step.extent /= count;
      runs = true;
    } else if (step.source % count == 0 && step.target % count == 0) {
      step.source /= count;
      step.target /= count;
    } else {
      return false;
    }
  }
  return runs;
}

// Walks the levels of one nest down to the window.
struct Clipper {
  const Nest& nest;
  std::int64_t begin, end;
  const std::function<void(const Nest&)>& visit;
  std::array<std::int64_t, Nest::kMaxDepth + 1> span{};  // bytes from the first to the end of the last, inner levels

  void emit(std::size_t level, std::int64_t extent, std::int64_t source, std::int64_t target) const {
    Nest part{};
    part.source = source;
    part.target = target;
    part.source_width = nest.source_width;
    part.target_width = nest.target_width;
    for (auto k = level; k < nest.depth; ++k) part.levels[part.depth++] = nest.levels[k];
    if (part.depth > 0) part.levels[0].extent = extent;
    simplify(part);
    visit(part);
  }

  void descend(std::size_t level, std::int64_t source, std::int64_t target) const {
    if (target >= end || target + span[level] <= begin) return;
    if (target >= begin && target + span[level] <= end)
      return emit(level, level < nest.depth ? nest.levels[level].extent : 0, source, target);
    if (level == nest.depth) return;
    const auto& step = nest.levels[level];
    const auto inner = span[level + 1];
    const auto last = step.extent - 1;
    // Indices that reach into the window at all, and among them those that lie in it as a whole.
    const auto at_least = [&](std::int64_t byte) {
      return byte <= target ? 0 : (byte - target + step.target - 1) / step.target;
    };
    const auto first_touching = at_least(begin - inner + 1);
    const auto last_touching = std::min(last, (end - 1 - target) / step.target);
    const auto first_inside = std::min(at_least(begin), last_touching + 1);
    const auto last_inside = end - inner < target ? -1 : std::min(last, (end - inner - target) / step.target);
    for (auto i = first_touching; i < first_inside; ++i)
      descend(level + 1, source + i * step.source, target + i * step.target);
    if (first_inside <= last_inside)
      emit(level, last_inside - first_inside + 1, source + first_inside * step.source,
           target + first_inside * step.target);
    for (auto i = std::max(first_inside, last_inside + 1); i <= last_touching; ++i)
      descend(level + 1, source + i * step.source, target + i * step.target);
  }
};

}  // namespace

Bounds bounds(const Nest& nest) {
  Bounds all{nest.source, nest.source, nest.target, nest.target};
  if (nest.empty) return all;
  for (const auto& step : nest.steps()) {
    (step.source < 0 ? all.source_begin : all.source_end) += step.source * (step.extent - 1);
    all.target_end += step.target * (step.extent - 1);
  }
  all.source_end += nest.source_width;
  all.target_end += nest.target_width;
  return all;
}

std::int64_t elements(const Nest& nest) {
  std::int64_t count = nest.empty ? 0 : 1;
  for (const auto& step : nest.steps()) count *= step.extent;
  return count;
}

Nest over_elements_of(Nest nest, std::int64_t width) {
  const auto scaled = [&](std::int64_t bytes) { return bytes / nest.source_width * width; };
  for (std::size_t k = 0; k < nest.depth; ++k) nest.levels[k].source = scaled(nest.levels[k].source);
  nest.source = scaled(nest.source);
  nest.source_width = width;
  return nest;
}

void simplify(Nest& nest) {
  std::size_t kept = 0;
  for (std::size_t k = 0; k < nest.depth; ++k)
    if (nest.levels[k].extent != 1) nest.levels[kept++] = nest.levels[k];
  std::stable_sort(nest.levels.begin(), nest.levels.begin() + static_cast<std::ptrdiff_t>(kept),
                   [](const Step& a, const Step& b) { return a.target > b.target; });
  nest.depth = 0;
  for (std::size_t k = 0; k < kept; ++k) {
    const auto step = nest.levels[k];
    if (nest.depth > 0) {
      auto& outer = nest.levels[nest.depth - 1];
      if (outer.source == step.source * step.extent && outer.target == step.target * step.extent) {
        outer = {outer.extent * step.extent, step.source, step.target};
        continue;
      }
    }
    nest.levels[nest.depth++] = step;
  }
}

Result<Nest> nest_of(const Copy& copy, DType target_dtype) {
  const auto source_group = group_of(copy.source_dtype), target_group = group_of(target_dtype);
  if (copy.operation == ElementOperation::none && bits(copy.source_dtype) != bits(target_dtype))
    return faulty(fmt::format("a copy moves {} bits into elements of {} bits without a cast", bits(copy.source_dtype),
                              bits(target_dtype)));
  if (copy.source_offset > std::uint64_t{kLargest} || copy.target_offset > std::uint64_t{kLargest})
    return faulty("an offset of a copy is larger than any file");

  Nest nest{};
  for (const auto& loop : copy.loops) {
    if (loop.extent < 0 || !reasonable(loop.extent) || !reasonable(loop.source_stride) ||
        !reasonable(loop.target_stride))
      return faulty(fmt::format("a loop of {} elements with strides {} and {} is outside all bounds", loop.extent,
                                loop.source_stride, loop.target_stride));
    if (loop.extent == 0) nest.empty = true;
  }
  if (nest.empty) return nest;

  // In elements first, with every target step made positive. `moved` is where the lowest target lies.
  std::optional<std::int64_t> moved_source = 0, moved_target = 0, count = 1;
  std::optional<std::int64_t> source_reach = 0, target_reach = 0;  // of all levels together
  for (auto loop : copy.loops) {
    if (loop.extent == 1) continue;
    if (loop.target_stride == 0) return faulty(fmt::format("a copy writes each of its elements {} times", loop.extent));
    if (nest.depth == Nest::kMaxDepth)
      return faulty(fmt::format("a copy has more than {} nested loops", Nest::kMaxDepth));
    const auto source_far = checked_multiply(loop.extent - 1, loop.source_stride);
    const auto target_far = checked_multiply(loop.extent - 1, loop.target_stride);
    if (!source_far || !target_far || !reasonable(*source_far) || !reasonable(*target_far))
      return faulty("a loop of a copy spans more than any file");
    source_reach = checked_add(*source_reach, std::abs(*source_far));
    target_reach = checked_add(*target_reach, std::abs(*target_far));
    count = checked_multiply(*count, loop.extent);
    if (!source_reach || !target_reach || !count || !reasonable(*source_reach) || !reasonable(*target_reach) ||
        !reasonable(*count))
      return faulty("the loops of a copy span more than any file");
    if (loop.target_stride < 0) {
      *moved_source += *source_far;
      *moved_target += *target_far;
      loop.source_stride = -loop.source_stride;
      loop.target_stride = -loop.target_stride;
    }
    nest.levels[nest.depth++] = {loop.extent, loop.source_stride, loop.target_stride};
  }
  simplify(nest);
  if (!regroup(nest, source_group.count) || *moved_source % source_group.count != 0 ||
      *moved_target % target_group.count != 0)
    return faulty(fmt::format("a copy of {} elements cuts bytes apart", to_string(target_dtype)));

  nest.source_width = source_group.bytes;
  nest.target_width = target_group.bytes;
  const auto too_far = [](std::int64_t reach, std::int64_t width) { return reach > kLargest / 2 / width; };
  if (too_far(*source_reach, nest.source_width) || too_far(*target_reach, nest.target_width))
    return faulty("the loops of a copy span more than any file");
  nest.source = static_cast<std::int64_t>(copy.source_offset) + *moved_source / source_group.count * nest.source_width;
  nest.target = static_cast<std::int64_t>(copy.target_offset) + *moved_target / target_group.count * nest.target_width;
  for (std::size_t k = 0; k < nest.depth; ++k) {
    nest.levels[k].source *= nest.source_width;
    nest.levels[k].target *= nest.target_width;
  }
  simplify(nest);
  return nest;
}

void clip(const Nest& nest, std::int64_t begin, std::int64_t end, const std::function<void(const Nest&)>& visit) {
  if (nest.empty) return;
  Clipper clipper{nest, begin, end, visit};
  clipper.span[nest.depth] = nest.target_width;
  for (auto k = nest.depth; k-- > 0;)
    clipper.span[k] = clipper.span[k + 1] + nest.levels[k].target * (nest.levels[k].extent - 1);
  clipper.descend(0, nest.source, nest.target);
}

}  // namespace weighbridge
