#pragma once
// The families that are installed: found by their manifests, loaded when one is needed, kept apart when one is broken.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "families/manifest.hpp"
#include "tensor/result.hpp"

struct wb_family;
struct wb_plugin;

namespace weighbridge {

// A family of a loaded plugin. The library stays loaded until the process ends.
struct Family {
  const wb_family* table{};  // never null
  Manifest manifest;         // of its plugin
  class Registry* others{};  // where families of its parts are found; stays in place as long as the family is used
};

// A plugin that is not used, and why.
struct SkippedPlugin {
  std::filesystem::path file;  // of the manifest or library
  std::string id;              // as far as known
  std::string reason;          // one sentence
};

class Registry {
 public:
  // Reads the manifests (*.json) of the folders in order: `first` (of --plugin-path), WEIGHBRIDGE_PLUGIN_PATH (colon
  // separated), $XDG_DATA_HOME/weighbridge/plugins (default ~/.local/share), ../lib/weighbridge/plugins beside the
  // program. Of two plugins with one id the first counts. Nothing is loaded. Never fails: what is no use is skipped.
  static Registry scan(const std::vector<std::filesystem::path>& first = {});

  const std::vector<Manifest>& manifests() const { return manifests_; }
  const std::vector<SkippedPlugin>& skipped() const { return skipped_; }  // grows as plugins are loaded
  const std::vector<std::filesystem::path>& folders() const { return folders_; }

  // Loads the plugin that owns an architecture of config.json ("architectures"[0]), or a model type where the config
  // names no architecture. A plugin that proves broken is skipped and the next that claims it is tried. The error
  // (Error::Kind::plugin) lists the folders searched, plugins skipped and the architectures known.
  Result<Family> find(std::string_view architecture, std::string_view model_type);

  // Loads one plugin and gives all its families. Not for two threads at a time.
  Result<std::vector<Family>> load(const Manifest& manifest);

 private:
  std::vector<std::filesystem::path> folders_;
  std::vector<Manifest> manifests_;
  std::vector<SkippedPlugin> skipped_;
};

}  // namespace weighbridge
