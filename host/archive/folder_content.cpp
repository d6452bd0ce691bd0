#include "archive/folder_content.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "formats/archive_index.hpp"
#include "engine/files.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

std::int64_t nanoseconds(const struct ::stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

bool lies_in(const fs::path& folder, const fs::path& file) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
}

// models--org--name/blobs/<hash>, wherever the cache is.
bool is_hub_blob(const fs::path& file) {
  const auto blobs = file.parent_path();
  return blobs.filename() == "blobs" && blobs.parent_path().filename().string().starts_with("models--");
}

class Listing {
 public:
  Listing(fs::path root, bool follow_links) : root_{std::move(root)}, follow_links_{follow_links} {}

  Status add(const fs::directory_entry& entry) {
    const auto name = entry.path().lexically_relative(root_).generic_string();
    if (!is_archive_name(name))
      return Error{Error::Kind::unsupported, root_.string(), name,
                   "an archive can hold no name that has a backslash or a control character, or more than 4096 bytes",
                   "Rename it, then pack again"};
    std::error_code error;
    if (entry.is_symlink(error)) return add_link(entry.path(), name);
    if (entry.is_directory(error)) {
      found.folders.push_back(name);
      return done();
    }
    if (!entry.is_regular_file(error)) {
      found.left_out.push_back({name, "not a regular file"});
      return done();
    }
    return add_file(entry.path(), name);
  }

  FolderContent found;

 private:
  Status add_link(const fs::path& path, const std::string& name) {
    std::error_code error;
    const auto target = fs::canonical(path, error);
    if (error)
      return Error{Error::Kind::io, path.string(), "", "is a link to nothing",
                   "Download the file again, or remove the link"};
    if (!fs::is_regular_file(target, error)) {
      found.left_out.push_back({name, "a link to something other than a file"});
      return done();
    }
    if (!follow_links_ && !lies_in(root_, target) && !is_hub_blob(target))
      return Error{Error::Kind::usage, path.string(), "", "is a link out of the folder, to " + target.string(),
                   "Put the file itself there, or pack what links lead to with --follow-links"};
    return add_file(target, name);
  }

  Status add_file(const fs::path& source, const std::string& name) {
    struct ::stat status {};
    if (::stat(source.c_str(), &status) < 0) return refused(errno, source, "", "look at it");
    found.files.push_back({name, source, static_cast<std::uint64_t>(status.st_size), nanoseconds(status)});
    return done();
  }

  fs::path root_;
  bool follow_links_;
};

}  // namespace

Result<FolderContent> list_folder(const fs::path& folder, bool follow_links) {
  std::error_code error;
  const auto root = fs::canonical(folder, error);
  if (error)
    return Error{Error::Kind::io, folder.string(), "", "cannot be found: " + error.message(),
                 "Check the folder's name"};
  if (!fs::is_directory(root, error))
    return Error{Error::Kind::usage, folder.string(), "", "is a file, not a folder", "Name the folder of a checkpoint"};
  Listing listing{root, follow_links};
  // Links to folders are not followed, so there is no end to reach twice.
  fs::recursive_directory_iterator entry{root, error};
  for (; !error && entry != fs::recursive_directory_iterator{}; entry.increment(error))
    if (auto added = listing.add(*entry); !added) return std::move(added).error();
  if (error)
    return Error{Error::Kind::io, folder.string(), "", "cannot be listed: " + error.message(),
                 "Check that you may read the folders in it"};
  auto found = std::move(listing.found);
  std::ranges::sort(found.folders);
  std::ranges::sort(found.files, {}, &ContentFile::path);
  std::ranges::sort(found.left_out, {}, &LeftOut::path);
  return found;
}

Status still_the_same(const FolderContent& content) {
  for (const auto& file : content.files) {
    struct ::stat status {};
    if (::stat(file.source.c_str(), &status) < 0) return refused(errno, file.source, "", "look at it");
    if (static_cast<std::uint64_t>(status.st_size) != file.size || nanoseconds(status) != file.changed)
      return Error{Error::Kind::mismatch, file.source.string(), "", "it was changed while it was packed",
                   "Pack the folder when nothing writes to it"};
  }
  return done();
}

}  // namespace weighbridge
