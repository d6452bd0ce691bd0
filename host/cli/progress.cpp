#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "cli/amounts.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kBarWidth = 24;

double fraction(const ProgressState& state) {
  if (state.bytes_total == 0) return 1;
  return std::min(1.0, static_cast<double>(state.bytes_done) / static_cast<double>(state.bytes_total));
}

// Rounded down: 100 % means done.
int percent(const ProgressState& state) { return static_cast<int>(std::floor(fraction(state) * 100)); }

std::string amounts(const ProgressState& state) {
  auto text = fmt::format("{} of {}", readable_bytes(state.bytes_done), readable_bytes(state.bytes_total));
  if (state.bytes_per_second > 0) {
    const auto left = static_cast<double>(state.bytes_total - std::min(state.bytes_done, state.bytes_total));
    text += fmt::format(", {}/s, {} left", readable_bytes(static_cast<std::uint64_t>(state.bytes_per_second)),
                        readable_seconds(left / state.bytes_per_second));
  }
  return text;
}

// The ends of a tensor's name say more than its middle. A name may hold anything: only printable ASCII is shown.
std::string shortened(std::string_view name, std::size_t columns) {
  std::string shown{name};
  std::replace_if(shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  if (shown.size() <= columns) return shown;
  if (columns < 8) return {};
  const auto tail = (columns - 2) / 2, head = columns - 2 - tail;
  return shown.substr(0, head) + ".." + shown.substr(shown.size() - tail);
}

}  // namespace

std::string progress_line(const ProgressState& state, unsigned columns) {
  std::string line = fmt::format("{:3}%", percent(state));
  const auto filled = static_cast<std::size_t>(fraction(state) * static_cast<double>(kBarWidth));
  const auto bar = fmt::format(" [{}{}]", std::string(filled, '#'), std::string(kBarWidth - filled, ' '));
  const auto numbers = " " + amounts(state);
  if (line.size() + bar.size() + numbers.size() <= columns) line += bar;
  if (line.size() + numbers.size() <= columns) line += numbers;
  if (line.size() + 2 < columns && !state.tensor.empty()) {
    if (const auto name = shortened(state.tensor, columns - line.size() - 2); !name.empty()) line += ", " + name;
  }
  return line.substr(0, columns);
}

std::string plain_progress_line(const ProgressState& state) {
  auto line = fmt::format("{:3}%, {}", percent(state), amounts(state));
  if (!state.tensor.empty()) line += ", " + shortened(state.tensor, 200);
  return line;
}

ProgressPrinter::ProgressPrinter(Console& console, std::function<Clock::time_point()> now)
    : console_{console}, now_{std::move(now)}, start_{now_()}, measured_at_{start_}, printed_at_{start_} {}

ProgressPrinter::~ProgressPrinter() {
  if (drawn_) console_.err << "\r\x1b[K" << std::flush;
}

void ProgressPrinter::measure(const Progress& progress, Clock::time_point now) {
  const std::chrono::duration<double> since = now - measured_at_;
  if (since.count() < 0.05) return;
  const double current = static_cast<double>(progress.bytes_done - measured_bytes_) / since.count();
  // Forgets what was more than some five seconds ago, so that the time left follows the device.
  const double weight = 1 - std::exp(-since.count() / 5);
  rate_ = rate_ > 0 ? rate_ + weight * (current - rate_) : current;
  measured_at_ = now;
  measured_bytes_ = progress.bytes_done;
}

bool ProgressPrinter::plain_line_is_due(const Progress& progress, Clock::time_point now) const {
  const std::chrono::duration<double> since = now - printed_at_;
  const bool advanced = progress.bytes_done - printed_bytes_ >= progress.bytes_total / 10;
  return since.count() >= (advanced ? 1.0 : 10.0);
}

void ProgressPrinter::operator()(const Progress& progress) {
  const auto now = now_();
  measure(progress, now);
  const ProgressState state{progress.bytes_done, progress.bytes_total, rate_, progress.tensor};
  if (console_.terminal) {
    // The last column stays free: some terminals wrap when it is written.
    console_.err << '\r' << progress_line(state, std::max(console_.columns, 2U) - 1) << "\x1b[K" << std::flush;
    drawn_ = true;
  } else if (plain_line_is_due(progress, now)) {
    console_.err << plain_progress_line(state) << '\n' << std::flush;
    printed_at_ = now;
    printed_bytes_ = progress.bytes_done;
  }
}

}  // namespace weighbridge
