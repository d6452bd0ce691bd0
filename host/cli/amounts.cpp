#include "cli/amounts.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace weighbridge {
namespace {

std::string scaled(std::uint64_t bytes, double step, const std::array<const char*, 6>& units) {
  auto value = static_cast<double>(bytes);
  if (value < step) return fmt::format("{} {}", bytes, units[0]);
  std::size_t unit = 0;
  // 999.95 would be printed as 1000.
  while (unit + 1 < units.size() && value >= step * 0.99995) {
    value /= step;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

}  // namespace

std::string readable_bytes(std::uint64_t bytes) { return scaled(bytes, 1000, {"B", "kB", "MB", "GB", "TB", "PB"}); }

std::string readable_memory(std::uint64_t bytes) {
  return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string readable_seconds(double seconds) {
  if (!(seconds >= 0)) return "0.00 s";
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  if (seconds > 1e9) return "more than 30 years";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string readable_count(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace weighbridge
