#include "archive/pack.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/conversions.hpp"
#include "cli/options.hpp"
#include "cli/pack_report.hpp"

namespace weighbridge {
namespace {

struct PackRequest {
  std::string folder, archive;
  bool follow_links{};
  Options options;
};

int pack_checkpoint(const PackRequest& request, Console& console) {
  const auto& options = request.options;
  const auto report = pack(request.folder, request.archive, run_options(console, options), request.follow_links);
  if (!report) return fail(console, report.error(), options.json);
  if (options.json)
    print(console, pack_json(*report, request.folder, request.archive));
  else
    console.out << pack_text(*report, request.folder, request.archive) << std::flush;
  return kDone;
}

}  // namespace

void add_pack(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand(
      "pack", "One compressed file of a checkpoint of either kind; weights get smaller than with zstd alone");
  const auto request = std::make_shared<PackRequest>();
  command.add_option("folder", request->folder, "The folder of a Hugging Face or a Megatron checkpoint")
      ->required()
      ->type_name("FOLDER");
  command.add_option("archive", request->archive, "The archive to make, such as model.wbz")
      ->required()
      ->type_name("ARCHIVE");
  command.add_flag("--follow-links", request->follow_links, "Pack the files that links out of the folder lead to");
  declare_overwrite(command, request->options);
  declare_run(command, request->options);
  declare_json(command, request->options);
  command.footer("Example:\n  weighbridge pack ./model model.wbz");
  command.final_callback(
      [request, &chosen] { chosen.run = [request](Console& console) { return pack_checkpoint(*request, console); }; });
}

}  // namespace weighbridge
