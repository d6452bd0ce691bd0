#include "engine/memory.hpp"

#include "engine/direct_io.hpp"
#include "engine/files.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

namespace weighbridge {
namespace {

constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr std::uint64_t kUsualWindow = 4 * kMebibyte;
constexpr std::uint64_t kUsualScratch = 2 * kMebibyte;
constexpr std::uint64_t kLeastScratch = 64 << 10;
constexpr std::uint64_t kBounce = kMebibyte;         // stays in the processor's cache
constexpr std::uint64_t kLeastShare = 512 << 10;     // window and scratch of one worker
constexpr std::uint64_t kFairShare = 2 * kMebibyte;  // below it, fewer workers rather than smaller ones
constexpr std::size_t kHugePage = 2 * kMebibyte;
constexpr unsigned kMostThreads = 8;  // that are started unasked

std::uint64_t status_kibibytes(std::string_view key) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) {
      std::uint64_t value = 0;
      for (const char c : line)
        if (c >= '0' && c <= '9') value = value * 10 + static_cast<std::uint64_t>(c - '0');
      return value;
    }
  return 0;
}

}  // namespace

std::uint64_t resident_now() { return status_kibibytes("VmRSS:") << 10; }
std::uint64_t resident_peak() { return status_kibibytes("VmHWM:") << 10; }

unsigned wanted_threads(const RunOptions& options) {
  return options.threads > 0 ? options.threads : std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
}

Result<Budget> share_out(const RunOptions& options, std::uint64_t resident) {
  const auto taken = resident + kMemoryReserve;
  const auto reading = (options.files != nullptr ? *options.files : real_files()).reading_memory();  // of each worker
  if (options.max_memory < taken + reading + kLeastShare)
    return Error{
        Error::Kind::usage, "", "--max-memory",
        fmt::format(
            "{} bytes of memory do not do: the program and its plan take {} and reading and writing at least {}",
            options.max_memory, taken, reading + kLeastShare),
        fmt::format("Allow at least {} MiB", (taken + reading + kLeastShare + kMebibyte - 1) / kMebibyte)};
  const auto available = options.max_memory - taken;
  Budget budget;
  budget.threads = static_cast<unsigned>(std::clamp<std::uint64_t>(available / (kFairShare + reading), 1, wanted_threads(options)));
  auto share = available / budget.threads - reading;
  if (share >= 8 * kBounce && options.tuning.direct > 0) {
    budget.bounce = kBounce;
    budget.block = std::min(kUsualBlock, share / 8 / kDirectAlignment * kDirectAlignment);
    share -= budget.bounce + budget.block + 2 * kDirectAlignment;  // a window lies in memory as in its file
  }
  const auto scratch =
      options.tuning.scratch > 0 ? options.tuning.scratch : std::clamp(share / 8, kLeastScratch, kUsualScratch);
  budget.scratch = static_cast<std::size_t>(std::clamp<std::uint64_t>(scratch, 8, share / 2));
  budget.capacity = static_cast<std::size_t>(share - budget.scratch);
  if (options.tuning.window > 0) budget.capacity = std::clamp<std::size_t>(options.tuning.window, 8, budget.capacity);
  budget.window = std::min<std::size_t>(budget.capacity, kUsualWindow);
  return budget;
}

Result<Buffer> Buffer::make(std::size_t size) {
  void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED)
    return Error{Error::Kind::io, "", "--max-memory", fmt::format("the system gives no {} bytes of memory", size),
                 "Free memory or allow less with --max-memory"};
  // First touches cost the most on virtual machines. Small buffers would be rounded up beyond their budget.
  if (size >= 4 * kHugePage) ::madvise(base, size, MADV_HUGEPAGE);
  return Buffer{static_cast<std::byte*>(base), size};
}

Buffer::Buffer(Buffer&& other) noexcept : base_{std::exchange(other.base_, nullptr)}, size_{other.size_} {}

Buffer& Buffer::operator=(Buffer other) noexcept {
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  return *this;
}

Buffer::~Buffer() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace weighbridge
