#include "cli/interruption.hpp"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "cli/console.hpp"

namespace weighbridge {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// Wakes up now and then to see whether the program is done, so that no signal has to be reserved for that.
bool wait_for_signal(const std::stop_token& done) {
  const auto set = stop_signals();
  while (!done.stop_requested()) {
    const timespec patience{0, 20'000'000};
    if (sigtimedwait(&set, nullptr, &patience) > 0) return true;
  }
  return false;
}

}  // namespace

Interruption::Interruption() {
  const auto set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  waiter_ = std::jthread{[source = source_](const std::stop_token& done) mutable {
    if (!wait_for_signal(done)) return;
    source.request_stop();
    if (wait_for_signal(done)) _exit(kStopped);
  }};
}

Interruption::~Interruption() = default;

}  // namespace weighbridge
