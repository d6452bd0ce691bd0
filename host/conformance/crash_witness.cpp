#include "conformance/crash_witness.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <mutex>
#include <string>

namespace weighbridge {
namespace {

constexpr std::array kSignals{SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGABRT};

// A signal handler sees nothing but statics; it only reads this one.
struct Witness {
  std::mutex mutex;
  std::array<char, 512> line{};
  std::array<struct sigaction, kSignals.size()> before{};
};

Witness& witness() {
  static Witness one;
  return one;
}

void tell(int signal) {
  const auto& line = witness().line;
  const auto length = ::strnlen(line.data(), line.size());
  // The process is going down: a short write is as good as it gets.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), length);
  const auto at = static_cast<std::size_t>(std::ranges::find(kSignals, signal) - kSignals.begin());
  ::sigaction(signal, &witness().before[at], nullptr);
  ::raise(signal);
}

}  // namespace

CrashWitness::CrashWitness() {
  struct sigaction action {};
  action.sa_handler = tell;
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &witness().before[i]);
}

CrashWitness::~CrashWitness() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &witness().before[i], nullptr);
}

void CrashWitness::note(std::string_view family, std::string_view callback, std::string_view on) {
  const auto text = "weighbridge: the plugin crashed: family " + std::string{family} + ", " + std::string{callback} +
                    (on.empty() ? "" : ", on ") + std::string{on} + "\n";
  const std::scoped_lock lock{witness().mutex};
  auto& line = witness().line;
  line.fill('\0');
  std::memcpy(line.data(), text.data(), std::min(text.size(), line.size() - 1));
}

}  // namespace weighbridge
