#include "formats/file_tree.hpp"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "formats/packed_folder.hpp"

namespace weighbridge::tree {
namespace {

namespace fs = std::filesystem;

// A path below an archive, as far as it can be read.
std::optional<PackedPlace> packed(const fs::path& path) {
  auto place = find_packed(path);
  return place ? *std::move(place) : std::nullopt;
}

}  // namespace

bool exists(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error)) return true;
  const auto place = packed(path);
  return place && (place->folder->file(place->path) != nullptr || place->folder->has_folder(place->path));
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  const auto type = fs::status(path, error).type();
  if (type == fs::file_type::directory) return true;
  if (type == fs::file_type::regular) return runs_into_archive(path);
  const auto place = packed(path);
  return place && place->folder->has_folder(place->path);
}

bool is_file(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return true;
  const auto place = packed(path);
  return place && place->folder->file(place->path) != nullptr;
}

std::uint64_t file_size(const fs::path& path) {
  std::error_code error;
  if (const auto size = fs::file_size(path, error); !error) return size;
  const auto place = packed(path);
  const auto* file = place ? place->folder->file(place->path) : nullptr;
  return file != nullptr ? file->size : 0;
}

fs::path canonical(const fs::path& path) {
  std::error_code error;
  auto real = fs::canonical(path, error);
  if (!error) return real;
  const auto place = packed(path);
  if (!place) return {};
  real = fs::canonical(place->archive, error);
  return error ? fs::path{} : real / place->path;
}

Result<std::vector<Entry>> list(const fs::path& folder, std::size_t most) {
  std::vector<Entry> entries;
  const auto too_many = [&] {
    return Error{Error::Kind::mismatch, folder.string(), {}, fmt::format("holds more than {} files", most), "Give the folder of the model alone"};
  };
  std::error_code error;
  fs::directory_iterator entry{folder, error};
  if (!error) {
    for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
      if (entries.size() == most) return too_many();
      std::error_code ignored;
      entries.push_back({entry->path(), entry->is_symlink(ignored), entry->is_directory(ignored), entry->is_regular_file(ignored)});
    }
  } else {
    auto place = find_packed(folder);
    if (!place) return std::move(place).error();
    if (*place && (*place)->folder->has_folder((*place)->path)) {
      for (const auto& [name, is_folder] : (*place)->folder->list((*place)->path)) {
        if (entries.size() == most) return too_many();
        entries.push_back({folder / name, false, is_folder, !is_folder});
      }
      error.clear();
    }
  }
  if (error)
    return Error{Error::Kind::io, folder.string(), {}, "cannot be listed: " + error.message(), "Check that the folder is readable"};
  std::ranges::sort(entries, {}, &Entry::path);
  return entries;
}

Result<std::vector<fs::path>> files_below(const fs::path& folder) {
  std::vector<fs::path> files, open{folder};
  while (!open.empty()) {
    const auto entries = list(std::exchange(open.back(), {}));
    open.pop_back();
    if (!entries) return entries.error();
    for (const auto& entry : *entries) {
      if (entry.file) files.push_back(entry.path);
      else if (entry.folder && !entry.link) open.push_back(entry.path);
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace weighbridge::tree
