#include "formats/tiling.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include <fmt/format.h>

namespace weighbridge {
namespace {

// Comparisons that one tensor may cost: a grid of millions of boxes stays far below.
constexpr std::size_t kMostWork = 100'000'000;

std::string text(const Box& box) {
  return fmt::format("offset {} size {}", to_string(box.offsets), to_string(box.sizes));
}

// Looks for two boxes that share an element. Cuts the boxes into groups that no box crosses, axis after axis; what
// cannot be cut any more is compared pair by pair.
class OverlapSearch {
 public:
  OverlapSearch(std::span<const Box> boxes, std::vector<std::size_t> order, std::size_t axes)
      : boxes_{boxes}, order_{std::move(order)}, axes_{axes} {}

  std::optional<std::string> run() {
    open_.push_back({0, order_.size(), 0, 0});
    while (!open_.empty()) {
      const auto group = open_.back();
      open_.pop_back();
      if (group.end - group.begin < 2) continue;
      const bool solid = group.uncut == axes_;
      work_ += (group.end - group.begin) * (solid ? group.end - group.begin : 8);
      if (work_ > kMostWork) return "the boxes are arranged too irregularly to be checked";
      if (!solid)
        cut(group);
      else if (auto fault = compare(group))
        return fault;
    }
    return std::nullopt;
  }

 private:
  // order_[begin, end); `uncut` axes in a row, up to the one before `axis`, are known not to cut it.
  struct Group {
    std::size_t begin, end, axis, uncut;
  };

  void cut(const Group& group) {
    const auto axis = group.axis;
    std::sort(order_.begin() + static_cast<std::ptrdiff_t>(group.begin),
              order_.begin() + static_cast<std::ptrdiff_t>(group.end),
              [&](auto a, auto b) { return boxes_[a].offsets[axis] < boxes_[b].offsets[axis]; });
    auto begin = group.begin;
    std::int64_t reach = 0;
    for (auto i = group.begin; i < group.end; ++i) {
      const auto& box = boxes_[order_[i]];
      if (i > begin && box.offsets[axis] >= reach) {
        open_.push_back({begin, i, (axis + 1) % axes_, 1});
        begin = i;
      }
      reach = std::max(reach, box.offsets[axis] + box.sizes[axis]);
    }
    open_.push_back({begin, group.end, (axis + 1) % axes_, begin == group.begin ? group.uncut + 1 : 1});
  }

  std::optional<std::string> compare(const Group& group) const {
    for (auto i = group.begin; i < group.end; ++i)
      for (auto j = i + 1; j < group.end; ++j) {
        const auto &a = boxes_[order_[i]], &b = boxes_[order_[j]];
        if (share_element(a, b)) return fmt::format("the parts at {} and at {} overlap", text(a), text(b));
      }
    return std::nullopt;
  }

  static bool share_element(const Box& a, const Box& b) {
    for (std::size_t axis = 0; axis < a.offsets.size(); ++axis)
      if (a.offsets[axis] >= b.offsets[axis] + b.sizes[axis] || b.offsets[axis] >= a.offsets[axis] + a.sizes[axis])
        return false;
    return true;
  }

  std::span<const Box> boxes_;
  std::vector<std::size_t> order_;
  std::size_t axes_;
  std::vector<Group> open_;
  std::size_t work_{};
};

bool in_bounds(const Shape& shape, const Box& box) {
  if (box.offsets.size() != shape.size() || box.sizes.size() != shape.size()) return false;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    if (box.offsets[axis] < 0 || box.sizes[axis] < 0 || box.offsets[axis] > shape[axis] ||
        box.sizes[axis] > shape[axis] - box.offsets[axis])
      return false;
  return true;
}

}  // namespace

std::optional<std::string> tiling_fault(const Shape& shape, std::span<const Box> boxes) {
  const auto total = element_count(shape);
  if (!total) return fmt::format("the shape {} has no number of elements below 2^63", to_string(shape));
  std::vector<std::size_t> filled;
  std::int64_t covered = 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (!in_bounds(shape, boxes[i]))
      return fmt::format("the part at {} does not lie in the shape {}", text(boxes[i]), to_string(shape));
    const auto elements = *element_count(boxes[i].sizes);  // no more than the shape has
    if (elements == 0) continue;
    filled.push_back(i);
    const auto sum = checked_add(covered, elements);
    if (!sum) return "the parts hold more elements than can be counted";
    covered = *sum;
  }
  if (auto overlap = OverlapSearch{boxes, std::move(filled), shape.size()}.run()) return overlap;
  if (covered != *total)
    return fmt::format("its parts cover {} of {} elements of the shape {}", covered, *total, to_string(shape));
  return std::nullopt;
}

}  // namespace weighbridge
