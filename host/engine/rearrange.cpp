#include "engine/rearrange.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "engine/transposition.hpp"

namespace weighbridge {
namespace {

// Side of the square blocks in which a transposition walks: a block's lines on both sides fit the first-level cache.
constexpr std::int64_t kBlock = 64;

template <std::size_t Width>
void strip(const std::byte* source, std::int64_t source_step, std::byte* target, std::int64_t target_step,
           std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) std::memcpy(target + i * target_step, source + i * source_step, Width);
}

void move_strip(std::int64_t width, const std::byte* source, std::int64_t source_step, std::byte* target,
                std::int64_t target_step, std::int64_t count) {
  if (source_step == width && target_step == width) {
    std::memcpy(target, source, static_cast<std::size_t>(count * width));
    return;
  }
  switch (width) {
    case 1: return strip<1>(source, source_step, target, target_step, count);
    case 2: return strip<2>(source, source_step, target, target_step, count);
    case 3: return strip<3>(source, source_step, target, target_step, count);
    case 4: return strip<4>(source, source_step, target, target_step, count);
    default: return strip<8>(source, source_step, target, target_step, count);
  }
}

struct Mover {
  const Nest& nest;
  const Element& element;

  // A strip: the elements of one level.
  void one(const Step& step, std::int64_t count, const std::byte* source, std::byte* target) const {
    if (element.moves_bits()) return move_strip(nest.target_width, source, step.source, target, step.target, count);
    if (step.source == nest.source_width && step.target == nest.target_width)
      return element.convert(source, target, static_cast<std::size_t>(count));
    std::array<std::byte, kBlock * 8> gathered, converted;
    for (std::int64_t begin = 0; begin < count; begin += kBlock) {
      const auto part = std::min(kBlock, count - begin);
      move_strip(nest.source_width, source + begin * step.source, step.source, gathered.data(), nest.source_width,
                 part);
      element.convert(gathered.data(), converted.data(), static_cast<std::size_t>(part));
      move_strip(nest.target_width, converted.data(), nest.target_width, target + begin * step.target, step.target,
                 part);
    }
  }

  // Two levels in blocks: `inner` runs along the target, `outer` along the source.
  void two(const Step& outer, const Step& inner, const std::byte* source, std::byte* target) const {
    for (std::int64_t j = 0; j < inner.extent; j += kBlock)
      for (std::int64_t i = 0; i < outer.extent; i += kBlock) {
        const auto rows = std::min(kBlock, outer.extent - i), columns = std::min(kBlock, inner.extent - j);
        const auto* from = source + i * outer.source + j * inner.source;
        auto* to = target + i * outer.target + j * inner.target;
        block(outer, rows, inner, columns, from, to);
      }
  }

  // One block. A plain transposition goes by squares, and element by element only along its last rows and columns.
  void block(const Step& outer, std::int64_t rows, const Step& inner, std::int64_t columns, const std::byte* source,
             std::byte* target) const {
    const auto width = nest.target_width, side = square_side(width);
    const bool plain = element.moves_bits() && outer.source == width && inner.target == width && side > 1;
    const auto square_rows = plain ? rows / side * side : 0, square_columns = columns / side * side;
    for (std::int64_t row = 0; row < square_rows; row += side) {
      for (std::int64_t column = 0; column < square_columns; column += side)
        transpose_square(width, source + row * outer.source + column * inner.source, inner.source,
                         target + row * outer.target + column * inner.target, outer.target);
      for (auto rest = row; square_columns < columns && rest < row + side; ++rest)
        one(inner, columns - square_columns, source + rest * outer.source + square_columns * inner.source,
            target + rest * outer.target + square_columns * inner.target);
    }
    for (auto row = square_rows; row < rows; ++row)
      one(inner, columns, source + row * outer.source, target + row * outer.target);
  }
};

}  // namespace

void rearrange(const Nest& nest, const Element& element, const std::byte* source, std::byte* target) {
  if (nest.empty) return;
  const Mover mover{nest, element};
  if (nest.depth == 0) return mover.one({1, nest.source_width, nest.target_width}, 1, source, target);

  // The innermost level runs along the target. If it jumps about in the source, the level that runs along the source
  // is walked together with it.
  std::array<Step, Nest::kMaxDepth> rest{};
  std::size_t depth = nest.depth - 1;
  std::copy_n(nest.levels.begin(), depth, rest.begin());
  const auto inner = nest.levels[depth];
  Step along{1, 0, 0};
  if (std::abs(inner.source) != nest.source_width && depth > 0) {
    const auto found =
        std::min_element(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(depth),
                         [](const Step& a, const Step& b) { return std::abs(a.source) < std::abs(b.source); });
    along = *found;
    std::copy(found + 1, rest.begin() + static_cast<std::ptrdiff_t>(depth), found);
    --depth;
  }

  std::array<std::int64_t, Nest::kMaxDepth> index{};
  for (;;) {
    if (along.extent == 1)
      mover.one(inner, inner.extent, source, target);
    else
      mover.two(along, inner, source, target);
    auto k = depth;
    while (k > 0) {
      const auto& step = rest[k - 1];
      source += step.source;
      target += step.target;
      if (++index[k - 1] < step.extent) break;
      source -= step.source * step.extent;
      target -= step.target * step.extent;
      index[--k] = 0;
    }
    if (k == 0) return;
  }
}

}  // namespace weighbridge
