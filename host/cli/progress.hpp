#pragma once
// Progress of a run for people: one redrawn line on a terminal, a plain line now and then elsewhere.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/console.hpp"
#include "engine/run.hpp"

namespace weighbridge {

struct ProgressState {
  std::uint64_t bytes_done{}, bytes_total{};
  double bytes_per_second{};  // 0: not known yet
  std::string_view tensor;
};

// " 42% [########            ] 6.72 GB of 16.1 GB, 1.05 GB/s, 8.93 s left, decoder.layers.3…": at most `columns`
// columns; the tensor's name is cut in its middle, and what does not fit at all is left out from the right.
std::string progress_line(const ProgressState& state, unsigned columns);
// The same without a bar and without a limit: " 42%, 6.72 GB of 16.1 GB, …".
std::string plain_progress_line(const ProgressState& state);

// Prints progress as it is told. Not for two threads at a time (the engine calls a sink from one at a time).
class ProgressPrinter {
 public:
  using Clock = std::chrono::steady_clock;

  // `console` outlives it. `now` is for tests.
  explicit ProgressPrinter(Console& console, std::function<Clock::time_point()> now = Clock::now);
  ~ProgressPrinter();  // leaves an empty line on a terminal
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  void operator()(const Progress& progress);

 private:
  void measure(const Progress& progress, Clock::time_point now);
  bool plain_line_is_due(const Progress& progress, Clock::time_point now) const;

  Console& console_;
  std::function<Clock::time_point()> now_;
  Clock::time_point start_, measured_at_, printed_at_;
  std::uint64_t measured_bytes_{}, printed_bytes_{};
  double rate_{};
  bool drawn_{};
};

}  // namespace weighbridge
