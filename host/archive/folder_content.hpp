#pragma once
// What lies in a folder that is to be packed.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/result.hpp"

namespace weighbridge {

struct ContentFile {
  std::string path;              // relative, as an archive spells it
  std::filesystem::path source;  // canonical
  std::uint64_t size{};
  std::int64_t changed{};  // nanoseconds; tells whether it is still the same
};

// Something that an archive does not hold, and why.
struct LeftOut {
  std::string path;
  std::string reason;
};

struct FolderContent {
  std::vector<std::string> folders;  // sorted
  std::vector<ContentFile> files;    // by path
  std::vector<LeftOut> left_out;     // by path
};

// Every file and folder below `folder`, hidden ones too. A link to a file in the folder, or to a blob of a hub cache, is
// packed as the file that it leads to; a link out of the folder is an error unless `follow_links`, so that a downloaded
// folder cannot make a private file part of an archive. Left out are links to folders, and what is neither file nor folder.
// Errors: io for what cannot be listed or a link to nothing; unsupported for a name that no archive can hold.
Result<FolderContent> list_folder(const std::filesystem::path& folder, bool follow_links);

// An error if a file's size or time differs from what was listed.
Status still_the_same(const FolderContent& content);

}  // namespace weighbridge
