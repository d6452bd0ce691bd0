#include "formats/input_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/format_error.hpp"
#include "formats/packed_folder.hpp"

namespace weighbridge {
namespace {

// One pread call moves less than this on Linux, whatever is asked for.
constexpr std::size_t kMostBytesPerCall = std::size_t{1} << 30;

Error system_error(const std::string& file, std::string_view what, int code) {
  std::string remedy = "Check the path and your permission to read it";
  if (code == EMFILE || code == ENFILE) remedy = "Raise the limit of open files (ulimit -n)";
  if (code == EIO || code == ESTALE) remedy = "Check the disk or the network mount, then try again";
  return {Error::Kind::io, file, {}, fmt::format("{}: {}", what, std::strerror(code)), remedy};
}

}  // namespace

InputFile::InputFile(std::string name, int descriptor, std::uint64_t size) noexcept
    : name_{std::move(name)}, descriptor_{descriptor}, size_{size} {}

InputFile::InputFile(InputFile&& other) noexcept
    : name_{std::move(other.name_)},
      descriptor_{std::exchange(other.descriptor_, -1)},
      size_{std::exchange(other.size_, 0)},
      archive_{std::move(other.archive_)},
      packed_{std::exchange(other.packed_, nullptr)} {}

InputFile& InputFile::operator=(InputFile other) noexcept {
  std::swap(name_, other.name_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(archive_, other.archive_);
  std::swap(packed_, other.packed_);
  return *this;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<InputFile> InputFile::open(const std::filesystem::path& path) {
  const auto name = path.string();
  // Without O_NONBLOCK a named pipe would hang here until somebody writes to it.
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0 && errno == ENOTDIR) {
    auto place = find_packed(path);
    if (!place) return std::move(place).error();
    if (*place) {
      InputFile file{name, -1, 0};
      file.archive_ = std::move((*place)->folder);
      file.packed_ = file.archive_->file((*place)->path);
      if (file.packed_ == nullptr)
        return Error{Error::Kind::io, name, {}, file.archive_->has_folder((*place)->path) ? "is a folder, not a file" : "is not in the archive",
                     "Name a file that is in the archive"};
      file.size_ = file.packed_->size;
      return file;
    }
    errno = ENOTDIR;
  }
  if (descriptor < 0) return system_error(name, "cannot be opened", errno);
  InputFile file{name, descriptor, 0};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return system_error(name, "cannot be examined", errno);
  if (!S_ISREG(status.st_mode))
    return Error{Error::Kind::io,
                 name,
                 {},
                 S_ISDIR(status.st_mode) ? "is a folder, not a file" : "is not a regular file",
                 "Name a regular file"};
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

Status InputFile::read(std::uint64_t offset, std::span<char> into) const {
  if (offset > size_ || into.size() > size_ - offset)
    return damaged(name_, {},
                   fmt::format("{} bytes wanted at byte {}, but the file has {} bytes", into.size(), offset, size_));
  if (packed_ != nullptr) return archive_->read(*packed_, offset, into);
  while (!into.empty()) {
    const auto wanted = std::min(into.size(), kMostBytesPerCall);
    const auto got = ::pread(descriptor_, into.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(name_, fmt::format("cannot be read at byte {}", offset), errno);
    if (got == 0)
      return Error{Error::Kind::io,
                   name_,
                   {},
                   fmt::format("ended at byte {} although it had {} bytes when opened", offset, size_),
                   "Do not change the file while it is read, then try again"};
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return done();
}

Result<std::string> InputFile::read(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || length > size_ - offset)
    return damaged(name_, {},
                   fmt::format("{} bytes wanted at byte {}, but the file has {} bytes", length, offset, size_));
  std::string bytes(length, '\0');
  if (auto status = read(offset, std::span<char>{bytes}); !status) return std::move(status).error();
  return bytes;
}

Result<std::string> read_whole_file(const std::filesystem::path& path, std::uint64_t limit) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  if (file->size() > limit)
    return damaged(file->name(), {}, fmt::format("has {} bytes; at most {} are expected here", file->size(), limit));
  return file->read(0, file->size());
}

}  // namespace weighbridge
