#pragma once
// SIGINT and SIGTERM as a stop token.

#include <stop_token>
#include <thread>

namespace weighbridge {

// From construction on, the first SIGINT or SIGTERM requests a stop and the second ends the process at once (exit
// code 130, hidden partial output left behind). Construct one, before any other thread is started: threads inherit
// the blocked signals. The destructor waits for its thread and leaves the signals blocked.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread waiter_;
};

}  // namespace weighbridge
