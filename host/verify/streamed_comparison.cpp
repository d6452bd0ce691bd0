#include "verify/streamed_comparison.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "engine/memory.hpp"
#include "engine/preflight.hpp"
#include "engine/progress_meter.hpp"
#include "engine/schedule.hpp"
#include "engine/window_reader.hpp"
#include "engine/worker.hpp"

namespace weighbridge {
namespace {

struct Shared {
  const Plan& expected;
  const Plan& actual;
  std::span<const PlannedPair> pairs;
  const CompareOptions& options;
  const Schedule& schedule;
  Files& files;
  ProgressMeter& progress;
  std::vector<DifferingElements>& results;
  std::mutex results_mutex{};
  std::atomic<std::uint64_t> next{};
  FirstFailure failure{};

  // Whether a difference of the pair is known.
  bool settled(std::size_t pair) {
    const std::lock_guard lock{results_mutex};
    return results[pair].differing > 0;
  }
};

// One thread's buffers: a window of either side, and scratch.
struct Buffers {
  Buffer expected, actual, scratch, bounce;
};

Result<Buffers> make_buffers(const Budget& budget) {
  auto expected = Buffer::make(budget.capacity), actual = Buffer::make(budget.capacity), scratch = Buffer::make(budget.scratch),
       bounce = Buffer::make(std::max<std::size_t>(budget.bounce, 1));
  for (const auto* buffer : {&expected, &actual, &scratch, &bounce})
    if (!*buffer) return buffer->error();
  return Buffers{std::move(*expected), std::move(*actual), std::move(*scratch), std::move(*bounce)};
}

void work(Shared& shared, Buffers& buffers) {
  const auto go_on = [&shared](std::uint64_t) -> Status {
    if (!shared.options.stop.stop_requested()) return done();
    return Error{Error::Kind::cancelled, "", "", "stopped before everything was compared", "Run it again"};
  };
  WindowReader expected{shared.expected, shared.files, shared.options.tuning, go_on, buffers.bounce.bytes()};
  WindowReader actual{shared.actual, shared.files, shared.options.tuning, go_on, buffers.bounce.bytes()};
  while (!shared.failure.any()) {
    const auto number = shared.next.fetch_add(1, std::memory_order_relaxed);
    if (number >= shared.schedule.windows()) return;
    const auto window = shared.schedule.window(number);
    const auto& pair = shared.pairs[window.tensor];
    if (shared.options.first_difference && shared.settled(window.tensor)) continue;
    auto filled = expected.fill(pair.expected, window.begin, window.end, buffers.expected.bytes(), buffers.scratch.bytes());
    if (filled) filled = actual.fill(pair.actual, window.begin, window.end, buffers.actual.bytes(), buffers.scratch.bytes());
    if (!filled) return shared.failure.set(std::move(filled).error());

    const auto size = window.end - window.begin;
    const auto& tensor = shared.expected.tensors[pair.expected];
    const auto* left = buffers.expected.bytes().data();
    const auto* right = buffers.actual.bytes().data();
    if (std::memcmp(left, right, static_cast<std::size_t>(size)) != 0) {
      const auto width = bits(tensor.dtype);
      const auto part = differing_elements(tensor.dtype, left, right, window.begin * 8 / width, size * 8 / width, shared.options.tolerance);
      const std::lock_guard lock{shared.results_mutex};
      merge(shared.results[window.tensor], part);
    }
    shared.progress.add(static_cast<std::uint64_t>(size), tensor.name);
  }
}

// The budget of a worker whose window buffer is shared by two sides.
Budget halved(Budget budget) {
  budget.capacity = std::max<std::size_t>(budget.capacity / 2, 8);  // an element of any type
  budget.window = std::min(budget.window, budget.capacity);
  return budget;
}

Result<std::int64_t> pitch_of(const OutputTensor& tensor) {
  const auto copies = TensorCopies::make(tensor);
  if (!copies) return copies.error();
  std::int64_t pitch = 0;
  for (const auto& copy : copies->all()) pitch = std::max(pitch, scattered_pitch(copy.nest));
  return pitch;
}

Status run_threads(Shared& shared, std::vector<Buffers>& buffers) {
  {
    std::vector<std::jthread> threads;
    threads.reserve(buffers.size());
    try {
      for (std::size_t i = 1; i < buffers.size(); ++i)
        threads.emplace_back([&shared, &own = buffers[i]] { work(shared, own); });
    } catch (const std::system_error& error) {
      shared.failure.set({Error::Kind::io, "", "--threads",
                          fmt::format("the system gives no more threads: {}", error.code().message()), "Use fewer with --threads"});
    }
    work(shared, buffers.front());
  }
  if (auto failure = shared.failure.get()) return std::move(*failure);
  return done();
}

}  // namespace

Result<std::vector<DifferingElements>> streamed_comparison(const Plan& expected, const Plan& actual,
                                                           std::span<const PlannedPair> pairs, const CompareOptions& options) {
  RunOptions limits;
  limits.threads = options.threads;
  limits.max_memory = options.max_memory;
  limits.tuning = options.tuning;
  const auto shared_out = share_out(limits, resident_now());
  if (!shared_out) return shared_out.error();
  const auto budget = halved(*shared_out);
  auto& files = real_files();
  for (const auto* plan : {&expected, &actual})
    if (const auto checked = check_plan(*plan, files, budget); !checked) return checked.error();

  Schedule schedule;
  std::uint64_t total = 0;
  for (const auto& pair : pairs) {
    const auto& tensor = expected.tensors[pair.expected];
    const auto one = pitch_of(tensor), other = pitch_of(actual.tensors[pair.actual]);
    if (!one || !other) return one ? other.error() : one.error();
    schedule.add(tensor, std::max(*one, *other), budget);
    total += tensor.bytes;
  }
  std::vector<DifferingElements> results(pairs.size());
  ProgressMeter progress{options.progress, total};
  Shared shared{expected, actual, pairs, options, schedule, files, progress, results};
  std::vector<Buffers> buffers;
  for (unsigned i = 0; i < budget.threads; ++i) {
    auto made = make_buffers(budget);
    if (!made) return made.error();
    buffers.push_back(std::move(*made));
  }
  if (auto run = run_threads(shared, buffers); !run) return run.error();
  progress.finish();
  return results;
}

}  // namespace weighbridge
