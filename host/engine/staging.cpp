#include "engine/staging.hpp"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>

#include "engine/named_lock.hpp"
#include "formats/crc32.hpp"

namespace weighbridge {
namespace {

enum class Presence { none, folder, other };

Result<Presence> presence(Files& files, const std::filesystem::path& path) {
  struct ::stat found {};
  if (files.stat(path, found) == 0) return S_ISDIR(found.st_mode) ? Presence::folder : Presence::other;
  if (errno == ENOENT) return Presence::none;
  return refused(errno, path, "", "look at it");
}

// A hidden name beside the destination. File systems take names of 255 bytes; longer ones are told apart by a checksum.
std::filesystem::path beside(const std::filesystem::path& destination, std::string_view role) {
  auto name = destination.filename().string();
  constexpr std::size_t kLongest = 200;
  if (name.size() > kLongest) name = fmt::format("{}-{:08x}", name.substr(0, kLongest), crc32(name));
  return destination.parent_path() / fmt::format(".{}.weighbridge-{}", name, role);
}

}  // namespace

Staging::Staging(Files& files, const std::filesystem::path& destination)
    : files_{files},
      destination_{destination},
      partial_{beside(destination, "partial")},
      replaced_{beside(destination, "replaced")},
      journal_{beside(destination, "journal")},
      record_{beside(destination, "done")},
      lock_path_{beside(destination, "lock")} {}

Result<std::unique_ptr<Staging>> Staging::claim(Files& files, const std::filesystem::path& destination) {
  std::unique_ptr<Staging> staging{new Staging{files, destination}};  // the constructor is private
  if (auto made = staging->make_parents(); !made) return made.error();
  if (auto locked = staging->lock(); !locked) return locked.error();
  return staging;
}

Result<std::unique_ptr<Staging>> Staging::begin(Files& files, const std::filesystem::path& destination, bool overwrite) {
  auto staging = claim(files, destination);
  if (!staging) return staging;
  if (auto started = (*staging)->start(overwrite); !started) return started.error();
  return staging;
}

Status Staging::start(bool overwrite) {
  if (auto recovered = put_old_one_back(); !recovered) return recovered;
  // What could be resumed stays if this run is refused.
  const auto leftover = has_leftover();
  if (!leftover) return leftover.error();
  if (!*leftover)
    if (auto removed = remove_leftover(); !removed) return removed;
  if (auto looked = look_at_destination(overwrite); !looked) return looked;
  if (*leftover)
    if (auto removed = remove_leftover(); !removed) return removed;
  if (files_.mkdir(partial_) < 0) return refused(errno, partial_, "", "make this folder");
  made_ = true;
  return done();
}

Status Staging::resume(bool overwrite) {
  if (auto recovered = put_old_one_back(); !recovered) return recovered;
  if (auto looked = look_at_destination(overwrite); !looked) return looked;
  made_ = true;
  return done();
}

Result<bool> Staging::has_leftover() {
  struct ::stat found {};
  if (files_.stat(journal_, found) < 0) {
    if (errno == ENOENT) return false;
    return refused(errno, journal_, "", "look at it");
  }
  const auto folder = presence(files_, partial_);
  if (!folder) return folder.error();
  if (*folder == Presence::folder) return true;
  if (files_.unlink(journal_) < 0 && errno != ENOENT) return refused(errno, journal_, "", "remove what an earlier run left");
  return false;
}

Staging::~Staging() {
  if (made_ && !kept_) {
    // Never a journal of a folder that is not whole.
    files_.unlink(journal_);
    files_.remove_tree(partial_);
  }
  // The name goes before the lock does, so that whoever locks a file can tell whether it is still the one (see lock_named).
  if (lock_) files_.unlink(lock_path_);
  lock_.reset();
  for (auto parent = made_parents_.rbegin(); parent != made_parents_.rend(); ++parent) files_.rmdir(*parent);
}

Status Staging::make_parents() {
  std::vector<std::filesystem::path> missing;
  for (auto parent = destination_.parent_path();; parent = parent.parent_path()) {
    const auto found = presence(files_, parent);
    if (!found) return found.error();
    if (*found == Presence::folder) break;
    if (*found == Presence::other || parent == parent.root_path()) return refused(ENOTDIR, parent, "", "write into it");
    missing.push_back(parent);
  }
  for (auto parent = missing.rbegin(); parent != missing.rend(); ++parent) {
    if (files_.mkdir(*parent) == 0)
      made_parents_.push_back(*parent);
    else if (errno != EEXIST)
      return refused(errno, *parent, "", "make this folder");
  }
  return done();
}

Status Staging::lock() {
  auto locked = lock_named(files_, lock_path_, O_RDWR | O_CREAT, destination_);
  if (!locked) return locked.error();
  lock_ = *std::move(locked);
  return done();
}

Status Staging::remove_leftover() {
  // Never a journal of a folder that is not whole, also after a loss of power.
  if (files_.unlink(journal_) == 0) {
    if (auto synced = sync_folder(files_, journal_.parent_path()); !synced) return synced;
  } else if (errno != ENOENT) {
    return refused(errno, journal_, "", "remove what an earlier run left");
  }
  if (files_.remove_tree(partial_) < 0) return refused(errno, partial_, "", "remove what an earlier run left");
  return done();
}

Status Staging::put_old_one_back() {
  const auto old = presence(files_, replaced_);
  if (!old) return old.error();
  if (*old == Presence::none) return done();
  const auto current = presence(files_, destination_);
  if (!current) return current.error();
  if (*current == Presence::none) {
    if (files_.rename(replaced_, destination_) < 0) return refused(errno, replaced_, "", "put it back in its place");
  } else if (files_.remove_tree(replaced_) < 0) {
    return refused(errno, replaced_, "", "remove what an earlier run left");
  }
  return done();
}

Status Staging::look_at_destination(bool overwrite) {
  const auto found = presence(files_, destination_);
  if (!found) return found.error();
  if (*found == Presence::none) return done();
  if (*found == Presence::other)
    return Error{Error::Kind::usage, destination_.string(), "", "the destination is a file, not a folder",
                 "Name a folder that does not exist yet"};
  const int empty = files_.is_empty(destination_);
  if (empty < 0) return refused(errno, destination_, "", "look into it");
  if (empty == 1) return done();
  if (!overwrite)
    return Error{Error::Kind::usage, destination_.string(), "", "the destination exists and is not empty",
                 "Name another folder, or replace this one with --overwrite"};
  replaces_ = true;
  return done();
}

Status Staging::publish(std::vector<std::string>& warnings) {
  if (replaces_ && files_.rename(destination_, replaced_) < 0)
    return refused(errno, destination_, "", "move the old destination aside");
  const auto put_back = [this] {
    if (replaces_) files_.rename(replaced_, destination_);
  };
  if (files_.rename(partial_, destination_) < 0) {
    auto error = refused(errno, destination_, "", "put the finished folder in its place");
    put_back();
    return error;
  }
  // The folder that names the destination, and those that name the parents made for it.
  auto synced = sync_folder(files_, destination_.parent_path());
  for (auto parent = made_parents_.rbegin(); synced && parent != made_parents_.rend(); ++parent)
    synced = sync_folder(files_, parent->parent_path());
  if (!synced) {
    if (files_.rename(destination_, partial_) == 0) put_back();
    return synced;
  }
  made_ = false;
  made_parents_.clear();
  files_.unlink(journal_);  // of no more use; the next run removes one that stays
  if (replaces_ && files_.remove_tree(replaced_) < 0)
    warnings.push_back(fmt::format("the old destination could not be removed and is now {}", replaced_.string()));
  return done();
}

Result<std::filesystem::path> resolve_destination(Files& files, const std::filesystem::path& destination,
                                                  const std::vector<std::filesystem::path>& sources) {
  const auto canonical = [&](const std::filesystem::path& path) -> Result<std::filesystem::path> {
    auto found = files.canonical(path);
    if (found.empty()) return refused(errno, path, "", "find it");
    if (!found.has_filename()) found = found.parent_path();  // "out/" is "out"
    return found;
  };
  const auto inside = [](const std::filesystem::path& path, const std::filesystem::path& folder) {
    const auto relative = path.lexically_relative(folder);
    return !relative.empty() && *relative.begin() != "..";
  };
  auto resolved = canonical(destination);
  if (!resolved) return resolved;
  if (resolved->filename().empty())
    return Error{Error::Kind::usage, destination.string(), "", "the destination has no name of its own",
                 "Name a folder that does not exist yet"};
  std::filesystem::path seen;  // sources come folder by folder
  for (const auto& source : sources) {
    const auto clashes = [&](const std::filesystem::path& place) {
      return Error{Error::Kind::usage, resolved->string(), "",
                   fmt::format("the destination is, contains or lies in the source folder {}", place.string()),
                   "Name a folder elsewhere"};
    };
    const auto parent = source.has_parent_path() ? source.parent_path() : std::filesystem::path{"."};
    if (seen != parent) {
      const auto folder = canonical(parent);
      if (!folder) return folder.error();
      if (inside(*resolved, *folder) || inside(*folder, *resolved)) return clashes(*folder);
      seen = parent;
    }
    // A link may lead elsewhere; only replacing the file that it leads to would do harm.
    const auto file = canonical(source);
    if (!file) return file.error();
    if (inside(*file, *resolved)) return clashes(file->parent_path());
  }
  return resolved;
}

Status check_free_space(Files& files, const std::filesystem::path& folder, std::uint64_t bytes, std::uint64_t count) {
  struct ::statvfs space {};
  if (files.statvfs(folder, space) < 0) return refused(errno, folder, "", "ask for its free space");
  const auto needed = bytes + count * space.f_frsize;  // each file may leave its last block half used
  const auto free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  if (needed <= free) return done();
  return Error{Error::Kind::io, folder.string(), "",
               fmt::format("the disk is too full: {} bytes are needed and {} are free", needed, free),
               fmt::format("Free {} bytes or name a destination on another disk", needed - free)};
}

}  // namespace weighbridge
