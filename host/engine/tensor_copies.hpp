#pragma once
// The copies of one output tensor, ready to be asked which of them reach into a window.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/element.hpp"
#include "engine/nest.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct PreparedCopy {
  Nest nest;
  Element element;
  std::uint32_t source_file{};
};

class TensorCopies {
 public:
  // An error names the tensor.
  static Result<TensorCopies> make(const OutputTensor& tensor);

  const std::vector<PreparedCopy>& all() const noexcept { return copies_; }  // by ascending lowest target byte
  // Indices [first, last) among which all copies are that reach into target bytes [begin, end); some may not.
  std::pair<std::size_t, std::size_t> reaching(std::int64_t begin, std::int64_t end) const;
  std::int64_t bytes() const noexcept { return bytes_; }  // that the copies write in total

 private:
  std::vector<PreparedCopy> copies_;
  std::vector<std::int64_t> begins_;   // lowest target byte of each
  std::vector<std::int64_t> reached_;  // highest end of any copy up to each
  std::int64_t bytes_{};
};

// Output bytes that should be assembled together so that a source byte is read only once: the target pitch of the
// part of a nest that visits the source out of order, 0 if it visits it in order. Order within a window is free.
std::int64_t scattered_pitch(const Nest& nest);

// A nest that takes `run` bytes of every `stride` of the source, in order and packed: a share of the columns of a matrix.
// The bytes between are likely somebody else's share, and it is worth reading all of them once.
struct RowCut {
  std::int64_t run{}, stride{};
};
// Nothing where the runs are so short or long, or so far apart, that other ways of reading are better.
std::optional<RowCut> row_cut(const Nest& nest);

}  // namespace weighbridge
