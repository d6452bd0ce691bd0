#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/plugin_commands.hpp"

namespace weighbridge {

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

  auto& one = *command.add_subcommand(
      "check", "Proves one plugin on small models of its own and tells everything that is wrong");
  one.add_option_function<std::string>(
         "file", [request](const std::string& file) { request->file = file; }, "The library, or its manifest")
      ->required()
      ->type_name("FILE");
  one.add_option_function<std::vector<std::string>>(
         "--config",
         [request](const std::vector<std::string>& files) { request->configs.assign(files.begin(), files.end()); },
         "A small config.json to prove besides those of the manifest; may be repeated")
      ->type_name("FILE");
  one.add_flag("--strict", request->strict, "Warnings count: a family that nothing proves, a module of no known name");
  declare_json(one, request->options);
  one.footer(
      "The exit code is 1 if there is an error. What the rules mean: docs/plugins.md.\n\n"
      "Examples:\n  weighbridge plugin check ./my_family.so\n  weighbridge plugin check ./my_family.so --config "
      "tiny/config.json --strict");
  one.final_callback(
      [request, &chosen] { chosen.run = [request](Console& console) { return check_one_plugin(*request, console); }; });
}

}  // namespace weighbridge
