#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <memory>
#include <ostream>
#include <system_error>

#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

struct PluginRequest {
  Options options;
  std::filesystem::path file;
};

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

struct Check {
  std::optional<Manifest> manifest;
  std::size_t families{};
  std::vector<std::string> violations;
};

// A plugin is named by its library or by the manifest beside it.
Check check(const std::filesystem::path& file) {
  Check result;
  auto manifest_file = file;
  if (file.extension() != ".json") manifest_file.replace_extension(".json");
  auto manifest = read_manifest(manifest_file);
  if (!manifest) {
    result.violations.push_back(manifest.error().text());
    return result;
  }
  result.manifest = *manifest;
  std::error_code unknown;
  if (file.extension() != ".json" && !std::filesystem::equivalent(file, manifest->library, unknown)) {
    result.violations.push_back(fmt::format("{}: the manifest beside it names another library, {}", file.string(),
                                            manifest->library.filename().string()));
  }
  auto registry = Registry::scan();
  const auto known = registry.skipped().size();
  const auto families = registry.load(*manifest);
  if (families) {
    result.families = families->size();
    if (families->empty()) result.violations.push_back(manifest->library.string() + ": it has no family");
  } else {
    result.violations.push_back(families.error().text());
    for (auto i = known; i < registry.skipped().size(); ++i) {
      const auto& reason = registry.skipped()[i].reason;
      if (families.error().text().find(reason) == std::string::npos) result.violations.push_back(reason);
    }
  }
  return result;
}

int check_plugin(const PluginRequest& request, Console& console) {
  const auto result = check(request.file);
  const bool good = result.violations.empty();
  if (request.options.json) {
    json::object object{{"command", "plugin check"},
                        {"file", request.file.string()},
                        {"ok", good},
                        {"families", result.families},
                        {"violations", strings_json(result.violations)}};
    if (result.manifest) {
      object["id"] = result.manifest->id;
      object["version"] = result.manifest->version;
      object["architectures"] = strings_json(result.manifest->architectures);
    }
    print(console, object);
  } else if (good) {
    console.out << fmt::format("{} {}: loads, and is what its manifest says ({}; {})\n", result.manifest->id,
                               result.manifest->version, fmt::join(result.manifest->architectures, ", "),
                               result.families == 1 ? "1 family" : fmt::format("{} families", result.families));
  } else {
    for (const auto& violation : result.violations) remark(console, "weighbridge: " + violation);
  }
  return good ? kDone : kFailed;
}

}  // namespace

void add_plugin(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("plugin", "The plugins that hold the families");
  command.require_subcommand(1);
  const auto request = std::make_shared<PluginRequest>();

  auto& list = *command.add_subcommand("list", "Plugins found, plugins skipped and why, folders searched");
  declare_plugin_path(list, request->options);
  declare_json(list, request->options);
  list.footer("Example:\n  weighbridge plugin list --plugin-path ./plugins");
  list.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return list_plugins(request->options, console); };
  });

  auto& one = *command.add_subcommand("check", "Loads one plugin and tells every way in which it breaks the contract");
  one.add_option_function<std::string>(
         "file", [request](const std::string& file) { request->file = file; }, "The library, or its manifest")
      ->required()
      ->type_name("FILE");
  declare_json(one, request->options);
  one.footer("Example:\n  weighbridge plugin check ./my_family.so");
  one.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return check_plugin(*request, console); };
  });
}

}  // namespace weighbridge
