#include "verify/inspect.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/checkpoint_path.hpp"
#include "cli/commands.hpp"
#include "cli/options.hpp"

namespace weighbridge {
namespace {

struct InspectRequest {
  std::string checkpoint;
  Options options;
  bool tensors{};
};

int inspect_checkpoint(const InspectRequest& request, Console& console) {
  const auto& options = request.options;
  const auto path = checkpoint_path(request.checkpoint, options.hf_revision);
  if (!path) return fail(console, path.error(), options.json);
  const auto inspection = inspect(*path);
  if (!inspection) return fail(console, inspection.error(), options.json);
  if (options.json) {
    print(console, to_json(*inspection));
  } else {
    console.out << to_text(*inspection, request.tensors) << std::flush;
  }
  return kDone;
}

}  // namespace

void add_inspect(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("inspect", "What a checkpoint is and holds; reads headers only");
  const auto request = std::make_shared<InspectRequest>();
  command.add_option("checkpoint,--hf-model,--hf-model-id,--hf-checkpoint,--megatron-path,--load", request->checkpoint,
                     "A checkpoint of either kind, or a hub id in the local cache")
      ->required()
      ->type_name("CHECKPOINT");
  command.add_option("--hf-revision", request->options.hf_revision, "Branch, tag or commit of a hub id")
      ->type_name("NAME");
  command.add_flag("--tensors", request->tensors, "List every tensor");
  declare_json(command, request->options);
  command.footer("Example:\n  weighbridge inspect ./megatron --tensors");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return inspect_checkpoint(*request, console); };
  });
}

}  // namespace weighbridge
