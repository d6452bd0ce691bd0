#include <array>
#include <condition_variable>
#include <mutex>

#include "conformance/recorded_call.hpp"

namespace weighbridge {

struct Turns::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::array<bool, 2> done{};
  int turn{};
};

Turns::Turns() : state_{std::make_unique<State>()} {}
Turns::~Turns() = default;

void Turns::begin(int who) {
  std::unique_lock lock{state_->mutex};
  state_->changed.wait(lock, [&] { return state_->turn == who || state_->done[static_cast<std::size_t>(1 - who)]; });
}

void Turns::step(int who) {
  std::unique_lock lock{state_->mutex};
  const auto other = static_cast<std::size_t>(1 - who);
  if (state_->done[other]) return;
  state_->turn = 1 - who;
  state_->changed.notify_all();
  state_->changed.wait(lock, [&] { return state_->turn == who || state_->done[other]; });
}

void Turns::end(int who) {
  const std::scoped_lock lock{state_->mutex};
  state_->done[static_cast<std::size_t>(who)] = true;
  state_->turn = 1 - who;
  state_->changed.notify_all();
}

}  // namespace weighbridge
