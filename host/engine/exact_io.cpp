// Reads and writes that are complete or an error, and what the user is told when they are an error.
#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "engine/files.hpp"

namespace weighbridge {
namespace {

// Linux moves at most this much in one call.
constexpr std::size_t kLargestCall = 0x7ffff000;

std::string remedy_for(int number, const std::filesystem::path& path) {
  switch (number) {
    case ENOSPC:
    case EDQUOT: return "Free space on that disk or name a destination on another one";
    case EACCES:
    case EPERM: return "Check the permissions of " + path.string() + " and of the folders above it";
    case EROFS: return "Name a destination on a file system that can be written";
    case ENOENT:
    case ENOTDIR: return "Check the path; a part of it may have been moved or removed";
    case EEXIST:
    case ENOTEMPTY: return "Something else is writing there; wait for it or name another destination";
    case EFBIG: return "Raise the file size limit (ulimit -f) or write smaller files (--max-shard-size)";
    case EMFILE:
    case ENFILE: return "Raise the limit of open files (ulimit -n)";
    case ENAMETOOLONG: return "Name a destination with a shorter name";
    case EBUSY:
    case EXDEV: return "Name a destination that is not itself a mount point";
    case EBADMSG: return "Copy or download the archive again; `weighbridge unpack` says what is wrong with it";
    case EIO: return "Check the disk and the kernel's log, then run it again";
    default: return "Check the disk or file system that holds it, then run it again";
  }
}

template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Error outside(const std::filesystem::path& path, std::string_view subject) {
  return {Error::Kind::io, path.string(), std::string{subject}, "a position lies beyond what a file can hold",
          "The plan is faulty; please report this with the command that you ran"};
}

}  // namespace

Error refused(int number, const std::filesystem::path& path, std::string subject, std::string_view action) {
  const auto reason = number == ENOSPC   ? std::string{"the disk is full"}
                      : number == EDQUOT ? std::string{"the disk quota is used up"}
                      : number == EBADMSG ? std::string{"the archive is damaged there"}
                                         : std::generic_category().message(number);
  return {number == EBADMSG ? Error::Kind::format : Error::Kind::io, path.string(), std::move(subject), fmt::format("cannot {}: {}", action, reason),
          remedy_for(number, path)};
}

Result<Descriptor> open_file(Files& files, const std::filesystem::path& path, int flags) {
  const int number = uninterrupted([&] { return files.open(path, flags, 0666); });
  if (number < 0) return refused(errno, path, "", flags & O_CREAT ? "create it" : "open it");
  return Descriptor{files, number};
}

Status read_exactly(Files& files, int descriptor, std::uint64_t offset, std::span<std::byte> into,
                    const std::filesystem::path& path, std::string_view subject) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - into.size())
    return outside(path, subject);
  auto position = static_cast<std::int64_t>(offset);
  while (!into.empty()) {
    const auto part = std::min(into.size(), kLargestCall);
    const auto got = uninterrupted([&] { return files.pread(descriptor, into.data(), part, position); });
    if (got < 0) return refused(errno, path, std::string{subject}, fmt::format("read it at byte {}", position));
    if (got == 0)
      return Error{Error::Kind::format, path.string(), std::string{subject},
                   fmt::format("the file ends at byte {}, {} bytes before what was to be read", position, into.size()),
                   "The file was cut off or is being written; copy or download it again"};
    into = into.subspan(static_cast<std::size_t>(got));
    position += got;
  }
  return done();
}

Status write_exactly(Files& files, int descriptor, std::uint64_t offset, std::span<const std::byte> from,
                     const std::filesystem::path& path, std::string_view subject) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - from.size())
    return outside(path, subject);
  auto position = static_cast<std::int64_t>(offset);
  while (!from.empty()) {
    const auto part = std::min(from.size(), kLargestCall);
    const auto put = uninterrupted([&] { return files.pwrite(descriptor, from.data(), part, position); });
    // A call that moves nothing and reports nothing would be repeated for ever.
    if (put <= 0)
      return refused(put < 0 ? errno : EIO, path, std::string{subject}, fmt::format("write it at byte {}", position));
    from = from.subspan(static_cast<std::size_t>(put));
    position += put;
  }
  return done();
}

Status sync_file(Files& files, const std::filesystem::path& path) {
  const auto opened = open_file(files, path, O_RDONLY);
  if (!opened) return opened.error();
  if (uninterrupted([&] { return files.fsync(opened->number()); }) < 0)
    return refused(errno, path, "", "sync it to the disk");
  return done();
}

Status sync_folder(Files& files, const std::filesystem::path& path) {
  const auto opened = open_file(files, path, O_RDONLY | O_DIRECTORY);
  if (!opened) return opened.error();
  if (uninterrupted([&] { return files.fsync(opened->number()); }) < 0 && errno != EINVAL && errno != ENOTSUP)
    return refused(errno, path, "", "sync it to the disk");
  return done();
}

}  // namespace weighbridge
