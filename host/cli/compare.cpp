#include "verify/compare.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <ostream>

#include "cli/checkpoint_path.hpp"
#include "cli/amounts.hpp"
#include "cli/commands.hpp"
#include "cli/conversions.hpp"
#include "engine/memory.hpp"

namespace weighbridge {
namespace {

struct CompareRequest {
  std::string expected, actual;
  Options options;
  Tolerance tolerance;
  bool weights_only{}, tensors{};
};

Result<AnyCheckpoint> open_named(const std::string& name, const std::string& revision) {
  const auto path = checkpoint_path(name, revision);
  if (!path) return path.error();
  return open_any(*path);
}

int compare_checkpoints(const CompareRequest& request, Console& console) {
  const auto& options = request.options;
  const auto start = std::chrono::steady_clock::now();
  const auto expected = open_named(request.expected, options.hf_revision);
  if (!expected) return fail(console, expected.error(), options.json);
  const auto actual = open_named(request.actual, options.hf_revision);
  if (!actual) return fail(console, actual.error(), options.json);
  auto compare_options = weighbridge::compare_options(console, options);
  compare_options.tolerance = request.tolerance;
  compare_options.diagnose = true;
  const auto comparison = compare(*expected, *actual, compare_options, request.weights_only);
  if (!comparison) return fail(console, comparison.error(), options.json);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) {
    auto object = to_json(*comparison, request.tensors);
    object["command"] = "compare";
    object["seconds"] = seconds;
    object["peak_memory_bytes"] = resident_peak();
    object["expected"] = expected->folder().string();
    object["actual"] = actual->folder().string();
    print(console, object);
  } else {
    console.out << to_text(*comparison, request.tensors) << fmt::format("in {}, {} at most\n", readable_seconds(seconds), readable_memory(resident_peak())) << std::flush;
  }
  return comparison->same() ? kDone : kFailed;
}

}  // namespace

void add_compare(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("compare", "Two checkpoints of one kind: tensors bit by bit, configuration, files");
  const auto request = std::make_shared<CompareRequest>();
  command.add_option("expected", request->expected, "A checkpoint, an archive of one (.wbz), or a hub id in the local cache")->required();
  command.add_option("actual", request->actual, "The checkpoint to compare with it")->required();
  command.add_option("--hf-revision", request->options.hf_revision, "Branch, tag or commit of hub ids")
      ->type_name("NAME");
  declare_tolerance(command, request->tolerance);
  command.add_flag("--tensors", request->tensors, "Tell of every tensor that was compared");
  command.add_flag("--weights-only", request->weights_only, "Compare neither configurations nor files beside the weights");
  declare_run(command, request->options);
  declare_json(command, request->options);
  command.footer("Each difference comes with its cause where it is a usual one. The exit code is 1 if they differ.\n\nExample:\n  weighbridge compare ./model ./exported");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return compare_checkpoints(*request, console); };
  });
}

}  // namespace weighbridge
