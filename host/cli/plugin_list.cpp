#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <ostream>

#include "cli/plugin_commands.hpp"
#include "cli/report.hpp"

namespace weighbridge {

namespace json = boost::json;

int list_plugins(const Options& options, Console& console) {
  const auto registry = Registry::scan(options.plugin_paths);
  if (options.json) {
    json::array folders, plugins, skipped;
    for (const auto& folder : registry.folders()) folders.push_back(json::string{folder.string()});
    for (const auto& manifest : registry.manifests()) {
      plugins.push_back({{"id", manifest.id},
                         {"version", manifest.version},
                         {"folder", manifest.file.parent_path().string()},
                         {"library", manifest.library.filename().string()},
                         {"status", "available"},
                         {"abi", {{"major", manifest.abi_major}, {"needs_minor", manifest.needs_minor}}},
                         {"architectures", strings_json(manifest.architectures)}});
    }
    for (const auto& plugin : registry.skipped()) {
      skipped.push_back(
          {{"file", plugin.file.string()}, {"id", plugin.id}, {"status", "skipped"}, {"reason", plugin.reason}});
    }
    print(console, {{"command", "plugin list"},
                    {"folders", std::move(folders)},
                    {"plugins", std::move(plugins)},
                    {"skipped", std::move(skipped)}});
    return kDone;
  }
  for (const auto& manifest : registry.manifests()) {
    console.out << fmt::format("{:<16} {:<10} available  {}\n", manifest.id, manifest.version,
                               manifest.file.parent_path().string());
  }
  for (const auto& plugin : registry.skipped()) {
    console.out << fmt::format("{:<16} {:<10} skipped    {}: {}\n", plugin.id.empty() ? "?" : plugin.id, "",
                               plugin.file.string(), plugin.reason);
  }
  if (registry.manifests().empty() && registry.skipped().empty()) console.out << "No plugins were found.\n";
  console.out << "Searched:\n";
  for (const auto& folder : registry.folders()) console.out << "  " << folder.string() << '\n';
  console.out << std::flush;
  return kDone;
}

}  // namespace weighbridge
