#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/checkpoint_path.hpp"
#include "cli/commands.hpp"
#include "cli/inspect_text.hpp"
#include "cli/options.hpp"
#include "inspection/inspected_difference.hpp"
#include "inspection/inspection.hpp"

namespace weighbridge {
namespace {

struct InspectRequest {
  std::string checkpoint, other;
  Options options;
  bool tensors{};
};

Result<Inspection> inspected(const std::string& checkpoint, const Options& options, Registry& registry) {
  const auto path = checkpoint_path(checkpoint, options.hf_revision);
  if (!path) return path.error();
  return inspect(*path, registry);
}

int differences(const InspectRequest& request, const Inspection& one, Registry& registry, Console& console) {
  const auto& options = request.options;
  const auto other = inspected(request.other, options, registry);
  if (!other) return fail(console, other.error(), options.json);
  const auto found = difference(one, *other);
  if (!found) return fail(console, found.error(), options.json);
  if (options.json)
    print(console, to_json(*found));
  else
    console.out << to_text(*found) << std::flush;
  for (const auto* side : {&one, &*other})
    if (side->is_broken())
      remark(console, "weighbridge: " + side->folder.string() + " is broken: only what can be read was compared");
  return found->none() && !one.is_broken() && !other->is_broken() ? kDone : kFailed;
}

int inspect_checkpoint(const InspectRequest& request, Console& console) {
  const auto& options = request.options;
  auto registry = Registry::scan(options.plugin_paths);
  const auto inspection = inspected(request.checkpoint, options, registry);
  if (!inspection) return fail(console, inspection.error(), options.json);
  if (!request.other.empty()) return differences(request, *inspection, registry, console);
  if (options.json)
    print(console, to_json(*inspection));
  else
    console.out << inspection_text(*inspection, request.tensors) << std::flush;
  return inspection->is_broken() ? kFailed : kDone;
}

}  // namespace

void add_inspect(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand(
      "inspect", "What a checkpoint is and holds, what is odd about it and what is broken; reads headers only");
  const auto request = std::make_shared<InspectRequest>();
  command
      .add_option("checkpoint,--hf-model,--hf-model-id,--hf-checkpoint,--megatron-path,--load", request->checkpoint,
                  "A checkpoint of either kind, an archive of one (.wbz), or a hub id in the local cache")
      ->required()
      ->type_name("CHECKPOINT");
  command.add_option("--hf-revision", request->options.hf_revision, "Branch, tag or commit of a hub id")
      ->type_name("NAME");
  command.add_flag("--tensors", request->tensors, "List every tensor: name, type, shape, file");
  command
      .add_option("--diff", request->other,
                  "In what another checkpoint of the same kind differs: configuration, names, types and shapes")
      ->type_name("CHECKPOINT");
  declare_plugin_path(command, request->options);
  declare_json(command, request->options);
  command.footer(
      "The exit code is 1 if the checkpoint is broken, or with --diff if the two differ.\n\n"
      "Examples:\n  weighbridge inspect ./megatron --tensors\n  weighbridge inspect ./model --diff ./tuned");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return inspect_checkpoint(*request, console); };
  });
}

}  // namespace weighbridge
