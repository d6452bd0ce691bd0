#include "engine/packed_files.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>

#include "formats/piece_decoder.hpp"

namespace weighbridge {
namespace {

// The place in an archive that a call of the system could not find; nothing, and errno as it was, if it is none.
std::optional<PackedPlace> place_of(const std::filesystem::path& path) {
  const int before = errno;
  if (before != ENOTDIR) return std::nullopt;
  auto place = find_packed(path);
  errno = place ? before : EBADMSG;
  return place ? *std::move(place) : std::nullopt;
}

}  // namespace

PackedFiles::Member PackedFiles::member(int descriptor) {
  const std::lock_guard lock{mutex_};
  const auto found = members_.find(descriptor);
  return found == members_.end() ? Member{} : found->second;
}

int PackedFiles::open(const std::filesystem::path& path, int flags, unsigned mode) {
  const int descriptor = Files::open(path, flags, mode);
  if (descriptor >= 0) return descriptor;
  const auto place = place_of(path);
  const auto* file = place ? place->folder->file(place->path) : nullptr;
  if (file == nullptr) return -1;
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_DIRECT) != 0) {
    errno = (flags & O_DIRECT) != 0 ? EINVAL : EROFS;
    return -1;
  }
  const std::lock_guard lock{mutex_};
  members_.emplace(next_, Member{place->folder, file});
  return next_++;
}

int PackedFiles::close(int descriptor) {
  if (descriptor < kFirst) return Files::close(descriptor);
  const std::lock_guard lock{mutex_};
  return members_.erase(descriptor) > 0 ? 0 : -1;
}

std::int64_t PackedFiles::pread(int descriptor, void* into, std::size_t size, std::int64_t offset) {
  if (descriptor < kFirst) return Files::pread(descriptor, into, size, offset);
  const auto [folder, file] = member(descriptor);
  if (file == nullptr || offset < 0) {
    errno = file == nullptr ? EBADF : EINVAL;
    return -1;
  }
  const auto from = static_cast<std::uint64_t>(offset);
  if (from >= file->size) return 0;
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(size, file->size - from));
  if (folder->read(*file, from, {static_cast<char*>(into), length})) return static_cast<std::int64_t>(length);
  errno = EBADMSG;
  return -1;
}

int PackedFiles::is_cached(int descriptor, std::int64_t offset, std::size_t size) {
  return descriptor < kFirst ? Files::is_cached(descriptor, offset, size) : 1;
}

int PackedFiles::fstat(int descriptor, struct ::stat& into) {
  if (descriptor < kFirst) return Files::fstat(descriptor, into);
  const auto file = member(descriptor).file;
  into = {};
  into.st_mode = S_IFREG | 0400;
  into.st_size = file != nullptr ? static_cast<off_t>(file->size) : 0;
  return 0;
}

int PackedFiles::stat(const std::filesystem::path& path, struct ::stat& into) {
  if (Files::stat(path, into) == 0) return 0;
  const auto place = place_of(path);
  if (!place || Files::stat(place->archive, into) != 0) return -1;
  // Of the archive, which changes when any of its files does.
  if (const auto* file = place->folder->file(place->path)) {
    into.st_size = static_cast<off_t>(file->size);
    return 0;
  }
  if (place->folder->has_folder(place->path)) {
    into.st_mode = S_IFDIR | 0500;
    return 0;
  }
  errno = ENOENT;
  return -1;
}

std::uint64_t PackedFiles::reading_memory() { return any_packed_folder() ? PieceDecoder::kMemory : 0; }

}  // namespace weighbridge
