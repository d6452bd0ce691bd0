#pragma once
// What lies where, in folders and in archives of `weighbridge pack` alike: an archive is a folder whose files are in it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/result.hpp"

namespace weighbridge::tree {

// As the functions of std::filesystem of those names, following links; what cannot be looked at is not there.
bool exists(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);  // also an archive itself, even a damaged one
bool is_file(const std::filesystem::path& path);    // regular; an archive itself is one too
std::uint64_t file_size(const std::filesystem::path& path);  // 0 of what is no file
// Absolute, without links as far as it exists in the file system; empty on failure.
std::filesystem::path canonical(const std::filesystem::path& path);

struct Entry {
  std::filesystem::path path;  // the folder's and the name
  bool link{};                 // the others are of what it leads to
  bool folder{}, file{};       // neither: a device, a pipe, a link to nothing
};

// What lies in a folder itself, sorted by name; an error, naming the folder, if it cannot be listed or holds more than `most`.
Result<std::vector<Entry>> list(const std::filesystem::path& folder, std::size_t most = std::size_t(-1));

// All files below a folder, sorted; links are not followed into folders.
Result<std::vector<std::filesystem::path>> files_below(const std::filesystem::path& folder);

}  // namespace weighbridge::tree
