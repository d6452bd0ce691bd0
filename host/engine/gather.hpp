#pragma once
// Brings the elements of a nest from a source file into a window: decides what is read in one piece.

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/element.hpp"
#include "engine/nest.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Where the bytes come from.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual Status read(std::uint64_t offset, std::span<std::byte> into) = 0;  // all of `into`, or an error
  // Whether it is good at reading short runs of a range one after another, in order, when it knows where the range ends.
  virtual bool keeps_blocks() const { return false; }
  virtual Status read_near(std::uint64_t offset, std::span<std::byte> into, std::uint64_t /*end*/) { return read(offset, into); }
};

// Thresholds in bytes; see Tuning.
struct ReadLimits {
  std::int64_t run{};
  std::int64_t gap{};
};

// Puts the elements of `nest` (canonical) at window[their target - window_begin]. Source runs that are long, or lie far
// apart, are read in place; everything else is read in tiles: parts of the nest, taken in the order of the source,
// whose source bytes fit `scratch`, from which the elements are picked. A source byte is read once unless levels of the
// nest revisit it further apart than scratch reaches. Scratch must hold an element. One thread per scratch.
Status gather(const Nest& nest, const Element& element, ByteSource& source, ReadLimits limits,
              std::span<std::byte> scratch, std::byte* window, std::int64_t window_begin);

}  // namespace weighbridge
