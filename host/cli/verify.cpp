#include "verify/verify.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <ostream>

#include "checkpoints/hub_cache.hpp"
#include "cli/amounts.hpp"
#include "cli/commands.hpp"
#include "cli/conversions.hpp"
#include "cli/forward.hpp"
#include "engine/memory.hpp"
#include "families/registry.hpp"

namespace weighbridge {
namespace {

struct VerifyRequest {
  Options options;
  VerifyOptions verify;
  bool tensors{};
  ForwardRequest forward;
};

int verify_pair(const VerifyRequest& request, Console& console) {
  const auto& options = request.options;
  mention_ignored(console, options);
  const auto model = resolve_model(options.hf_model, {.revision = options.hf_revision});
  if (!model) return fail(console, model.error(), options.json);
  const auto start = std::chrono::steady_clock::now();
  auto registry = Registry::scan(options.plugin_paths);
  auto pair = open_model_pair(model->folder, options.megatron_path, registry);
  if (!pair) return fail(console, pair.error(), options.json);
  auto verify_options = request.verify;
  const auto tolerance = verify_options.compare.tolerance;
  verify_options.compare = compare_options(console, options);
  verify_options.compare.tolerance = tolerance;
  verify_options.compare.diagnose = true;
  const auto comparison = verify(*pair, verify_options);
  if (!comparison) return fail(console, comparison.error(), options.json);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) {
    auto object = to_json(*comparison, request.tensors);
    object["command"] = "verify";
    object["seconds"] = seconds;
    object["peak_memory_bytes"] = resident_peak();
    object["hugging_face"] = model->folder.string();
    object["megatron"] = options.megatron_path.string();
    object["family"] = {{"id", pair->family}, {"version", pair->family_version}};
    print(console, object);
  } else {
    console.out << to_text(*comparison, request.tensors) << fmt::format("in {}, {} at most\n", readable_seconds(seconds), readable_memory(resident_peak())) << std::flush;
  }
  return comparison->same() ? kDone : kFailed;
}

}  // namespace

void add_verify(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("verify", "Whether a Hugging Face and a Megatron checkpoint are one model");
  const auto request = std::make_shared<VerifyRequest>();
  auto* options = &request->options;
  declare_hugging_face_source(command, *options, true);
  declare_megatron_path(command, *options, true);
  declare_tolerance(command, request->verify.compare.tolerance);
  command.add_flag("--tensors", request->tensors, "Tell of every tensor that was compared");
  command.add_flag("--weights-only", request->verify.weights_only, "Compare neither configurations nor files beside the weights");
  declare_run(command, *options);
  declare_plugin_path(command, *options);
  declare_forward(command, request->forward);
  declare_json(command, *options);
  command.footer(
      "Every element is compared with the one that the family's equations say it equals, every field of the configuration by "
      "what it means, and the files beside the weights. The exit code is 1 if anything differs; each difference comes with "
      "its cause where it is a usual one.\n\nExample:\n  weighbridge verify --hf-model ./model --megatron-path ./megatron");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) {
      return request->forward.wanted ? forward_check(request->options, request->forward, console) : verify_pair(*request, console);
    };
  });
}

}  // namespace weighbridge
