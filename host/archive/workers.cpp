#include "archive/workers.hpp"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "engine/memory.hpp"
#include "engine/stopped.hpp"
#include "engine/worker.hpp"

namespace weighbridge {

Result<unsigned> fitting_workers(const RunOptions& options, std::uint64_t memory) {
  const auto taken = resident_now() + kMemoryReserve;
  if (options.max_memory < taken + memory)
    return Error{Error::Kind::usage, "", "--max-memory",
                 fmt::format("{} bytes of memory do not do: the program and its lists take {} and one worker {}",
                             options.max_memory, taken, memory),
                 fmt::format("Allow at least {} MiB", ((taken + memory) >> 20) + 2)};
  return static_cast<unsigned>(std::min<std::uint64_t>((options.max_memory - taken) / memory, wanted_threads(options)));
}

Status work_off(std::uint64_t count, unsigned threads, const std::stop_token& stop,
                const std::function<Status(unsigned thread, std::uint64_t item)>& work) {
  std::atomic<std::uint64_t> next{0};
  FirstFailure failure;
  const auto take = [&](unsigned thread) {
    while (!failure.any() && !stop.stop_requested()) {
      const auto item = next.fetch_add(1, std::memory_order_relaxed);
      if (item >= count) return;
      if (auto status = work(thread, item); !status) failure.set(std::move(status).error());
    }
  };
  {
    std::vector<std::jthread> others;
    others.reserve(threads);
    try {
      for (unsigned i = 1; i < threads; ++i) others.emplace_back([&take, i] { take(i); });
    } catch (const std::system_error& error) {
      failure.set({Error::Kind::io, "", "--threads",
                   fmt::format("the system gives no more threads: {}", error.code().message()),
                   "Use fewer with --threads"});
    }
    take(0);
  }
  if (auto error = failure.get()) return *std::move(error);
  if (stop.stop_requested()) return stopped_error();
  return done();
}

}  // namespace weighbridge
