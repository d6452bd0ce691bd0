#include "engine/gather.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <optional>

#include "engine/rearrange.hpp"
#include "engine/tensor_copies.hpp"

namespace weighbridge {
namespace {

// Counts through the indices of up to kMaxDepth levels, innermost fastest. `chunk` of a level are taken at a time.
class Odometer {
 public:
  void level(std::int64_t extent, std::int64_t chunk) {
    extent_[depth_] = extent;
    chunk_[depth_++] = chunk;
  }
  std::int64_t begin(std::size_t k) const { return index_[k]; }
  std::int64_t size(std::size_t k) const { return std::min(chunk_[k], extent_[k] - index_[k]); }
  bool next() {
    for (auto k = depth_; k-- > 0;) {
      index_[k] += chunk_[k];
      if (index_[k] < extent_[k]) return true;
      index_[k] = 0;
    }
    return false;
  }

 private:
  std::array<std::int64_t, Nest::kMaxDepth> extent_{}, chunk_{}, index_{};
  std::size_t depth_{};
};

// The nest's levels in the order of the source, and how a tile of them lies in scratch. Levels from `dense` on are read
// as one range, gaps and all, and keep their steps in scratch; those before are read one by one and packed.
struct Tiling {
  std::array<Step, Nest::kMaxDepth> steps{};
  std::array<std::int64_t, Nest::kMaxDepth> packed{};  // bytes in scratch from one index to the next, not negative
  std::array<std::int64_t, Nest::kMaxDepth> chunk{};   // indices in one tile
  std::size_t depth{};
  std::size_t dense{};
};

Tiling tiling_of(const Nest& nest, std::int64_t gap, std::int64_t scratch) {
  Tiling tiling;
  tiling.depth = nest.depth;
  std::copy_n(nest.levels.begin(), nest.depth, tiling.steps.begin());
  std::stable_sort(tiling.steps.begin(), tiling.steps.begin() + static_cast<std::ptrdiff_t>(nest.depth),
                   [](const Step& a, const Step& b) { return std::abs(a.source) > std::abs(b.source); });
  std::int64_t real = nest.source_width;    // bytes in the source that the inner levels reach over
  std::int64_t packed = nest.source_width;  // bytes in scratch that a tile's inner levels take
  bool gapless = true, full = false;
  for (auto k = nest.depth; k-- > 0;) {
    const auto& step = tiling.steps[k];
    const auto stride = std::abs(step.source);
    if (gapless && stride - real > gap) {
      gapless = false;
      tiling.dense = k + 1;
    }
    tiling.packed[k] = gapless ? stride : packed;
    // As many indices as scratch holds; once a level did not fit as a whole, the outer ones go one by one.
    std::int64_t fitting = 1;
    if (!full)
      fitting = tiling.packed[k] == 0 ? step.extent : std::min(step.extent, (scratch - packed) / tiling.packed[k] + 1);
    tiling.chunk[k] = fitting;
    full = full || fitting < step.extent;
    packed += tiling.packed[k] * (fitting - 1);
    real += stride * (step.extent - 1);
  }
  return tiling;
}

// Lowest source byte, relative to index 0 of every level, of a tile's part of one level.
std::int64_t lowest(const Step& step, std::int64_t begin, std::int64_t size) {
  return step.source * (step.source < 0 ? begin + size - 1 : begin);
}

Status read_tile(const Nest& nest, const Tiling& tiling, const Odometer& tile, ByteSource& source,
                 std::span<std::byte> scratch) {
  auto base = nest.source;
  std::int64_t length = nest.source_width;
  Odometer pieces;
  for (std::size_t k = 0; k < tiling.depth; ++k) {
    base += lowest(tiling.steps[k], tile.begin(k), tile.size(k));
    if (k >= tiling.dense)
      length += tiling.packed[k] * (tile.size(k) - 1);
    else
      pieces.level(tile.size(k), 1);
  }
  do {
    auto from = base;
    std::int64_t to = 0;
    for (std::size_t k = 0; k < tiling.dense; ++k) {
      from += std::abs(tiling.steps[k].source) * pieces.begin(k);
      to += tiling.packed[k] * pieces.begin(k);
    }
    const auto into = scratch.subspan(static_cast<std::size_t>(to), static_cast<std::size_t>(length));
    if (auto read = source.read(static_cast<std::uint64_t>(from), into); !read) return read;
  } while (pieces.next());
  return done();
}

// What a tile looks like from scratch: the same elements, with steps and start in scratch.
Nest tile_in_scratch(const Nest& nest, const Tiling& tiling, const Odometer& tile) {
  Nest part{};
  part.source_width = nest.source_width;
  part.target_width = nest.target_width;
  part.target = nest.target;
  part.depth = tiling.depth;
  for (std::size_t k = 0; k < tiling.depth; ++k) {
    const bool backwards = tiling.steps[k].source < 0;
    part.target += tiling.steps[k].target * tile.begin(k);
    part.source += backwards ? tiling.packed[k] * (tile.size(k) - 1) : 0;
    part.levels[k] = {tile.size(k), backwards ? -tiling.packed[k] : tiling.packed[k], tiling.steps[k].target};
  }
  simplify(part);
  return part;
}

// Reads every run of the innermost level straight into the window; with `near_end`, which is where the last one ends, in blocks.
Status gather_runs(const Nest& nest, std::size_t outer, std::int64_t run, ByteSource& source, std::byte* window,
                   std::int64_t window_begin, std::optional<std::uint64_t> near_end) {
  Odometer runs;
  for (std::size_t k = 0; k < outer; ++k) runs.level(nest.levels[k].extent, 1);
  do {
    auto from = nest.source, to = nest.target - window_begin;
    for (std::size_t k = 0; k < outer; ++k) {
      from += nest.levels[k].source * runs.begin(k);
      to += nest.levels[k].target * runs.begin(k);
    }
    const std::span<std::byte> into{window + to, static_cast<std::size_t>(run)};
    const auto offset = static_cast<std::uint64_t>(from);
    if (auto read = near_end ? source.read_near(offset, into, *near_end) : source.read(offset, into); !read) return read;
  } while (runs.next());
  return done();
}

}  // namespace

Status gather(const Nest& nest, const Element& element, ByteSource& source, ReadLimits limits,
              std::span<std::byte> scratch, std::byte* window, std::int64_t window_begin) {
  assert(scratch.size() >= static_cast<std::size_t>(nest.source_width));
  if (nest.empty) return done();
  if (element.moves_bits()) {
    auto outer = nest.depth;
    auto run = nest.source_width;
    if (outer > 0 && nest.levels[outer - 1].source == run && nest.levels[outer - 1].target == run)
      run *= nest.levels[--outer].extent;
    if (source.keeps_blocks() && row_cut(nest))
      return gather_runs(nest, outer, run, source, window, window_begin, static_cast<std::uint64_t>(bounds(nest).source_end));
    const bool apart = std::all_of(nest.levels.begin(), nest.levels.begin() + static_cast<std::ptrdiff_t>(outer),
                                   [&](const Step& step) { return std::abs(step.source) - run > limits.gap; });
    if (run >= limits.run || apart) return gather_runs(nest, outer, run, source, window, window_begin, {});
  }

  const auto tiling = tiling_of(nest, limits.gap, static_cast<std::int64_t>(scratch.size()));
  Odometer tile;
  for (std::size_t k = 0; k < tiling.depth; ++k) tile.level(tiling.steps[k].extent, tiling.chunk[k]);
  do {
    if (auto read = read_tile(nest, tiling, tile, source, scratch); !read) return read;
    const auto part = tile_in_scratch(nest, tiling, tile);
    rearrange(part, element, scratch.data() + part.source, window + (part.target - window_begin));
  } while (tile.next());
  return done();
}

}  // namespace weighbridge
