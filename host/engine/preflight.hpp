#pragma once
// What is checked of a plan before anything is made.

#include <cstdint>
#include <vector>

#include "engine/files.hpp"
#include "engine/memory.hpp"
#include "engine/schedule.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct Checked {
  Schedule schedule;
  std::vector<std::uint64_t> carried_sizes;  // one per carried file
  std::uint64_t output_bytes{};              // of all files, carried ones included
};

// That every index is in range, output paths stay inside the destination and differ, tensors and literals tile the
// files exactly, copies fill their tensors (or leave declared padding), stay within them and within the sources as they
// are now, and their operations exist. The first fault found is the error.
Result<Checked> check_plan(const Plan& plan, Files& files, const Budget& budget);

}  // namespace weighbridge
