#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <memory>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"

namespace weighbridge {
namespace {

boost::json::object manifest_json(const Manifest& manifest) {
  return {{"id", manifest.id},
          {"version", manifest.version},
          {"summary", manifest.summary},
          {"architectures", strings_json(manifest.architectures)},
          {"model_types", strings_json(manifest.model_types)},
          {"variants", strings_json(manifest.variants)},
          {"manifest", manifest.file.string()}};
}

std::string manifest_text(const Manifest& manifest) {
  auto text = fmt::format("{} {}{}\n", manifest.id, manifest.version,
                          manifest.summary.empty() ? "" : ": " + manifest.summary);
  text += fmt::format("  architectures  {}\n", fmt::join(manifest.architectures, ", "));
  if (!manifest.model_types.empty()) text += fmt::format("  model types    {}\n", fmt::join(manifest.model_types, ", "));
  if (!manifest.variants.empty()) text += fmt::format("  models         {}\n", fmt::join(manifest.variants, ", "));
  return text;
}

int list_models(const Options& options, Console& console) {
  const auto registry = Registry::scan(options.plugin_paths);
  if (options.json) {
    boost::json::array families;
    for (const auto& manifest : registry.manifests()) families.push_back(manifest_json(manifest));
    print(console, {{"command", "models"}, {"families", std::move(families)}});
    return kDone;
  }
  for (const auto& manifest : registry.manifests()) console.out << manifest_text(manifest);
  if (registry.manifests().empty()) console.out << "No families are installed.\n";
  console.out << std::flush;
  if (!registry.skipped().empty()) {
    remark(console, fmt::format("Skipped: {}; see weighbridge plugin list", registry.skipped().size()));
  }
  return kDone;
}

}  // namespace

void add_models(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("models", "Families and architectures that are installed");
  const auto options = std::make_shared<Options>();
  declare_plugin_path(command, *options);
  declare_json(command, *options);
  command.footer("Example:\n  weighbridge models");
  command.final_callback([options, &chosen] {
    chosen.run = [options](Console& console) { return list_models(*options, console); };
  });
}

}  // namespace weighbridge
