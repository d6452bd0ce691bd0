#include "families/registry.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <weighbridge/abi.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <cstdlib>
#include <set>

#include "families/library.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> search_folders(const std::vector<fs::path>& first) {
  auto folders = first;
  if (const char* list = std::getenv("WEIGHBRIDGE_PLUGIN_PATH")) {
    std::string_view rest{list};
    while (!rest.empty()) {
      const auto colon = rest.find(':');
      if (const auto item = rest.substr(0, colon); !item.empty()) folders.emplace_back(item);
      rest = colon == rest.npos ? std::string_view{} : rest.substr(colon + 1);
    }
  }
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  if (data != nullptr && *data != 0) folders.push_back(fs::path{data} / "weighbridge/plugins");
  else if (home != nullptr && *home != 0) folders.push_back(fs::path{home} / ".local/share/weighbridge/plugins");
  boost::dll::fs::error_code error;
  const auto program = boost::dll::program_location(error);
  if (!error) folders.push_back(fs::path{program.string()}.parent_path().parent_path() / "lib/weighbridge/plugins");
  return folders;
}

// Checks and variants lie beside the manifest that names them.
bool is_manifest(std::string_view name) {
  return name.ends_with(".json") && !name.ends_with(".checks.json") && !name.ends_with(".variants.json");
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return !name.empty() && std::ranges::find(names, name) != names.end();
}

}  // namespace

Registry Registry::scan(const std::vector<fs::path>& first) {
  Registry registry;
  registry.folders_ = search_folders(first);
  std::set<std::string> ids;
  for (const auto& folder : registry.folders_) {
    std::error_code error;
    std::vector<fs::path> files;
    for (fs::directory_iterator entry{folder, error}, end; !error && entry != end; entry.increment(error))
      if (is_manifest(entry->path().filename().string())) files.push_back(entry->path());
    std::ranges::sort(files);
    for (const auto& file : files) {
      auto manifest = read_manifest(file);
      if (!manifest) registry.skipped_.push_back({file, file.stem().string(), manifest.error().text()});
      else if (!ids.insert(manifest->id).second)
        registry.skipped_.push_back({file, manifest->id, "another plugin of this id comes first"});
      else registry.manifests_.push_back(std::move(*manifest));
    }
  }
  return registry;
}

Result<std::vector<Family>> Registry::load(const Manifest& manifest) {
  auto families = load_library(manifest);
  if (!families && std::ranges::none_of(skipped_, [&](const auto& skipped) { return skipped.file == manifest.file; }))
    skipped_.push_back({manifest.file, manifest.id, families.error().text()});
  if (families)
    for (auto& family : *families) family.others = this;
  return families;
}

Result<Family> Registry::find(std::string_view architecture, std::string_view model_type) {
  const bool by_type = architecture.empty();
  for (const auto& manifest : manifests_) {
    if (!contains(by_type ? manifest.model_types : manifest.architectures, by_type ? model_type : architecture)) continue;
    auto families = load(manifest);
    if (!families) continue;
    for (const auto& family : *families) {
      const auto* names = by_type ? family.table->model_types : family.table->architectures;
      const auto count = by_type ? family.table->model_type_count : family.table->architecture_count;
      for (std::size_t i = 0; i < count; ++i)
        if (std::string_view{names[i].data, names[i].size} == (by_type ? model_type : architecture)) return family;
    }
  }
  std::vector<std::string> known, folders, broken;
  for (const auto& manifest : manifests_) known.insert(known.end(), manifest.architectures.begin(), manifest.architectures.end());
  for (const auto& folder : folders_) folders.push_back(folder.string());
  for (const auto& plugin : skipped_) broken.push_back(fmt::format("{} ({})", plugin.id, plugin.reason));
  std::ranges::sort(known);
  return Error{Error::Kind::plugin, "", by_type ? fmt::format("model type {}", model_type) : std::string{architecture},
               fmt::format("no plugin knows this {}; known are {}{}", by_type ? "model type" : "architecture", fmt::join(known, ", "),
                           broken.empty() ? "" : fmt::format("; skipped: {}", fmt::join(broken, ", "))),
               fmt::format("Put a plugin for it into one of {}, or name its folder with --plugin-path", fmt::join(folders, ", "))};
}

}  // namespace weighbridge
