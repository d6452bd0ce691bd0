#include "archive/staged_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

namespace weighbridge {

StagedFile::StagedFile(Files& files, std::filesystem::path destination, bool overwrite)
    : files_{&files},
      destination_{std::move(destination)},
      partial_{destination_.parent_path() / fmt::format(".{}.weighbridge-partial", destination_.filename().string())},
      overwrite_{overwrite} {}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : files_{other.files_},
      destination_{std::move(other.destination_)},
      partial_{std::move(other.partial_)},
      file_{std::exchange(other.file_, std::nullopt)},
      overwrite_{other.overwrite_} {}

StagedFile::~StagedFile() {
  if (file_) files_->unlink(partial_);  // while it is locked: see lock()
}

Result<StagedFile> StagedFile::begin(Files& files, const std::filesystem::path& destination, bool overwrite) {
  StagedFile staged{files, destination, overwrite};
  if (auto looked = staged.look_at_destination(); !looked) return looked.error();
  if (auto locked = staged.lock(); !locked) return locked.error();
  if (files.ftruncate(staged.file_->number(), 0) < 0) return refused(errno, staged.partial_, "", "empty it");
  return staged;
}

Status StagedFile::look_at_destination() const {
  struct ::stat found {};
  if (files_->stat(destination_, found) < 0) {
    if (errno == ENOENT) return done();
    return refused(errno, destination_, "", "look at it");
  }
  if (!S_ISREG(found.st_mode))
    return Error{
        Error::Kind::usage, destination_.string(), "",
        S_ISDIR(found.st_mode) ? "the destination is a folder, not a file" : "the destination is no regular file",
        "Name the file of the archive, such as model.wbz"};
  if (overwrite_) return done();
  return Error{Error::Kind::usage, destination_.string(), "", "the destination exists",
               "Name another file, or replace this one with --overwrite"};
}

Status StagedFile::lock() {
  constexpr int kAttempts = 100;
  const Error busy{Error::Kind::usage, destination_.string(), "", "another run is writing to this destination",
                   "Wait for it to end, or name another destination"};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto opened = open_file(*files_, partial_, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (!opened) return opened.error();
    int locked = files_->flock(opened->number(), LOCK_EX | LOCK_NB);
    while (locked < 0 && errno == EINTR) locked = files_->flock(opened->number(), LOCK_EX | LOCK_NB);
    if (locked < 0) {
      if (errno == EWOULDBLOCK) return busy;
      // Some network file systems have no locks; keeping two runs apart is then up to the user.
      if (errno != ENOTSUP && errno != ENOSYS && errno != ENOLCK) return refused(errno, partial_, "", "lock it");
    }
    // A run that ended since has renamed or removed this very file; the lock counts only for the file of that name.
    struct ::stat mine {
    }, named{};
    if (files_->fstat(opened->number(), mine) < 0) return refused(errno, partial_, "", "look at it");
    if (files_->stat(partial_, named) < 0) {
      if (errno == ENOENT) continue;
      return refused(errno, partial_, "", "look at it");
    }
    if (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev) continue;
    file_ = std::move(*opened);
    return done();
  }
  return busy;  // many others come and go
}

Status StagedFile::write(std::uint64_t offset, std::span<const char> bytes) {
  return write_exactly(*files_, file_->number(), offset, std::as_bytes(bytes), destination_, "");
}

Status StagedFile::publish() {
  if (auto synced = sync_file(*files_, partial_); !synced) return synced;
  // It may have come to be meanwhile.
  if (auto looked = look_at_destination(); !looked) return looked;
  if (files_->rename(partial_, destination_) < 0)
    return refused(errno, destination_, "", "put the finished file in its place");
  file_.reset();
  return sync_folder(*files_, destination_.parent_path());
}

}  // namespace weighbridge
