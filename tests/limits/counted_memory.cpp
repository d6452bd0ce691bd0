#include "limits/counted_memory.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <stdexcept>

#include <malloc.h>
#include <pthread.h>

namespace {

std::atomic<std::size_t> held, peak, total;

void* counted(void* made) {
  if (made == nullptr) return made;
  const auto size = ::malloc_usable_size(made);
  total += size;
  const auto now = held += size;
  for (auto before = peak.load(); before < now && !peak.compare_exchange_weak(before, now);) {}
  return made;
}

void gone(void* old) {
  if (old != nullptr) held -= ::malloc_usable_size(old);
}

}  // namespace

// The C library's own, under the names that it keeps for those who replace them.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* old);

void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) { return counted(__libc_calloc(count, size)); }
void* realloc(void* old, std::size_t size) {
  gone(old);
  return counted(__libc_realloc(old, size));
}
void* memalign(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  *into = counted(__libc_memalign(alignment, size));
  return *into == nullptr ? ENOMEM : 0;
}
void free(void* old) {
  gone(old);
  __libc_free(old);
}
}

namespace weighbridge::test {

MemoryUse measured(std::size_t stack, const std::function<void()>& work) {
  struct Run {
    const std::function<void()>& work;
    MemoryUse use;
  } run{work, {}};
  pthread_attr_t attributes;
  pthread_t thread;
  ::pthread_attr_init(&attributes);
  if (::pthread_attr_setstacksize(&attributes, stack) != 0) throw std::runtime_error("no such stack");
  const auto body = [](void* given) -> void* {
    auto& one = *static_cast<Run*>(given);
    const auto held_before = held.load(), total_before = total.load();
    peak = held_before;
    one.work();
    one.use = {peak - std::min(peak.load(), held_before), total - total_before};
    return nullptr;
  };
  if (::pthread_create(&thread, &attributes, body, &run) != 0) throw std::runtime_error("no thread");
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
  return run.use;
}

}  // namespace weighbridge::test
