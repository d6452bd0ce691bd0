#include "archive/staged_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "engine/named_lock.hpp"

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
  if (file_) files_->unlink(partial_);  // while it is locked: see lock_named
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
  auto locked = lock_named(*files_, partial_, O_RDWR | O_CREAT | O_NOFOLLOW, destination_);
  if (!locked) return locked.error();
  file_ = *std::move(locked);
  return done();
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
