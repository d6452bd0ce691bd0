#include "verify/verify.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "checkpoints/hub_cache.hpp"
#include "cli/commands.hpp"
#include "cli/conversions.hpp"
#include "cli/forward.hpp"

namespace weighbridge {
namespace {

int verify_pair(const Options& options, Console& console) {
  mention_ignored(console, options);
  const auto model = resolve_model(options.hf_model, {.revision = options.hf_revision});
  if (!model) return fail(console, model.error(), options.json);
  const auto repository = HuggingFaceRepository::open(model->folder, {.strict = !options.not_strict});
  if (!repository) return fail(console, repository.error(), options.json);
  auto registry = Registry::scan(options.plugin_paths);
  const auto prepared = prepare(Direction::to_hugging_face, options, registry);
  if (!prepared) return fail(console, prepared.error(), options.json);

  const auto comparison = verify(prepared->conversion.plan, repository->catalogue, compare_options(console, options));
  if (!comparison) return fail(console, comparison.error(), options.json);
  if (options.json) {
    auto object = to_json(*comparison);
    object["command"] = "verify";
    object["hugging_face"] = model->folder.string();
    object["megatron"] = options.megatron_path.string();
    object["family"] = {{"id", prepared->conversion.family}, {"version", prepared->conversion.family_version}};
    print(console, object);
  } else {
    console.out << to_text(*comparison) << std::flush;
  }
  return comparison->same() ? kDone : kFailed;
}

}  // namespace

void add_verify(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("verify", "Whether a Hugging Face and a Megatron checkpoint are one model");
  const auto options = std::make_shared<Options>();
  const auto forward = std::make_shared<ForwardRequest>();
  declare_hugging_face_source(command, *options, true);
  declare_megatron_path(command, *options, true);
  declare_strictness(command, *options);
  declare_run(command, *options);
  declare_plugin_path(command, *options);
  declare_forward(command, *forward);
  declare_json(command, *options);
  command.footer(
      "Every element is compared with the one that the family's equations say it equals. The exit code is 1 if any "
      "differs.\n\nExample:\n  weighbridge verify --hf-model ./model --megatron-path ./megatron");
  command.final_callback([options, forward, &chosen] {
    chosen.run = [options, forward](Console& console) {
      return forward->wanted ? forward_check(*options, *forward, console) : verify_pair(*options, console);
    };
  });
}

}  // namespace weighbridge
