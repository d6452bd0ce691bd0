#pragma once
// The arguments that Megatron-LM keeps in a checkpoint (`args`, an argparse.Namespace), as configuration.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/megatron_document.hpp"
#include "checkpoints/megatron_layout.hpp"
#include "formats/pickle_value.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct MegatronArguments {
  boost::json::object document;
  std::vector<std::string> notes;  // what was assumed: one sentence each, without a full stop
  std::vector<std::string> assumed;  // fields of the document that the arguments do not state for certain
};

// The Megatron document of a Namespace: fields of the model under their document names; arguments of the training run,
// those that are None and those that mean nothing for this model (latent attention, RoPE scaling) left out.
// Old argument names are understood (norm_epsilon, apply_layernorm_1p, disable_bias_linear, num_experts,
// hybrid_override_pattern, decoder_first_pipeline_num_layers, …). Where `vocab_size` is absent the padded size stands
// in, with a note. `file` is for messages. Errors: not a Namespace; num_layers (unless layers follow a pattern),
// hidden_size or num_attention_heads missing.
Result<MegatronArguments> document_from_arguments(PickleValue arguments, std::string_view file);

// The parallel layout that a Namespace states; sizes that it leaves out are 1. Not a Namespace states nothing.
ParallelLayout layout_from_arguments(PickleValue arguments);

// What arguments say of the checkpoint rather than of the model.
struct CheckpointFacts {
  std::optional<std::int64_t> padded_vocab_size;  // rows of the stored embedding
  MegatronStorage storage{MegatronStorage::torch_dist};
  ModuleSpec spec{ModuleSpec::transformer_engine};
};

// The Namespace from which `--use-checkpoint-args` and Megatron-Bridge build the model of this document, with the
// parallel layout that the document states and no optimizer or random state announced. The provider class and fields that
// hold objects have no place in it. An activation that no argument of Megatron-LM says goes under its document name.
PickleValue arguments_from_document(const boost::json::object& document, const CheckpointFacts& facts, PickleArena& arena);

// "gated gelu_tanh": an activation of the document that Megatron-LM has no argument for, so that the run's own code must
// choose it.
std::optional<std::string> activation_without_argument(const boost::json::object& document);

// The flags that a Megatron-LM run with `--use-checkpoint-args` needs beside them, because it never takes these from a
// checkpoint: "--bf16", "--norm-epsilon 1e-06", "--qk-layernorm", "--tokenizer-type …". One string each, in a fixed
// order; joined with spaces they are a command line. A flag is left out where the run's default says the same.
std::vector<std::string> training_flags(const boost::json::object& document);

// The flags of a layout that such a run does not take from arguments either, though rank files are of that layout only.
std::vector<std::string> layout_flags(const ParallelLayout& layout);

}  // namespace weighbridge
