#include "cli/options.hpp"

#include <CLI/CLI.hpp>

namespace weighbridge {
namespace {

// An option whose text `parse` turns into `target`.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& command, const std::string& names, T& target, Parse parse, std::string description) {
  auto* option = command.add_option_function<std::string>(
      names,
      [&target, parse, names](const std::string& text) {
        auto value = parse(text);
        if (!value) {
          const auto& error = value.error();
          throw CLI::ValidationError(names.substr(0, names.find(',')),
                                     error.subject + " " + error.problem + ". " + error.remedy);
        }
        target = *std::move(value);
      },
      std::move(description));
  return option->take_last();
}

template <class T>
CLI::Option* add_positive(CLI::App& command, const std::string& names, T& target, const char* description) {
  return command.add_option(names, target, description)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
      ->type_name("N")
      ->take_last();
}

CLI::Option* add_path(CLI::App& command, const std::string& names, std::filesystem::path& target, bool required,
                      const char* description) {
  // Not filled as a path directly: that would read quotes as part of its syntax.
  return command
      .add_option_function<std::string>(names, [&target](const std::string& text) { target = text; }, description)
      ->check([](const std::string& text) { return std::string{text.empty() ? "is empty" : ""}; })
      ->required(required)
      ->type_name("FOLDER")
      ->take_last();
}

}  // namespace

void declare_hugging_face_source(CLI::App& command, Options& options, bool required) {
  command.add_option("--hf-model,--hf-model-id,--hf-checkpoint", options.hf_model,
                     "The Hugging Face model: a folder, an archive of one (.wbz), or a hub id in the local cache")
      ->check([](const std::string& text) { return std::string{text.empty() ? "is empty" : ""}; })
      ->required(required)
      ->type_name("MODEL")
      ->take_last();
  command.add_option("--hf-revision", options.hf_revision, "Branch, tag or commit of a hub id")
      ->type_name("NAME")
      ->capture_default_str()
      ->take_last();
  command.add_flag("--trust-remote-code", options.trust_remote_code, "Accepted and ignored: no code of a model is run");
}

void declare_megatron_path(CLI::App& command, Options& options, bool required) {
  add_path(command, "--megatron-path,--save,--load", options.megatron_path, required,
           "The Megatron checkpoint: its parent folder, iter_NNNNNNN or release; to read also an archive (.wbz)");
}

void declare_reshard_paths(CLI::App& command, Options& options) {
  add_path(command, "--load,--megatron-path", options.megatron_path, true,
           "The Megatron checkpoint to read: its parent folder, iter_NNNNNNN or release, or an archive (.wbz)");
  add_path(command, "--save,--output-dir", options.save_path, true, "The folder of the Megatron checkpoint to make");
}

void declare_hugging_face_path(CLI::App& command, Options& options, bool required) {
  add_path(command, "--hf-path,--output-dir", options.hf_path, required, "The Hugging Face folder to make");
}

