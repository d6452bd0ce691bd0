#include "engine/files.hpp"
#include "engine/packed_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weighbridge {

int Files::open(const std::filesystem::path& path, int flags, unsigned mode) {
  return ::open(path.c_str(), flags | O_CLOEXEC, mode);
}
int Files::close(int descriptor) { return ::close(descriptor); }
std::int64_t Files::pread(int descriptor, void* into, std::size_t size, std::int64_t offset) {
  return ::pread(descriptor, into, size, offset);
}
int Files::is_cached(int descriptor, std::int64_t offset, std::size_t size) {
  if (size == 0) return 1;
  const auto page = ::sysconf(_SC_PAGESIZE);
  const auto first = offset / page, last = (offset + static_cast<std::int64_t>(size) - 1) / page;
  constexpr long kCachestat = 451;  // of Linux 6.5, on every architecture; headers are often older
  struct { std::uint64_t begin, length; } range{static_cast<std::uint64_t>(offset), size};
  struct { std::uint64_t cached, dirty, writeback, evicted, recently_evicted; } found{};
  if (::syscall(kCachestat, descriptor, &range, &found, 0) == 0) return found.cached >= static_cast<std::uint64_t>(last - first + 1);
  const auto length = static_cast<std::size_t>((last - first + 1) * page);
  void* mapped = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, descriptor, first * page);  // no page of it is touched
  if (mapped == MAP_FAILED) return 1;
  std::vector<unsigned char> pages(static_cast<std::size_t>(last - first + 1));
  const bool told = ::mincore(mapped, length, pages.data()) == 0;
  ::munmap(mapped, length);
  return !told || std::ranges::all_of(pages, [](unsigned char resident) { return (resident & 1) != 0; });
}
std::int64_t Files::pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) {
  return ::pwrite(descriptor, from, size, offset);
}
int Files::fsync(int descriptor) { return ::fsync(descriptor); }
int Files::fallocate(int descriptor, std::int64_t size) { return ::fallocate(descriptor, 0, 0, size); }
int Files::ftruncate(int descriptor, std::int64_t size) { return ::ftruncate(descriptor, size); }
int Files::start_writeback(int descriptor, std::int64_t offset, std::int64_t size) {
  return ::sync_file_range(descriptor, offset, size, SYNC_FILE_RANGE_WRITE);
}
int Files::flock(int descriptor, int operation) { return ::flock(descriptor, operation); }
int Files::fstat(int descriptor, struct ::stat& into) { return ::fstat(descriptor, &into); }
int Files::stat(const std::filesystem::path& path, struct ::stat& into) { return ::stat(path.c_str(), &into); }
int Files::statvfs(const std::filesystem::path& path, struct ::statvfs& into) { return ::statvfs(path.c_str(), &into); }
int Files::mkdir(const std::filesystem::path& path) { return ::mkdir(path.c_str(), 0777); }
int Files::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  return std::rename(from.c_str(), to.c_str());
}
int Files::unlink(const std::filesystem::path& path) { return ::unlink(path.c_str()); }
int Files::rmdir(const std::filesystem::path& path) { return ::rmdir(path.c_str()); }

int Files::remove_tree(const std::filesystem::path& path) {
  std::error_code failure;
  std::filesystem::remove_all(path, failure);
  errno = failure.value();
  return failure ? -1 : 0;
}

int Files::is_empty(const std::filesystem::path& folder) {
  std::error_code failure;
  const bool empty = std::filesystem::is_empty(folder, failure);
  errno = failure.value();
  return failure ? -1 : empty ? 1 : 0;
}

std::filesystem::path Files::canonical(const std::filesystem::path& path) {
  std::error_code failure;
  auto result = std::filesystem::absolute(path, failure);
  if (!failure) result = std::filesystem::weakly_canonical(result, failure);
  errno = failure.value();
  return failure ? std::filesystem::path{} : result;
}

Files& real_files() {
  static PackedFiles files;
  return files;
}

Descriptor::Descriptor(Descriptor&& other) noexcept : files_{other.files_}, number_{std::exchange(other.number_, -1)} {}

Descriptor& Descriptor::operator=(Descriptor other) noexcept {
  std::swap(files_, other.files_);
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) files_->close(number_);
}

}  // namespace weighbridge
