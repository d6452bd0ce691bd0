#include "cli/conversions.hpp"

#include <chrono>
#include <memory>

#include "checkpoints/hub_cache.hpp"
#include "cli/progress.hpp"

namespace weighbridge {
namespace {

MegatronTarget target_of(const Options& options) {
  auto target = options.target;
  target.iteration = options.iteration.value_or(0);
  return target;
}

Result<Prepared> prepare_to_megatron(const Options& options, Registry& registry) {
  auto model = resolve_model(options.hf_model, {.revision = options.hf_revision});
  if (!model) return std::move(model).error();
  auto conversion = prepare_import({.hugging_face = model->folder,
                                    .model_name = options.hf_model,
                                    .target = target_of(options),
                                    .make_vocab_size_divisible_by = options.make_vocab_size_divisible_by,
                                    .dtype = options.dtype,
                                    .strict = !options.not_strict,
                                    .compare_large_copies = !options.dry_run},
                                   registry);
  if (!conversion) return std::move(conversion).error();
  return Prepared{Direction::to_megatron, *std::move(conversion), model->folder, options.megatron_path, 0};
}

// The folder of --hf-model as a reference, of which only names and side files are needed.
Result<std::optional<std::filesystem::path>> reference_of(const Options& options) {
  if (options.hf_model.empty()) return std::optional<std::filesystem::path>{};
  auto model = resolve_model(options.hf_model, {.revision = options.hf_revision, .weights = false});
  if (!model) return std::move(model).error();
  return std::optional{model->folder};
}

Result<Prepared> prepare_to_hugging_face(const Options& options, Registry& registry) {
  auto reference = reference_of(options);
  if (!reference) return std::move(reference).error();
  ExportOptions request{.megatron = options.megatron_path,
                        .reference = *std::move(reference),
                        .architecture = options.architecture,
                        .max_shard_size = options.max_shard_size,
                        .dtype = options.dtype,
                        .quantize = options.quantize,
                        .strict = !options.not_strict};
  auto conversion = prepare_export(request, registry);
  if (!conversion) return std::move(conversion).error();
  return Prepared{Direction::to_hugging_face, *std::move(conversion), options.megatron_path, options.hf_path, 0};
}

Result<Prepared> prepare_between(const Options& options, Registry& registry) {
  auto reference = reference_of(options);
  if (!reference) return std::move(reference).error();
  ReshardOptions request;
  request.megatron = options.megatron_path;
  request.reference = *std::move(reference);
  request.architecture = options.architecture;
  request.target = target_of(options);
  request.iteration = options.iteration;
  request.make_vocab_size_divisible_by = options.make_vocab_size_divisible_by;
  request.dtype = options.dtype;
  request.drop_training_state = options.drop_training_state;
  request.strict = !options.not_strict;
  auto conversion = prepare_reshard(request, registry);
  if (!conversion) return std::move(conversion).error();
  return Prepared{Direction::reshard, *std::move(conversion), options.megatron_path, options.save_path, 0};
}

}  // namespace

Result<Prepared> prepare(Direction direction, const Options& options, Registry& registry) {
  const auto start = std::chrono::steady_clock::now();
  auto prepared = direction == Direction::to_megatron     ? prepare_to_megatron(options, registry)
                  : direction == Direction::to_hugging_face ? prepare_to_hugging_face(options, registry)
                                                            : prepare_between(options, registry);
  if (prepared) prepared->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return prepared;
}

ProgressSink progress_sink(Console& console, const Options& options) {
  if (options.no_progress || options.json) return {};
  return [printer = std::make_shared<ProgressPrinter>(console)](const Progress& progress) { (*printer)(progress); };
}

RunOptions run_options(Console& console, const Options& options) {
  RunOptions made;
  made.threads = options.threads;
  made.max_memory = options.max_memory;
  made.overwrite = options.overwrite;
  made.progress = progress_sink(console, options);
  made.stop = console.stop;
  return made;
}

CompareOptions compare_options(Console& console, const Options& options) {
  CompareOptions made;
  made.threads = options.threads;
  made.max_memory = options.max_memory;
  made.progress = progress_sink(console, options);
  made.stop = console.stop;
  return made;
}

Result<RunReport> carry_out(const Prepared& prepared, const Options& options, Console& console, bool recovers) {
  auto made = run_options(console, options);
  if (recovers) {
    auto& recovery = made.recovery;
    recovery.keep = true;
    recovery.resume = options.resume;
    recovery.maker = std::string{"weighbridge "} + WEIGHBRIDGE_VERSION;
    recovery.command = console.resuming;
    recovery.bytes = options.sync_every;
    made.tell = [&console](const std::string& line) { remark(console, line); };
  }
  made.team = console.team;
  return run(prepared.conversion.plan, prepared.destination, made);
}

}  // namespace weighbridge
