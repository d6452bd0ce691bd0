#include "mapping/coverage.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>

namespace weighbridge {
namespace {

constexpr std::int64_t kMostMarks = std::int64_t{1} << 30;  // bits, of one tensor

// The target side of a map: loops by ascending stride, contiguous ones joined.
struct Image {
  std::int64_t first{}, last{}, count{};
  std::vector<Loop> loops;
  bool dense() const { return last - first + 1 == count; }
};

Image image_of(StridedMap map) {
  for (auto& loop : map.loops) {
    if (loop.target_stride < 0) {  // the same elements, forwards
      map.target_base += loop.target_stride * (loop.extent - 1);
      loop.target_stride = -loop.target_stride;
    }
    loop.source_stride = loop.target_stride;  // only the target side is of interest
  }
  simplify(map);
  std::ranges::reverse(map.loops);
  Image image{map.target_base, map.target_base, map.count(), map.loops};
  for (const auto& loop : map.loops) image.last += loop.target_stride * (loop.extent - 1);
  return image;
}

// Whether the loops alone can give one index twice: each must step beyond all that the smaller ones reach.
bool may_repeat(const Image& image) {
  std::int64_t reach = 0;
  for (const auto& loop : image.loops) {
    if (loop.target_stride <= reach) return true;
    reach += loop.target_stride * (loop.extent - 1);
  }
  return false;
}

void for_each_run(const Image& image, std::int64_t run, auto&& visit) {
  std::vector<std::int64_t> counter(image.loops.size(), 0);
  for (;;) {
    auto index = image.first;
    for (std::size_t k = 0; k < counter.size(); ++k) index += counter[k] * image.loops[k].target_stride;
    visit(index);
    std::size_t k = 0;
    for (; k < counter.size(); ++k) {
      const auto step = k == 0 && image.loops[0].target_stride == 1 ? run : 1;
      if ((counter[k] += step) < image.loops[k].extent) break;
      counter[k] = 0;
    }
    if (k == counter.size()) return;
  }
}

// The greatest length that divides every contiguous run, its start and the interval.
std::int64_t common_run(std::int64_t begin, std::int64_t end, std::span<const Image> images) {
  std::int64_t run = 0;
  for (const auto& image : images) {
    const bool contiguous = !image.loops.empty() && image.loops.front().target_stride == 1;
    run = std::gcd(run, contiguous ? image.loops.front().extent : 1);
    run = std::gcd(run, image.first - begin);
    for (std::size_t k = contiguous ? 1 : 0; k < image.loops.size(); ++k)
      run = std::gcd(run, image.loops[k].target_stride);
  }
  return std::max<std::int64_t>(std::gcd(run, end - begin), 1);
}

std::optional<CoverageFault> cover(std::int64_t count, const std::vector<StridedMap>& maps, bool holes);

// Whether [begin, end) is without fault because it falls into interleaved parts that are: the elements, or runs, with
// one remainder by a common divisor of all strides. Even and odd columns are two such parts, each of them one interval.
bool by_remainders(std::int64_t begin, std::int64_t end, std::span<const Image> images, bool holes) {
  const auto run = common_run(begin, end, images);
  std::int64_t divisor = 0;
  for (const auto& image : images)
    for (const auto& loop : image.loops)
      if (loop.target_stride >= run) divisor = std::gcd(divisor, loop.target_stride / run);
      else if (loop.target_stride == 0 || loop.extent != run) return false;  // repeats, or runs of several lengths
  if (divisor < 2) return false;
  std::map<std::int64_t, std::vector<StridedMap>> parts;
  for (const auto& image : images) {
    const auto first = (image.first - begin) / run;
    StridedMap part{0, first / divisor, {}};
    for (const auto& loop : image.loops)
      if (loop.target_stride >= run) part.loops.push_back({loop.extent, 1, loop.target_stride / run / divisor});
    parts[first % divisor].push_back(std::move(part));
  }
  const auto count = (end - begin) / run;
  if (holes && static_cast<std::int64_t>(parts.size()) < std::min(divisor, count)) return false;
  for (const auto& [remainder, maps] : parts)
    if (cover((count - remainder + divisor - 1) / divisor, maps, holes)) return false;
  return true;
}

// The elements of [begin, end) that the images leave out or give twice, by marking runs.
std::optional<CoverageFault> by_marks(std::int64_t begin, std::int64_t end, std::span<const Image> images, bool holes) {
  const auto run = common_run(begin, end, images);
  if ((end - begin) / run > kMostMarks) return CoverageFault{CoverageFault::Kind::unproven, begin};
  std::vector<bool> marks(static_cast<std::size_t>((end - begin) / run));
  std::optional<std::int64_t> twice;
  for (const auto& image : images)
    for_each_run(image, run, [&](std::int64_t index) {
      const auto at = static_cast<std::size_t>((index - begin) / run);
      if (marks[at]) twice = std::min(twice.value_or(index), index);
      marks[at] = true;
    });
  if (twice) return CoverageFault{CoverageFault::Kind::twice, *twice};
  if (!holes) return std::nullopt;
  const auto hole = std::ranges::find(marks, false);
  if (hole == marks.end()) return std::nullopt;
  return CoverageFault{CoverageFault::Kind::missing, begin + (hole - marks.begin()) * run};
}

std::optional<CoverageFault> cover(std::int64_t count, const std::vector<StridedMap>& maps, bool holes) {
  using Kind = CoverageFault::Kind;
  std::vector<Image> images;
  for (const auto& map : maps)
    if (map.count() > 0) images.push_back(image_of(map));
  std::ranges::sort(images, {}, &Image::first);
  for (const auto& image : images) {
    if (image.first < 0) return CoverageFault{Kind::outside, image.first};
    if (image.last >= count) return CoverageFault{Kind::outside, count};
  }
  std::int64_t next = 0;  // everything before it is accounted for
  for (std::size_t i = 0; i < images.size();) {
    auto last = images[i].last;
    auto j = i + 1;
    for (; j < images.size() && images[j].first <= last; ++j) last = std::max(last, images[j].last);
    if (holes && images[i].first > next) return CoverageFault{Kind::missing, next};
    const bool simple = j == i + 1 && !may_repeat(images[i]) && (!holes || images[i].dense());
    const auto overlapping = std::span{images}.subspan(i, j - i);
    if (!simple && !by_remainders(images[i].first, last + 1, overlapping, holes))
      if (const auto fault = by_marks(images[i].first, last + 1, overlapping, holes)) return fault;
    next = last + 1;
    i = j;
  }
  if (holes && next < count) return CoverageFault{Kind::missing, next};
  return std::nullopt;
}

}  // namespace

std::optional<CoverageFault> exact_cover(std::int64_t count, const std::vector<StridedMap>& maps) {
  return cover(count, maps, true);
}

std::optional<CoverageFault> at_most_once(std::int64_t count, const std::vector<StridedMap>& maps) {
  return cover(count, maps, false);
}

std::string coordinates(std::int64_t element, const Shape& shape) { return to_string(coordinates_of(element, shape)); }

}  // namespace weighbridge
