#include "cli/forward.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <ostream>
#include <string>

#include "checkpoints/hub_cache.hpp"
#include "cli/amounts.hpp"
#include "cli/conversions.hpp"
#include "cli/report.hpp"
#include "engine/memory.hpp"
#include "forward/forward_check.hpp"

namespace weighbridge {

void declare_forward(CLI::App& command, ForwardRequest& request) {
  auto* forward = command.add_flag("--forward", request.wanted, "Run the model from both sides on a few tokens and compare what comes of it after each layer");
  auto* tokens = command.add_option("--tokens", request.tokens, "Token ids of a sequence to run it on, as 1,2,3")->delimiter(',')->needs(forward)->type_name("IDS");
  command.add_option("--tolerance", request.tolerance, "Relative difference of a token's values that is allowed")
      ->check(CLI::PositiveNumber)
      ->needs(forward)
      ->capture_default_str()
      ->type_name("NUMBER");
  command
      .add_option_function<std::string>(
          "--expected", [&request](const std::string& file) { request.expected = file; },
          "A safetensors file of input_ids and logits, with which both sides are compared too")
      ->needs(forward)
      ->excludes(tokens)
      ->type_name("FILE");
}

int forward_check(const Options& options, const ForwardRequest& request, Console& console) {
  const auto model = resolve_model(options.hf_model, {.revision = options.hf_revision});
  if (!model) return fail(console, model.error(), options.json);
  ForwardOptions chosen;
  chosen.hugging_face = model->folder;
  chosen.megatron = options.megatron_path;
  if (!request.tokens.empty()) chosen.tokens = Tokens{1, static_cast<std::int64_t>(request.tokens.size()), request.tokens};
  chosen.expected = request.expected;
  chosen.tolerance = request.tolerance;
  chosen.strict = !options.not_strict;
  chosen.max_memory = options.max_memory;
  chosen.stop = console.stop;
  chosen.progress = progress_sink(console, options);
  const auto start = std::chrono::steady_clock::now();
  auto registry = Registry::scan(options.plugin_paths);
  const auto report = forward_check(chosen, registry);
  if (!report) return fail(console, report.error(), options.json);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) {
    auto object = to_json(*report);
    object["command"] = "verify";
    object["seconds"] = seconds;
    object["peak_memory_bytes"] = resident_peak();
    object["hugging_face"] = model->folder.string();
    object["megatron"] = options.megatron_path.string();
    object["family"] = {{"id", report->family}, {"version", report->family_version}};
    print(console, object);
  } else {
    console.out << to_text(*report) << fmt::format("in {}, {} at most\n", readable_seconds(seconds), readable_memory(resident_peak())) << std::flush;
  }
  return report->same() ? kDone : kFailed;
}

}  // namespace weighbridge
