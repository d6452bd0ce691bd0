#include "engine/tensor_copies.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

namespace weighbridge {

Result<TensorCopies> TensorCopies::make(const OutputTensor& tensor) {
  TensorCopies made;
  made.copies_.reserve(tensor.copies.size());
  const auto dtype = tensor.encoding ? DType::f32 : tensor.dtype;  // of what the copies write
  for (const auto& copy : tensor.copies) {
    auto nest = nest_of(copy, dtype);
    auto element = Element::make(copy.operation, copy.constant, copy.source_dtype, dtype);
    if (!nest || !element) {
      auto error = nest ? element.error() : nest.error();
      error.subject = tensor.name;
      return error;
    }
    if (nest->empty) continue;
    if (nest->target % nest->target_width != 0)
      return Error{Error::Kind::mismatch, "", tensor.name,
                   fmt::format("a copy starts inside an element, at byte {}", nest->target),
                   "The plan is faulty; please report this with the command that you ran"};
    made.copies_.push_back({*nest, *element, copy.source_file});
  }
  std::stable_sort(made.copies_.begin(), made.copies_.end(),
                   [](const PreparedCopy& a, const PreparedCopy& b) { return a.nest.target < b.nest.target; });
  for (const auto& copy : made.copies_) {
    const auto range = bounds(copy.nest);
    made.begins_.push_back(range.target_begin);
    made.reached_.push_back(std::max(made.reached_.empty() ? 0 : made.reached_.back(), range.target_end));
    made.bytes_ += elements(copy.nest) * copy.nest.target_width;
  }
  return made;
}

std::pair<std::size_t, std::size_t> TensorCopies::reaching(std::int64_t begin, std::int64_t end) const {
  const auto first = std::upper_bound(reached_.begin(), reached_.end(), begin) - reached_.begin();
  const auto last = std::lower_bound(begins_.begin(), begins_.end(), end) - begins_.begin();
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(std::max(first, last))};
}

std::int64_t scattered_pitch(const Nest& nest) {
  // Bytes of the source that the levels from k on reach over, of the target likewise.
  std::array<std::int64_t, Nest::kMaxDepth + 1> source{}, target{};
  source[nest.depth] = nest.source_width;
  target[nest.depth] = nest.target_width;
  for (auto k = nest.depth; k-- > 0;) {
    const auto& step = nest.levels[k];
    source[k] = source[k + 1] + std::abs(step.source) * (step.extent - 1);
    target[k] = target[k + 1] + step.target * (step.extent - 1);
  }
  // Outer levels that finish with one part of the source before they begin the next are no reason to keep together.
  for (std::size_t k = 0; k < nest.depth; ++k)
    if (std::abs(nest.levels[k].source) < source[k + 1]) return k == 0 ? target[0] : nest.levels[k - 1].target;
  return 0;
}

std::optional<RowCut> row_cut(const Nest& nest) {
  constexpr std::int64_t kShortest = 512, kLongest = 256 << 10, kFurthest = 64;  // bytes, bytes, strides in a run
  if (nest.empty || nest.source_width != nest.target_width) return std::nullopt;
  auto outer = nest.depth;
  auto run = nest.source_width;
  if (outer > 0 && nest.levels[outer - 1].source == run && nest.levels[outer - 1].target == run) run *= nest.levels[--outer].extent;
  if (outer == 0 || run < kShortest || run >= kLongest) return std::nullopt;
  const RowCut cut{run, nest.levels[outer - 1].source};
  if (cut.stride <= run || cut.stride / run > kFurthest || nest.levels[outer - 1].target != run) return std::nullopt;
  for (auto k = outer - 1; k-- > 0;)
    if (nest.levels[k].source < nest.levels[k + 1].source * nest.levels[k + 1].extent) return std::nullopt;
  return cut;
}

}  // namespace weighbridge
