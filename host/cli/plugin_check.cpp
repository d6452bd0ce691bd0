#include <ostream>
#include <system_error>

#include "cli/plugin_commands.hpp"
#include "cli/temporary_folder.hpp"
#include "conformance/conformance.hpp"

namespace weighbridge {

int check_one_plugin(const PluginRequest& request, Console& console) {
  std::error_code none;
  const auto scratch = TemporaryFolder::make(std::filesystem::temp_directory_path(none));
  if (!scratch) return fail(console, scratch.error(), request.options.json);
  const auto report = check_plugin(request.file, {.configs = request.configs, .scratch = scratch->path()});
  if (request.options.json)
    print(console, to_json(report, request.strict));
  else
    console.out << to_text(report, request.strict) << std::flush;
  return report.passes(request.strict) ? kDone : kFailed;
}

}  // namespace weighbridge
