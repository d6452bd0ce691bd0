#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <map>

#include "checkpoints/megatron_arguments.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {
namespace {

// What readers look at without asking whether it is there (Megatron-Core's load_args_from_checkpoint and checks;
// Megatron-Bridge's _transformer_config_from_args and model providers), with the value that leaves things alone.
constexpr std::array kFalse = std::to_array<std::string_view>({
    "add_qkv_bias",
    "apply_query_key_layer_scaling",
    "bf16",
    "fp16",
    "fp16_lm_cross_entropy",
    "fp8_param_gather",
    "init_method_xavier_uniform",
    "init_model_with_meta_device",
    "is_hybrid_model",
    "layernorm_zero_centered_gamma",
    "moe_grouped_gemm",
    "moe_router_enable_expert_bias",
    "moe_router_pre_softmax",
    "multi_latent_attention",
    "no_persist_layer_norm",
    "overlap_p2p_comm",
    "qk_l2_norm",
    "qk_layernorm",
    "rotary_interleaved",
    "use_legacy_models",
    "use_rotary_position_embeddings",
});
constexpr std::array kTrue =
    std::to_array<std::string_view>({"add_bias_linear", "add_position_embedding", "bias_gelu_fusion",
                                     "bias_swiglu_fusion", "no_save_optim", "no_save_rng"});
constexpr std::array kNone = std::to_array<std::string_view>({
    "heterogeneous_layers_config_path",
    "hybrid_layer_pattern",
    "mamba_num_heads",
    "moe_ffn_hidden_size",
    "moe_router_topk_scaling_factor",
    "moe_shared_expert_intermediate_size",
    "mtp_num_layers",
    "num_experts",
    "spec",
    "vocab_size",
});
constexpr std::array kOne = std::to_array<std::string_view>({"moe_layer_freq"});
constexpr std::array kZero =
    std::to_array<std::string_view>({"consumed_train_samples", "consumed_valid_samples", "skipped_train_samples"});

// Fields of the document that have another form as arguments, or that say how another run was split.
constexpr std::array kNotCopied = std::to_array<std::string_view>({
    "_builder_",
    "_target_",
    "account_for_embedding_in_pipeline_split",
    "account_for_loss_in_pipeline_split",
    "activation_func",
    "context_parallel_size",
    "cp_comm_type",
    "data_parallel_size",
    "expert_model_parallel_size",
    "expert_tensor_parallel_size",
    "hf_model_id",
    "no_save_optim",
    "no_save_rng",
    "num_layers_in_first_pipeline_stage",
    "num_layers_in_last_pipeline_stage",
    "num_moe_experts",
    "pipeline_model_parallel_layout",
    "pipeline_model_parallel_size",
    "rope_scaling",
    "seq_len_interpolation_factor",
    "share_embeddings_and_output_weights",
    "tensor_model_parallel_size",
    "virtual_pipeline_model_parallel_size",
    "world_size",
});

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Nothing for a mapping, or a list that holds one.
std::optional<PickleValue> pickled(std::string_view name, const boost::json::value& value, PickleArena& arena) {
  switch (value.kind()) {
    case boost::json::kind::null: return arena.none();
    case boost::json::kind::bool_: return arena.boolean(value.get_bool());
    case boost::json::kind::int64: return arena.integer(value.get_int64());
    case boost::json::kind::double_: return arena.real(value.get_double());
    case boost::json::kind::string:
      if (const auto dtype = dtype_from_torch(value.get_string()); dtype && name.ends_with("_dtype"))
        return arena.torch_dtype(*dtype);
      return arena.text(value.get_string());
    case boost::json::kind::array: {
      std::vector<PickleValue> items;
      for (const auto& item : value.get_array()) {
        auto converted = pickled({}, item, arena);
        if (!converted) return {};
        items.push_back(*converted);
      }
      return name == "window_size" ? arena.tuple(items) : arena.list(items);
    }
    case boost::json::kind::uint64:
    case boost::json::kind::object: break;
  }
  return {};
}

struct Gate {
  std::string_view activation;
  bool gated;
  std::string_view argument;  // the flag that says so; empty for the default
};
constexpr std::array kGates{Gate{"silu", true, "swiglu"}, Gate{"squared_relu", false, "squared_relu"},
                            Gate{"quick_gelu", true, "quick_geglu"}, Gate{"gelu", false, ""}, Gate{"gelu", true, ""}};

// Nothing for an activation that no argument says.
std::optional<std::string_view> gate_argument(const boost::json::object& document) {
  const auto activation = string_field(document, "activation_func").value_or("gelu");
  const bool gated = flag_field(document, "gated_linear_unit");
  for (const auto& gate : kGates)
    if (gate.activation == activation && gate.gated == gated) return gate.argument;
  return {};
}

using Arguments = std::map<std::string, PickleValue, std::less<>>;  // sorted, so that the same document gives the same bytes

// The parallel layout, in a world that is as small as it can be.
void state_sizes(const boost::json::object& document, PickleArena& arena, Arguments& arguments) {
  const auto layout = stated_layout(document);
  const auto state = [&](const char* name, std::optional<std::int64_t> value) {
    arguments.insert_or_assign(name, value ? arena.integer(*value) : arena.none());
  };
  state("tensor_model_parallel_size", layout.tensor);
  state("pipeline_model_parallel_size", layout.pipeline);
  state("expert_model_parallel_size", layout.expert);
  state("expert_tensor_parallel_size", layout.expert_tensor_size());
  state("context_parallel_size", layout.context);
  state("virtual_pipeline_model_parallel_size", layout.virtual_pipeline);
  state("decoder_first_pipeline_num_layers", layout.first_stage);
  state("decoder_last_pipeline_num_layers", layout.last_stage);
  const auto ranks = layout.ranks_of_stage() * layout.context;
  state("world_size", ranks * layout.pipeline);
  state("data_parallel_size", ranks / layout.tensor / layout.context);
  if (!layout.stages.empty()) arguments.insert_or_assign("pipeline_model_parallel_layout", arena.text(layout.stages));
  if (layout.embedding_counts) arguments.insert_or_assign("account_for_embedding_in_pipeline_split", arena.boolean(true));
  if (layout.loss_counts) arguments.insert_or_assign("account_for_loss_in_pipeline_split", arena.boolean(true));
}

}  // namespace