void declare_megatron_target(CLI::App& command, Options& options) {
  auto& layout = options.target.layout;
  add_positive(command, "--tp,--tensor-parallel-size,--tensor-model-parallel-size", layout.tensor,
               "Tensor parallel size of the training job");
  add_positive(command, "--pp,--pipeline-parallel-size,--pipeline-model-parallel-size", layout.pipeline,
               "Pipeline parallel size");
  add_positive(command,
               "--vpp,--virtual-pipeline-parallel-size,--virtual-pipeline-model-parallel-size,"
               "--num-virtual-stages-per-pipeline-rank",
               layout.virtual_pipeline, "Virtual pipeline stages of each pipeline rank");
  add_positive(command, "--ep,--expert-parallel-size,--expert-model-parallel-size", layout.expert,
               "Expert parallel size");
  add_positive(command, "--etp,--expert-tensor-parallel-size", layout.expert_tensor, "Expert tensor parallel size");
  add_positive(command, "--cp,--context-parallel-size", layout.context, "Context parallel size");
  add_positive(command, "--make-vocab-size-divisible-by", options.make_vocab_size_divisible_by,
               "Pad the vocabulary to a multiple of N times the tensor parallel size");
  add_positive(command, "--decoder-first-pipeline-num-layers", layout.first_stage, "Layers of the first pipeline stage, where it differs");
  add_positive(command, "--decoder-last-pipeline-num-layers", layout.last_stage, "Layers of the last pipeline stage, where it differs");
  command.add_option("--pipeline-model-parallel-layout", layout.stages, "What every stage holds, as Megatron-LM writes it: \"Et*3|(tt|)*29,m|L\"")
      ->type_name("TEXT")
      ->take_last();
  command.add_flag("--account-for-embedding-in-pipeline-split", layout.embedding_counts, "The embedding counts as a layer of the first stage");
  command.add_flag("--account-for-loss-in-pipeline-split", layout.loss_counts, "The loss counts as a layer of the last stage");
  add_parsed(command, "--flavor", options.target.flavor, parse_flavor,
             "Whose checkpoint to write: bridge or megatron-lm (default: megatron-lm for rank files, the source's own for reshard, else bridge)")
      ->type_name("NAME");
  add_parsed(command, "--ckpt-format", options.target.storage, parse_storage,
             "torch_dist (default), or torch: the rank files mp_rank_* of Megatron-LM")
      ->type_name("NAME");
  add_parsed(command, "--transformer-impl", options.target.spec, parse_spec,
             "Names in rank files: transformer_engine (default), or local: those of Megatron-Core's own modules")
      ->type_name("NAME");
  command.add_option("--iteration", options.iteration, "Iteration to write the checkpoint as (default 0, or the source's)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{9'999'999}))
      ->type_name("N")
      ->take_last();
}

void declare_model_class(CLI::App& command, Options& options) {
  add_parsed(command, "--model-class", options.target.model_class, parse_model_class,
             "gpt, or hybrid: attention and feed-forward as layers of their own (default: the source's own)")
      ->type_name("NAME");
}

void declare_architecture(CLI::App& command, Options& options) {
  command.add_option("--architecture", options.architecture,
                     "Architecture of config.json, where the checkpoint does not tell and no --hf-model is given")
      ->type_name("NAME")
      ->take_last();
}

void declare_export(CLI::App& command, Options& options) {
  declare_architecture(command, options);
  add_parsed(command, "--max-shard-size", options.max_shard_size, parse_size,
             "Largest safetensors file where no reference decides (default 5GB)")
      ->type_name("SIZE");
  add_parsed(command, "--quantize", options.quantize, parse_quantize,
             "none (default): every tensor plain; reference: stored as --hf-model stores it; fp8, mxfp4, int4: quantised anew")
      ->type_name("HOW");
}

void declare_dtype(CLI::App& command, Options& options) {
  add_parsed(command, "--torch-dtype", options.dtype, parse_dtype,
             "Cast all weights: bfloat16, float16 or float32 (default: as they are)")
      ->type_name("TYPE");
}

void declare_strictness(CLI::App& command, Options& options) {
  command.add_flag("--not-strict", options.not_strict, "Go on, with a note, where a tensor has no place");
}

void declare_overwrite(CLI::App& command, Options& options) {
  command.add_flag("--overwrite", options.overwrite, "Replace an existing output, once the new one is complete");
}

void declare_output(CLI::App& command, Options& options) {
  declare_overwrite(command, options);
  command.add_flag("--resume", options.resume, "Continue what an interrupted run of this command left; starts from the beginning if there is nothing");
  add_parsed(command, "--sync-every", options.sync_every, parse_size,
             "Make what was written durable, to be resumed from, after so many bytes (default 256MiB) and every 2 seconds")
      ->type_name("SIZE");
  command.add_flag("--dry-run", options.dry_run, "Plan and print; write nothing");
}

void declare_tolerance(CLI::App& command, Tolerance& tolerance) {
  command.add_option("--atol", tolerance.absolute, "Differences of values up to this count as equal (default 0)")->type_name("NUMBER")->check(CLI::NonNegativeNumber);
  command.add_option("--rtol", tolerance.relative, "Likewise, relative to the expected value")->type_name("NUMBER")->check(CLI::NonNegativeNumber);
}

void declare_run(CLI::App& command, Options& options) {
  add_positive(command, "--threads", options.threads, "Workers (default: as many as the machine has, at most 8)");
  add_parsed(command, "--max-memory", options.max_memory, parse_size,
             "Memory that the process may keep resident (default 256MiB)")
      ->type_name("SIZE");
  command.add_flag("--no-progress", options.no_progress, "No progress lines");
}

void declare_plugin_path(CLI::App& command, Options& options) {
  command
      .add_option_function<std::vector<std::string>>(
          "--plugin-path",
          [&options](const std::vector<std::string>& folders) {
            options.plugin_paths.assign(folders.begin(), folders.end());
          },
          "Folder of family plugins, searched first (repeatable)")
      ->type_name("FOLDER")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void declare_json(CLI::App& command, Options& options) {
  command.add_flag("--json", options.json, "Print one JSON object on standard output and nothing else there");
}

void mention_ignored(Console& console, const Options& options) {
  if (options.trust_remote_code) remark(console, "--trust-remote-code is ignored: no code of a model is ever run");
}

}  // namespace weighbridge
