#pragma once
// The options that commands share: what they are called, what they accept, what they mean.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/megatron_checkpoint.hpp"
#include "cli/console.hpp"
#include "conversion/conversion.hpp"
#include "engine/run.hpp"
#include "families/registry.hpp"
#include "tensor/result.hpp"
#include "verify/differing_elements.hpp"

namespace CLI {
class App;
}

namespace weighbridge {

// bfloat16, float16 or float32, also as torch.bfloat16, bf16, half, float and the like; letter case does not matter.
// Error::Kind::usage for anything else.
Result<DType> parse_dtype(std::string_view text);
// "bridge" or "megatron-lm", dashes and underscores equal.
Result<MegatronFlavor> parse_flavor(std::string_view text);
Result<MegatronStorage> parse_storage(std::string_view text);  // "torch_dist" or "torch"
Result<ModelClass> parse_model_class(std::string_view text);   // "gpt" or "hybrid"
Result<ModuleSpec> parse_spec(std::string_view text);          // "transformer_engine" or "local"
Result<Quantize> parse_quantize(std::string_view text);  // "none", "reference", "fp8", "mxfp4", "int4"

// Everything that a command line can say. A command declares the groups it understands; the rest keeps its defaults.
struct Options {
  std::string hf_model;                 // folder or hub id
  std::string hf_revision{"main"};
  std::filesystem::path megatron_path, hf_path;
  std::filesystem::path save_path;  // of reshard: the Megatron checkpoint to make
  MegatronTarget target;
  std::optional<std::int64_t> iteration;  // target.iteration is 0, or the source's, without it
  bool drop_training_state{};
  std::optional<std::int64_t> make_vocab_size_divisible_by;
  std::optional<std::string> architecture;
  std::optional<DType> dtype;
  std::uint64_t max_shard_size{kDefaultMaxShardSize};
  Quantize quantize{Quantize::none};
  bool not_strict{};
  unsigned threads{};
  std::uint64_t max_memory{RunOptions{}.max_memory};
  bool resume{};
  std::uint64_t sync_every{Recovery{}.bytes};
  bool overwrite{}, dry_run{}, no_progress{}, json{}, trust_remote_code{};
  std::vector<std::filesystem::path> plugin_paths;
};

// Each adds its options to `command`, which fills `options`; both outlive the parse. A value that is not accepted is
// a CLI::ValidationError of the parse.
// --hf-model, --hf-revision, --trust-remote-code
void declare_hugging_face_source(CLI::App& command, Options& options, bool required);
void declare_megatron_path(CLI::App& command, Options& options, bool required);
void declare_reshard_paths(CLI::App& command, Options& options);  // --load, --save
void declare_hugging_face_path(CLI::App& command, Options& options, bool required);
void declare_megatron_target(CLI::App& command, Options& options);  // layout, vocabulary, flavor, format, iteration
void declare_export(CLI::App& command, Options& options);      // architecture, shard size
void declare_model_class(CLI::App& command, Options& options);
void declare_architecture(CLI::App& command, Options& options);
void declare_dtype(CLI::App& command, Options& options);
void declare_strictness(CLI::App& command, Options& options);
void declare_output(CLI::App& command, Options& options);      // overwrite, dry run, resume
void declare_overwrite(CLI::App& command, Options& options);
void declare_tolerance(CLI::App& command, Tolerance& tolerance);  // --atol, --rtol
void declare_run(CLI::App& command, Options& options);         // threads, memory, progress
void declare_plugin_path(CLI::App& command, Options& options);
void declare_json(CLI::App& command, Options& options);

// Says on `err` that --trust-remote-code changes nothing, if it was given.
void mention_ignored(Console& console, const Options& options);

}  // namespace weighbridge
