#include "engine/named_lock.hpp"

#include <cerrno>

#include <sys/file.h>

namespace weighbridge {

Result<Descriptor> lock_named(Files& files, const std::filesystem::path& file, int flags, const std::filesystem::path& destination) {
  constexpr int kAttempts = 100;
  const Error busy{Error::Kind::usage, destination.string(), "", "another run is writing to this destination",
                   "Wait for it to end, or name another destination"};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto opened = open_file(files, file, flags);
    if (!opened) return opened;
    int locked = files.flock(opened->number(), LOCK_EX | LOCK_NB);
    while (locked < 0 && errno == EINTR) locked = files.flock(opened->number(), LOCK_EX | LOCK_NB);
    if (locked < 0) {
      if (errno == EWOULDBLOCK) return busy;
      if (errno != ENOTSUP && errno != ENOSYS && errno != ENOLCK) return refused(errno, file, "", "lock it");
    }
    // A run that ended since may have removed or renamed this very file; the lock counts only for the file of that name.
    struct ::stat mine {
    }, named{};
    if (files.fstat(opened->number(), mine) < 0) return refused(errno, file, "", "look at it");
    if (files.stat(file, named) < 0) {
      if (errno == ENOENT) continue;
      return refused(errno, file, "", "look at it");
    }
    if (mine.st_ino == named.st_ino && mine.st_dev == named.st_dev) return opened;
  }
  return busy;  // many others come and go
}

}  // namespace weighbridge
