#pragma once
// One thread's part of a run: takes windows, fills them from the sources, writes them.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/direct_io.hpp"
#include "engine/files.hpp"
#include "engine/memory.hpp"
#include "engine/order.hpp"
#include "engine/progress_meter.hpp"
#include "engine/run.hpp"
#include "engine/schedule.hpp"
#include "engine/window_reader.hpp"

namespace weighbridge {

class Team;
class DurableProgress;

// The first error of several threads; it is what the user is told.
class FirstFailure {
 public:
  void set(Error error);  // kept if it is the first
  bool any() const noexcept { return any_.load(std::memory_order_relaxed); }
  std::optional<Error> get() const;

 private:
  mutable std::mutex mutex_;
  std::optional<Error> error_;
  std::atomic<bool> any_{};
};

// What the workers of one run share. Everything but the atomics, the failure and the checksums is read only.
struct Job {
  const Plan& plan;
  const Schedule& schedule;
  const std::filesystem::path& folder;  // where the output files are
  const RunOptions& options;
  Files& files;
  ProgressMeter& progress;
  const std::vector<bool>& checksummed;   // per tensor: whether its checksum is wanted
  std::vector<std::uint32_t>& checksums;  // per window; each is written by the worker that fills the window
  const Order& order;
  std::uint64_t last{};                   // groups of the order before this number are this process's
  std::atomic<std::uint64_t> next{};      // number of the group to be taken next
  DurableProgress* durable{};       // null: nothing is kept of a run that ends early
  const std::vector<bool>* done{};  // per window: an earlier run has written it; null: none
  std::atomic<std::uint64_t> bytes_read{};
  FirstFailure failure{};

  bool stopped() const { return failure.any() || options.stop.stop_requested(); }
};

class Worker {
 public:
  static Result<Worker> make(Job& job, const Budget& budget);  // maps its buffers

  const Buffer& buffer() const noexcept { return buffer_; }  // free until work() begins
  const EncodingTotals& encoding_totals() const { return reader_.encoding_totals(); }
  // Takes groups of windows until there is none left or the job is stopped. `team` is looked at between them, by one worker.
  void work(Team* team = nullptr);

 private:
  Worker(Job& job, const Budget& budget, Buffer buffer);
  std::span<std::byte> window_room(const Window& window) const;
  Status make(std::uint64_t number);

  Job* job_;
  Buffer buffer_;         // bounce and block of direct reads, room for a window and up to a page before it, scratch
  std::size_t front_;     // of bounce and block
  std::size_t capacity_;
  WindowReader reader_;
  DirectWriter outputs_;
};

}  // namespace weighbridge
