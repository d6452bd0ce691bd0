#pragma once
// A lock that is a file's name: who holds it is the only run that writes to a destination.

#include <filesystem>

#include "engine/files.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Opens `file`, making it if `flags` say so, and locks it as the file of that name; the lock is held while it is open. Whoever
// removes or renames the file does so while holding it. Error::Kind::usage if another run holds it, naming `destination`. Where a
// file system has no locks, keeping two runs apart is up to the user.
Result<Descriptor> lock_named(Files& files, const std::filesystem::path& file, int flags, const std::filesystem::path& destination);

}  // namespace weighbridge
