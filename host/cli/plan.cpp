#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/plan_account.hpp"

namespace weighbridge {
namespace {

struct PlanRequest {
  Options options;
  std::string direction;  // "import", "export", or empty: as the paths suggest
  bool tensors{};
};

// Without the word, paths decide: a Hugging Face folder to make, or no model to read, means an export.
Direction direction_of(const PlanRequest& request) {
  if (!request.direction.empty()) {
    return request.direction == "import" ? Direction::to_megatron : Direction::to_hugging_face;
  }
  const bool exports = !request.options.hf_path.empty() || request.options.hf_model.empty();
  return exports ? Direction::to_hugging_face : Direction::to_megatron;
}

int plan(const PlanRequest& request, Console& console) {
  auto options = request.options;
  options.dry_run = true;  // reads headers only
  const auto direction = direction_of(request);
  if (direction == Direction::to_megatron && options.hf_model.empty()) {
    return fail(console, {Error::Kind::usage, {}, "--hf-model", "is missing", "Name the model to import"}, options.json);
  }
  if (direction == Direction::to_hugging_face && options.megatron_path.empty()) {
    const Error error{Error::Kind::usage, {}, "--megatron-path", "is missing",
                      "Name the checkpoint to export, or --hf-model alone to plan an import"};
    return fail(console, error, options.json);
  }
  mention_ignored(console, options);
  auto registry = Registry::scan(options.plugin_paths);
  const auto prepared = prepare(direction, options, registry);
  if (!prepared) return fail(console, prepared.error(), options.json);
  if (options.json) {
    print(console, plan_json(*prepared, options, true));
  } else {
    console.out << plan_text(*prepared, options, request.tensors) << std::flush;
  }
  return kDone;
}

}  // namespace

void add_plan(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("plan", "What a conversion would read and write; writes nothing");
  const auto request = std::make_shared<PlanRequest>();
  auto& options = request->options;
  command.add_option("direction", request->direction, "import or export (default: as the paths suggest)")
      ->check(CLI::IsMember({"import", "export"}))
      ->type_name("");
  declare_hugging_face_source(command, options, false);
  declare_megatron_path(command, options, false);
  declare_hugging_face_path(command, options, false);
  declare_megatron_target(command, options);
  declare_export(command, options);
  declare_dtype(command, options);
  declare_strictness(command, options);
  declare_output(command, options);
  declare_run(command, options);
  declare_plugin_path(command, options);
  declare_json(command, options);
  command.add_flag("--tensors", request->tensors, "List every output tensor and the files it is made of");
  command.footer(
      "Takes the options of import and export.\n\n"
      "Examples:\n"
      "  weighbridge plan --hf-model ./model\n"
      "  weighbridge plan export --megatron-path ./megatron --hf-model ./model --tensors");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return plan(*request, console); };
  });
}

}  // namespace weighbridge
