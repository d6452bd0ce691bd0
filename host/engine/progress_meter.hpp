#pragma once
// Counts output bytes from several threads and tells the sink now and then.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "engine/run.hpp"

namespace weighbridge {

// Thread-safe. The sink must outlive it.
class ProgressMeter {
 public:
  ProgressMeter(const ProgressSink& sink, std::uint64_t total);  // tells the beginning
  void add(std::uint64_t bytes, std::string_view tensor);        // tells if the last time is long enough ago
  void finish();                                                 // tells the end
  std::uint64_t bytes() const;

 private:
  const ProgressSink& sink_;
  std::uint64_t total_;
  mutable std::mutex mutex_;
  std::uint64_t bytes_{};
  std::chrono::steady_clock::time_point told_;
};

}  // namespace weighbridge
