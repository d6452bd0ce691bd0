#include "engine/schedule.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/block_encoder.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {
namespace {

constexpr auto kPageBytes = static_cast<std::int64_t>(kPage);

// The largest multiple of `unit` up to `limit`, but at least one unit.
std::int64_t rounded_down(std::int64_t limit, std::int64_t unit) {
  return std::max(limit / unit, std::int64_t{1}) * unit;
}

}  // namespace

void Schedule::add(const OutputTensor& tensor, std::int64_t pitch, const Budget& budget, const std::optional<RowCut>& row_cut) {
  if (tensor.encoding) {  // whole strips of blocks, with room for the values of one behind the window
    const auto shape = encoded_shape(*tensor.encoding);
    const auto room = static_cast<std::int64_t>(budget.capacity) - shape.strip_values * static_cast<std::int64_t>(sizeof(float)) - 8;
    const auto size = rounded_down(std::min(static_cast<std::int64_t>(budget.window), room), shape.strip_bytes);
    Cut cut{windows(), 0, 0, size, static_cast<std::int64_t>(tensor.bytes)};
    cut.count = static_cast<std::uint64_t>((cut.bytes + size - 1) / size);
    cuts_.push_back(cut);
    return;
  }
  if (row_cut && pitch == 0 && row_cut->stride <= static_cast<std::int64_t>(budget.block / 2)) {
    // Whole rows, as many as a block holds, so that tensors that share them are cut at the same ones.
    const auto rows = (static_cast<std::int64_t>(budget.block) - 2 * kPageBytes) / row_cut->stride;
    const auto size = std::min(rounded_down(static_cast<std::int64_t>(budget.window), row_cut->run), rows * row_cut->run);
    Cut cut{windows(), 0, 0, size, static_cast<std::int64_t>(tensor.bytes)};
    cut.count = static_cast<std::uint64_t>((cut.bytes + size - 1) / size);
    cuts_.push_back(cut);
    return;
  }
  const auto width = std::lcm(bits(tensor.dtype), 8) / 8;  // bytes that no window may cut
  const auto capacity = static_cast<std::int64_t>(budget.capacity);
  auto size = static_cast<std::int64_t>(budget.window);
  if (pitch > capacity) {
    size = capacity;  // sources are read more than once, in as few passes as possible
  } else if (pitch > 0) {
    size = rounded_down(std::max(size, pitch), pitch);
  }
  const auto whole = std::lcm(kPageBytes, std::int64_t{width});
  const bool pitched = pitch > 0 && pitch <= capacity && pitch % width == 0;
  size = pitched ? size : rounded_down(size, size >= whole ? whole : width);
  Cut cut{windows(), 0, 0, size, static_cast<std::int64_t>(tensor.bytes)};
  // Windows of whole pages of the file can be written around the page cache.
  const auto ahead = (kPageBytes - static_cast<std::int64_t>(tensor.offset % kPage)) % kPageBytes;
  if (!pitched && size % kPageBytes == 0 && cut.bytes > size && ahead % width == 0) cut.lead = ahead;
  cut.count = static_cast<std::uint64_t>((cut.bytes - cut.lead + size - 1) / size) + (cut.lead > 0 ? 1 : 0);
  cuts_.push_back(cut);
}

Window Schedule::window(std::uint64_t number) const {
  // The last tensor whose first window is not after it; tensors without bytes have none and share the number.
  const auto after = std::upper_bound(cuts_.begin(), cuts_.end(), number,
                                      [](std::uint64_t wanted, const Cut& cut) { return wanted < cut.first; });
  const auto& cut = *(after - 1);
  const auto tensor = static_cast<std::size_t>(after - cuts_.begin()) - 1;
  auto place = static_cast<std::int64_t>(number - cut.first);
  if (cut.lead > 0 && place-- == 0) return {tensor, 0, cut.lead};
  const auto begin = cut.lead + place * cut.size;
  return {tensor, begin, std::min(begin + cut.size, cut.bytes)};
}

std::pair<std::uint64_t, std::uint64_t> Schedule::of_tensor(std::size_t tensor) const {
  return {cuts_[tensor].first, cuts_[tensor].first + cuts_[tensor].count};
}

}  // namespace weighbridge
