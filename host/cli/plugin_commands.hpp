#pragma once
// What `weighbridge plugin` does; each gives the exit code.

#include <filesystem>
#include <vector>

#include "cli/console.hpp"
#include "cli/options.hpp"

namespace weighbridge {

struct PluginRequest {
  Options options;
  std::filesystem::path file;
  std::vector<std::filesystem::path> configs;  // to prove besides those of the manifest
  bool strict{};                               // warnings count
};

int list_plugins(const Options& options, Console& console);
int check_one_plugin(const PluginRequest& request, Console& console);

}  // namespace weighbridge
