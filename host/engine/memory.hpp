#pragma once
// The memory that a run may use: how much there is, how it is shared out, where it comes from.

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/run.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Of this process, in bytes; 0 where the system does not tell.
std::uint64_t resident_now();
std::uint64_t resident_peak();

// What a process holds beside its program, plan and buffers: thread stacks, descriptors, the lists that a run keeps itself.
inline constexpr std::uint64_t kMemoryReserve = 8 << 20;

// options.threads, or as many as the machine has, at most 8: storage is the limit long before.
unsigned wanted_threads(const RunOptions& options);

inline constexpr std::uint64_t kUsualBlock = 8 << 20;  // Budget::block at its largest

// What each worker gets.
struct Budget {
  unsigned threads{};
  std::size_t capacity{};  // of the window buffer; a tensor that is read out of order may use all of it
  std::size_t window{};    // what a tensor that is read in order uses, at most capacity
  std::size_t scratch{};
  std::size_t bounce{};    // for reads around the page cache; 0 where memory is too scarce for them
  std::size_t block{};     // source rows that several tensors share; 0 likewise
};

// Shares out options.max_memory less `resident` (what the process holds already). Fewer threads are better than windows
// below a mebibyte; an error, naming the budget that would do, if not even one worker with a small window fits.
Result<Budget> share_out(const RunOptions& options, std::uint64_t resident);

// Anonymous memory, mapped as a whole and touched as it is used. Not copied, not grown.
class Buffer {
 public:
  static Result<Buffer> make(std::size_t size);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer other) noexcept;
  ~Buffer();
  std::span<std::byte> bytes() const noexcept { return {base_, size_}; }

 private:
  Buffer(std::byte* base, std::size_t size) noexcept : base_{base}, size_{size} {}
  std::byte* base_{};
  std::size_t size_{};
};

}  // namespace weighbridge
