#pragma once
// A file system that counts its calls and misbehaves at one of them, or from one on.

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include <unistd.h>

#include "engine/files.hpp"

namespace weighbridge {

class FaultyFiles : public Files {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  std::int64_t fail_at{kNever};  // number of the call, from 0
  int error{EIO};
  bool lasting{};                  // all later calls fail too
  bool dies{};                     // the process ends there, as when it is killed
  std::int64_t interrupt_every{};  // every so many calls of those that may be repeated is interrupted; 0: none
  std::size_t largest_transfer{std::numeric_limits<std::size_t>::max()};
  bool cached{true};  // what is said of the page cache
  bool syncs{true};  // whether fsync does its work; tests that write much go without

  std::int64_t calls() const { return calls_; }
  bool failed() const { return failed_; }

  int open(const std::filesystem::path& path, int flags, unsigned mode) override {
    return faulty(true) ? -1 : Files::open(path, flags, mode);
  }
  int close(int descriptor) override {
    const int result = Files::close(descriptor);  // Linux closes in any case
    return faulty(false) ? -1 : result;
  }
  std::int64_t pread(int descriptor, void* into, std::size_t size, std::int64_t offset) override {
    return faulty(true) ? -1 : Files::pread(descriptor, into, std::min(size, largest_transfer), offset);
  }
  int is_cached(int, std::int64_t, std::size_t) override { return cached ? 1 : 0; }
  std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
    return faulty(true) ? -1 : Files::pwrite(descriptor, from, std::min(size, largest_transfer), offset);
  }
  int fsync(int descriptor) override { return faulty(true) ? -1 : syncs ? Files::fsync(descriptor) : 0; }
  int fallocate(int descriptor, std::int64_t size) override {
    return faulty(true) ? -1 : Files::fallocate(descriptor, size);
  }
  int ftruncate(int descriptor, std::int64_t size) override {
    return faulty(true) ? -1 : Files::ftruncate(descriptor, size);
  }
  int start_writeback(int descriptor, std::int64_t offset, std::int64_t size) override {
    return faulty(false) ? -1 : Files::start_writeback(descriptor, offset, size);
  }
  int flock(int descriptor, int operation) override { return faulty(true) ? -1 : Files::flock(descriptor, operation); }
  int fstat(int descriptor, struct ::stat& into) override {
    return faulty(false) ? -1 : Files::fstat(descriptor, into);
  }
  int stat(const std::filesystem::path& path, struct ::stat& into) override {
    return faulty(false) ? -1 : Files::stat(path, into);
  }
  int statvfs(const std::filesystem::path& path, struct ::statvfs& into) override {
    return faulty(false) ? -1 : Files::statvfs(path, into);
  }
  int mkdir(const std::filesystem::path& path) override { return faulty(false) ? -1 : Files::mkdir(path); }
  int rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return faulty(false) ? -1 : Files::rename(from, to);
  }
  int unlink(const std::filesystem::path& path) override { return faulty(false) ? -1 : Files::unlink(path); }
  int rmdir(const std::filesystem::path& path) override { return faulty(false) ? -1 : Files::rmdir(path); }
  int remove_tree(const std::filesystem::path& path) override { return faulty(false) ? -1 : Files::remove_tree(path); }
  int is_empty(const std::filesystem::path& folder) override { return faulty(false) ? -1 : Files::is_empty(folder); }
  std::filesystem::path canonical(const std::filesystem::path& path) override {
    return faulty(false) ? std::filesystem::path{} : Files::canonical(path);
  }

 private:
  bool faulty(bool repeatable) {
    const auto call = calls_++;
    if (call == fail_at || (lasting && call > fail_at)) {
      if (dies) ::_exit(9);
      failed_ = true;
      errno = error;
      return true;
    }
    if (repeatable && interrupt_every > 0 && call % interrupt_every == interrupt_every - 1) {
      errno = EINTR;
      return true;
    }
    return false;
  }

  std::atomic<std::int64_t> calls_{};
  std::atomic<bool> failed_{};
};

}  // namespace weighbridge
