#pragma once
// How the output tensors are cut into windows, numbered in output order. Nothing is stored per window.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/memory.hpp"
#include "engine/tensor_copies.hpp"
#include "mapping/plan.hpp"

namespace weighbridge {

struct Window {
  std::size_t tensor{};  // index into Plan::tensors
  std::int64_t begin{};  // bytes of the tensor
  std::int64_t end{};
};

class Schedule {
 public:
  // Tensors are added in the plan's order. `pitch` is what scattered_pitch says of their copies, the largest; `cut` what row_cut
  // says of a tensor of one copy.
  void add(const OutputTensor& tensor, std::int64_t pitch, const Budget& budget, const std::optional<RowCut>& cut = {});

  std::uint64_t windows() const noexcept { return cuts_.empty() ? 0 : cuts_.back().first + cuts_.back().count; }
  Window window(std::uint64_t number) const;
  // The numbers [first, last) of a tensor's windows.
  std::pair<std::uint64_t, std::uint64_t> of_tensor(std::size_t tensor) const;

 private:
  struct Cut {
    std::uint64_t first{};  // number of the tensor's first window
    std::uint64_t count{};
    std::int64_t lead{};   // bytes before the first window of that size, in a window of their own; 0: none
    std::int64_t size{};   // of all others but the last
    std::int64_t bytes{};  // of the tensor
  };
  std::vector<Cut> cuts_;  // one per tensor
};

}  // namespace weighbridge
