#pragma once
// The file system, with archives of `weighbridge pack` as folders of files that can be read.

#include <memory>
#include <mutex>
#include <unordered_map>

#include "engine/files.hpp"
#include "formats/packed_folder.hpp"

namespace weighbridge {

// As Files, but what lies in an archive can be opened for reading, read and looked at. Such a descriptor is none of the system's:
// it is good for the functions here alone. What is damaged in an archive is EBADMSG.
class PackedFiles : public Files {
 public:
  int open(const std::filesystem::path& path, int flags, unsigned mode) override;
  int close(int descriptor) override;
  std::int64_t pread(int descriptor, void* into, std::size_t size, std::int64_t offset) override;
  int is_cached(int descriptor, std::int64_t offset, std::size_t size) override;
  int fstat(int descriptor, struct ::stat& into) override;
  int stat(const std::filesystem::path& path, struct ::stat& into) override;
  std::uint64_t reading_memory() override;

 private:
  struct Member {
    std::shared_ptr<const PackedFolder> folder;
    const ArchiveFile* file{};
  };
  Member member(int descriptor);

  std::mutex mutex_;
  std::unordered_map<int, Member> members_;
  int next_{kFirst};
  static constexpr int kFirst = 1 << 30;  // beyond what any system gives
};

}  // namespace weighbridge
