#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <ostream>
#include <system_error>

#include "checkpoints/hub_cache.hpp"
#include "cli/commands.hpp"
#include "cli/report.hpp"
#include "cli/temporary_folder.hpp"
#include "verify/compare.hpp"

namespace weighbridge {
namespace {

struct RoundtripRequest {
  Options options;
  std::filesystem::path work_folder;
};

struct Journey {
  std::filesystem::path source;
  boost::json::object import_report, export_report;
  Comparison comparison;
};

Result<boost::json::object> convert(Direction direction, const Options& options, Registry& registry, Console& console) {
  const auto prepared = prepare(direction, options, registry);
  if (!prepared) return prepared.error();
  const auto report = carry_out(*prepared, options, console);
  if (!report) return report.error();
  return conversion_json(*prepared, *report);
}

Result<Comparison> compare_folders(const std::filesystem::path& expected, const std::filesystem::path& actual,
                                   const Options& options, Console& console) {
  const auto source = open_any(expected);
  if (!source) return source.error();
  const auto result = open_any(actual);
  if (!result) return result.error();
  return compare(*source, *result, compare_options(console, options));
}

Result<Journey> travel(const RoundtripRequest& request, const std::filesystem::path& work, Console& console) {
  auto options = request.options;
  auto model = resolve_model(options.hf_model, {.revision = options.hf_revision});
  if (!model) return std::move(model).error();
  options.megatron_path = work / "megatron";
  options.hf_path = work / "hugging-face";
  auto registry = Registry::scan(options.plugin_paths);

  auto config = ConfigDocument::read(model->folder / "config.json");
  if (!config) return std::move(config).error();
  for (const auto* field : {"quantization_config", "text_config.quantization_config"})
    if (std::as_const(*config).find(field) != nullptr) options.quantize = Quantize::reference;  // to come back as it was
  auto there = convert(Direction::to_megatron, options, registry, console);
  if (!there) return std::move(there).error();
  auto back = convert(Direction::to_hugging_face, options, registry, console);
  if (!back) return std::move(back).error();
  auto comparison = compare_folders(model->folder, options.hf_path, options, console);
  if (!comparison) return std::move(comparison).error();
  return Journey{model->folder, *std::move(there), *std::move(back), *std::move(comparison)};
}

int roundtrip(const RoundtripRequest& request, Console& console) {
  const bool json = request.options.json;
  mention_ignored(console, request.options);
  std::error_code none;
  const auto parent = request.work_folder.empty() ? std::filesystem::temp_directory_path(none) : request.work_folder;
  const auto work = TemporaryFolder::make(parent);
  if (!work) return fail(console, work.error(), json);
  const auto journey = travel(request, work->path(), console);
  if (!journey) return fail(console, journey.error(), json);
  const bool same = journey->comparison.same();
  if (json) {
    print(console, {{"command", "roundtrip"},
                    {"source", journey->source.string()},
                    {"same", same},
                    {"import", journey->import_report},
                    {"export", journey->export_report},
                    {"comparison", to_json(journey->comparison)}});
  } else {
    console.out << "Imported and exported " << journey->source.string() << '\n'
                << to_text(journey->comparison)
                << (same ? "Every tensor came back bit by bit.\n" : "The round trip changed the model.\n")
                << std::flush;
  }
  return same ? kDone : kFailed;
}

}  // namespace

void add_roundtrip(CLI::App& program, Chosen& chosen) {
  auto& command =
      *program.add_subcommand("roundtrip", "Imports, exports, compares with the source, removes what it made");
  const auto request = std::make_shared<RoundtripRequest>();
  auto& options = request->options;
  declare_hugging_face_source(command, options, true);
  command
      .add_option_function<std::string>(
          "--work-dir", [request](const std::string& folder) { request->work_folder = folder; },
          "Existing folder with room for the model twice (default: TMPDIR, else /tmp)")
      ->type_name("FOLDER");
  declare_megatron_target(command, options);
  declare_strictness(command, options);
  declare_run(command, options);
  declare_plugin_path(command, options);
  declare_json(command, options);
  command.footer(
      "The exit code is 1 if a tensor differs.\n\nExample:\n  weighbridge roundtrip --hf-model ./model --work-dir /scratch");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return roundtrip(*request, console); };
  });
}

}  // namespace weighbridge
