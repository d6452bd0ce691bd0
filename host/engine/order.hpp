#pragma once
// In which order windows are made, and which of them one worker makes together. What lands where does not depend on it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/schedule.hpp"
#include "mapping/plan.hpp"

namespace weighbridge {

// The output's own order, but where several tensors take turns in the rows of one source tensor (shares of tensor-parallel
// ranks that are cut along columns): there the windows of the same rows are one group, so that the rows are read once.
// A group is never empty. Nothing is stored per window.
class Order {
 public:
  static Order of(const Plan& plan, const Schedule& schedule);

  std::uint64_t groups() const noexcept { return stretches_.empty() ? 0 : stretches_.back().first + stretches_.back().count; }
  // The numbers of the windows in a group, in the order in which they are to be made.
  void group(std::uint64_t number, std::vector<std::uint64_t>& windows) const;

 private:
  // Groups that follow one another: each begins with one more window of every sibling.
  struct Stretch {
    std::uint64_t first{};                // number of the first group
    std::uint64_t count{};                // of groups
    std::vector<std::uint64_t> siblings;  // the first window of each
  };
  std::vector<Stretch> stretches_;
};

}  // namespace weighbridge
