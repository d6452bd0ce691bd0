#include "archive/unpack.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/conversions.hpp"
#include "cli/options.hpp"
#include "cli/pack_report.hpp"

namespace weighbridge {
namespace {

struct UnpackRequest {
  std::string archive, folder;
  Options options;
};

int unpack_checkpoint(const UnpackRequest& request, Console& console) {
  const auto& options = request.options;
  const auto report = unpack(request.archive, request.folder, run_options(console, options));
  if (!report) return fail(console, report.error(), options.json);
  if (options.json)
    print(console, unpack_json(*report, request.archive, request.folder));
  else
    console.out << unpack_text(*report, request.archive, request.folder) << std::flush;
  return kDone;
}

}  // namespace

void add_unpack(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("unpack", "The folder of an archive that pack made, byte for byte");
  const auto request = std::make_shared<UnpackRequest>();
  command.add_option("archive", request->archive, "The archive")->required()->type_name("ARCHIVE");
  command.add_option("folder", request->folder, "The folder to make")->required()->type_name("FOLDER");
  declare_overwrite(command, request->options);
  declare_run(command, request->options);
  declare_json(command, request->options);
  command.footer("Example:\n  weighbridge unpack model.wbz ./model");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return unpack_checkpoint(*request, console); };
  });
}

}  // namespace weighbridge