std::optional<std::string> activation_without_argument(const boost::json::object& document) {
  if (gate_argument(document)) return {};
  return fmt::format("{}{}", flag_field(document, "gated_linear_unit") ? "gated " : "", string_field(document, "activation_func").value_or("gelu"));
}

PickleValue arguments_from_document(const boost::json::object& document, const CheckpointFacts& facts, PickleArena& arena) {
  const auto gate = gate_argument(document);
  Arguments arguments;
  const auto copy_as = [&](std::string_view argument, std::string_view field) {
    if (const auto* value = document.if_contains(field))
      if (auto converted = pickled(argument, holds_json(field) ? encoded_json(*value) : *value, arena))
        arguments.insert_or_assign(std::string(argument), *converted);
  };
  for (const auto name : kFalse) arguments.emplace(name, arena.boolean(false));
  for (const auto name : kTrue) arguments.emplace(name, arena.boolean(true));
  for (const auto name : kNone) arguments.emplace(name, arena.none());
  for (const auto name : kOne) arguments.emplace(name, arena.integer(1));
  for (const auto name : kZero) arguments.emplace(name, arena.integer(0));
  for (const auto& [name, value] : document)
    if (!contains(kNotCopied, name) && !(value.is_null() && arguments.contains(std::string_view(name))))
      copy_as(name, name);

  for (const auto argument : {"swiglu", "squared_relu", "quick_geglu"})
    arguments.insert_or_assign(argument, arena.boolean(gate && *gate == argument));
  if (!gate) {  // no run looks at these; readers of this program do
    copy_as("activation_func", "activation_func");
    copy_as("gated_linear_unit", "gated_linear_unit");
  }
  const auto heads = integer_field(document, "num_attention_heads");
  const auto groups = integer_field(document, "num_query_groups");
  arguments.insert_or_assign("group_query_attention", arena.boolean(groups && groups != heads));
  arguments.insert_or_assign("untie_embeddings_and_output_weights",
                             arena.boolean(!flag_field(document, "share_embeddings_and_output_weights", true)));
  arguments.insert_or_assign("use_rope_scaling", arena.boolean(flag_field(document, "rope_scaling")));
  copy_as("num_experts", "num_moe_experts");
  copy_as("norm_epsilon", "layernorm_epsilon");
  copy_as("apply_layernorm_1p", "layernorm_zero_centered_gamma");
  copy_as("max_position_embeddings", "seq_length");
  copy_as("rotary_seq_len_interpolation_factor", "seq_len_interpolation_factor");
  if (const auto rows = facts.padded_vocab_size ? facts.padded_vocab_size : integer_field(document, "vocab_size"))
    arguments.insert_or_assign("padded_vocab_size", arena.integer(*rows));
  const auto communication = std::array{arena.text(string_field(document, "cp_comm_type").value_or("p2p"))};
  arguments.insert_or_assign("cp_comm_type", arena.list(communication));
  arguments.emplace("config_logger_dir", arena.text(""));
  arguments.insert_or_assign("transformer_impl", arena.text(to_string(facts.spec)));
  arguments.insert_or_assign("ckpt_format", arena.text(to_string(facts.storage)));
  state_sizes(document, arena, arguments);
  const auto source = string_field(document, "hf_model_id").value_or("");
  arguments.insert_or_assign("tokenizer_type", arena.text(source.empty() ? "NullTokenizer" : "HuggingFaceTokenizer"));
  arguments.insert_or_assign("tokenizer_model", source.empty() ? arena.none() : arena.text(source));

  std::vector<PicklePair> attributes;
  for (const auto& [name, value] : arguments) attributes.emplace_back(arena.text(name), value);
  return arena.argparse_namespace(attributes);
}

}  // namespace weighbridge
