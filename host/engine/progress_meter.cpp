#include "engine/progress_meter.hpp"

namespace weighbridge {
namespace {

constexpr std::chrono::milliseconds kPause{100};

}  // namespace

ProgressMeter::ProgressMeter(const ProgressSink& sink, std::uint64_t total)
    : sink_{sink}, total_{total}, told_{std::chrono::steady_clock::now()} {
  if (sink_) sink_({0, total_, ""});
}

void ProgressMeter::add(std::uint64_t bytes, std::string_view tensor) {
  const std::lock_guard lock{mutex_};
  bytes_ += bytes;
  const auto now = std::chrono::steady_clock::now();
  if (!sink_ || now - told_ < kPause) return;
  told_ = now;
  sink_({bytes_, total_, tensor});
}

void ProgressMeter::finish() {
  const std::lock_guard lock{mutex_};
  if (sink_) sink_({bytes_, total_, ""});
}

std::uint64_t ProgressMeter::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

}  // namespace weighbridge
