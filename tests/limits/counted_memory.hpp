#pragma once
// Counts what is allocated, by malloc or new, anywhere in this program.

#include <cstddef>
#include <functional>

namespace weighbridge::test {

struct MemoryUse {
  std::size_t peak{};   // bytes held at once, beyond what was held before
  std::size_t total{};  // bytes ever asked for
};

// Runs `work` alone, on a stack of `stack` bytes: what needs a deeper one crashes.
MemoryUse measured(std::size_t stack, const std::function<void()>& work);

}  // namespace weighbridge::test
