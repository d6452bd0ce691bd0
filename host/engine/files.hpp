#pragma once
// The one way to the file system. A test derives from Files to make any call fail, fall short or be interrupted.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "tensor/result.hpp"

namespace weighbridge {

// The real file system. Every function behaves as the POSIX call of its name: -1 and errno on failure, may be
// interrupted, may transfer less than asked. May be called from several threads at once.
class Files {
 public:
  Files() = default;
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  virtual ~Files() = default;

  virtual int open(const std::filesystem::path& path, int flags, unsigned mode);
  virtual int close(int descriptor);
  virtual std::int64_t pread(int descriptor, void* into, std::size_t size, std::int64_t offset);
  // Beyond POSIX: 1 if all of these bytes are in the page cache, or if the system does not tell; else 0.
  virtual int is_cached(int descriptor, std::int64_t offset, std::size_t size);
  virtual std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset);
  virtual int fsync(int descriptor);
  virtual int fallocate(int descriptor, std::int64_t size);  // of the bytes [0, size)
  virtual int ftruncate(int descriptor, std::int64_t size);
  virtual int start_writeback(int descriptor, std::int64_t offset, std::int64_t size);  // sync_file_range; a hint
  virtual int flock(int descriptor, int operation);
  virtual int fstat(int descriptor, struct ::stat& into);

  virtual int stat(const std::filesystem::path& path, struct ::stat& into);
  virtual int statvfs(const std::filesystem::path& path, struct ::statvfs& into);
  virtual int mkdir(const std::filesystem::path& path);
  virtual int rename(const std::filesystem::path& from, const std::filesystem::path& to);
  virtual int unlink(const std::filesystem::path& path);
  virtual int rmdir(const std::filesystem::path& path);

  // Beyond POSIX, with its manners.
  virtual int remove_tree(const std::filesystem::path& path);  // 0 also if there is nothing
  virtual int is_empty(const std::filesystem::path& folder);   // 1, 0 or -1
  // Absolute, without symbolic links as far as it exists; empty and errno on failure.
  virtual std::filesystem::path canonical(const std::filesystem::path& path);
  // What each thread that reads takes of memory beside the buffers that it reads into.
  virtual std::uint64_t reading_memory() { return 0; }
};

Files& real_files();  // in which archives are folders: a PackedFiles

// An open file that closes itself. Movable; empty when moved from.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(Files& files, int number) noexcept : files_{&files}, number_{number} {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor other) noexcept;
  ~Descriptor();
  int number() const noexcept { return number_; }

 private:
  Files* files_{};
  int number_{-1};
};

// What errno `number` means to the user, with a remedy for it. `action` completes "cannot …": "write", "rename to X".
Error refused(int number, const std::filesystem::path& path, std::string subject, std::string_view action);

// open() that continues when it is interrupted.
Result<Descriptor> open_file(Files& files, const std::filesystem::path& path, int flags);
// The whole of `into` from byte `offset` on, however many calls it takes; an error if the file ends before.
Status read_exactly(Files& files, int descriptor, std::uint64_t offset, std::span<std::byte> into,
                    const std::filesystem::path& path, std::string_view subject);
Status write_exactly(Files& files, int descriptor, std::uint64_t offset, std::span<const std::byte> from,
                     const std::filesystem::path& path, std::string_view subject);
// Makes a file's bytes, or a folder's entries, survive a loss of power. File systems that cannot sync folders are
// let off.
Status sync_file(Files& files, const std::filesystem::path& path);
Status sync_folder(Files& files, const std::filesystem::path& path);

}  // namespace weighbridge
