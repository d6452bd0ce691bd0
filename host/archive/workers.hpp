#pragma once
// Threads that take numbered items off one list.

#include <cstdint>
#include <functional>
#include <stop_token>

#include "engine/run.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// How many workers that take `memory` bytes each fit what options.max_memory leaves, as many as options.threads say at
// most. An error, naming the budget that would do, if not even one does.
Result<unsigned> fitting_workers(const RunOptions& options, std::uint64_t memory);

// Calls `work` for every item 0 … count - 1 from `threads` threads, each calling with its own number. Items are taken in
// ascending order, and whatever is taken is called. Ends early with the first error, or when it is stopped.
Status work_off(std::uint64_t count, unsigned threads, const std::stop_token& stop,
                const std::function<Status(unsigned thread, std::uint64_t item)>& work);

}  // namespace weighbridge
