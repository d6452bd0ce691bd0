#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "checkpoints/megatron_arguments.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kMaxValues = 1'000'000;  // of all arguments together, lists followed
constexpr int kMaxDepth = 8;

// Arguments that describe the model and have the document's name. The other hundreds describe a training run.
constexpr std::array kModelArguments = std::to_array<std::string_view>({
    "activation_func_clamp_value",
    "add_bias_linear",
    "add_qkv_bias",
    "apply_query_key_layer_scaling",
    "apply_residual_connection_post_layernorm",
    "attention_dropout",
    "attention_output_gate",
    "beta_fast",
    "beta_slow",
    "bf16",
    "experimental_attention_variant",
    "ffn_hidden_size",
    "fp16",
    "fp16_lm_cross_entropy",
    "fp32_residual_connection",
    "gated_linear_unit",
    "glu_linear_offset",
    "hetereogenous_dist_checkpoint",
    "heterogeneous_block_specs",
    "heterogeneous_layers_config_encoded_json",
    "heterogeneous_layers_config_path",
    "hidden_dropout",
    "hidden_size",
    "hybrid_layer_pattern",
    "init_method_std",
    "is_hybrid_model",
    "kv_channels",
    "kv_lora_rank",
    "layernorm_epsilon",
    "layernorm_zero_centered_gamma",
    "make_vocab_size_divisible_by",
    "mscale",
    "mscale_all_dim",
    "multi_latent_attention",
    "no_rope_freq",
    "normalization",
    "num_attention_heads",
    "num_layers",
    "num_layers_in_first_pipeline_stage",
    "num_layers_in_last_pipeline_stage",
    "num_query_groups",
    "original_max_position_embeddings",
    "params_dtype",
    "pipeline_model_parallel_layout",
    "position_embedding_type",
    "q_lora_rank",
    "residual_multiplier",
    "rope_type",
    "seq_length",
    "share_embeddings_and_output_weights",
    "should_pad_vocab",
    "softmax_scale",
    "softmax_type",
    "use_mup",
    "v_head_dim",
    "vocab_size",
    "window_attn_skip_freq",
    "window_size",
});
constexpr std::array kModelPrefixes = std::to_array<std::string_view>(
    {"dsa_", "linear_", "mamba_", "moe_", "mrope_", "mtp_", "mup_", "qk_", "rope_scaling", "rotary_", "yarn_"});

// Of the training run all the same.
constexpr std::array kRunPrefixes =
    std::to_array<std::string_view>({"mamba_inference", "moe_routing_trace", "moe_upcycling", "moe_use_upcycling"});

// Every run has them, with defaults, but they mean something with multi-latent attention only.
constexpr std::array kLatentAttention = std::to_array<std::string_view>({
    "beta_fast",
    "beta_slow",
    "kv_lora_rank",
    "mscale",
    "mscale_all_dim",
    "original_max_position_embeddings",
    "q_lora_rank",
    "qk_head_dim",
    "qk_pos_emb_head_dim",
    "rope_type",
    "rotary_scaling_factor",
    "v_head_dim",
});

// Of maximal update parametrization, likewise.
constexpr std::array kMultipliers = std::to_array<std::string_view>({
    "mup_attn_scale_power",
    "mup_base_head_dim",
    "mup_base_hidden_size",
    "mup_embedding_mult",
    "mup_output_mult",
    "mup_width_mult",
    "use_mup",
});

struct Renaming {
  std::string_view argument;
  std::string_view field;
};
// The field's own name wins where both are there.
constexpr std::array kRenamings = std::to_array<Renaming>({
    {"norm_epsilon", "layernorm_epsilon"},
    {"apply_layernorm_1p", "layernorm_zero_centered_gamma"},
    {"num_experts", "num_moe_experts"},
    {"use_rope_scaling", "rope_scaling"},
    {"rotary_seq_len_interpolation_factor", "seq_len_interpolation_factor"},
    {"hybrid_override_pattern", "hybrid_layer_pattern"},
    {"encoder_num_layers", "num_layers"},
    {"decoder_first_pipeline_num_layers", "num_layers_in_first_pipeline_stage"},
    {"decoder_last_pipeline_num_layers", "num_layers_in_last_pipeline_stage"},
});

template <std::size_t N>
bool starts_with_any(std::string_view name, const std::array<std::string_view, N>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](auto prefix) { return name.starts_with(prefix); });
}

bool describes_model(std::string_view name) {
  if (std::find(kModelArguments.begin(), kModelArguments.end(), name) != kModelArguments.end()) return true;
  return starts_with_any(name, kModelPrefixes) && !starts_with_any(name, kRunPrefixes);
}

bool is_renamed(std::string_view name) {
  return std::any_of(kRenamings.begin(), kRenamings.end(), [&](const auto& entry) { return entry.argument == name; });
}

// Plain values and dtypes; nothing for anything else (enums, signals, objects).
std::optional<boost::json::value> plain(PickleValue value, int depth, std::int64_t& left) {
  if (depth > kMaxDepth || --left < 0) return {};
  switch (value.kind()) {
    case PickleKind::none: return boost::json::value(nullptr);
    case PickleKind::boolean: return boost::json::value(*value.boolean());
    case PickleKind::integer: return boost::json::value(*value.integer());
    case PickleKind::real: return boost::json::value(*value.real());
    case PickleKind::text: return boost::json::value(*value.text());
    case PickleKind::global:
      if (const auto dtype = dtype_from_torch(value.name()); dtype && value.module() == "torch")
        return boost::json::value(torch_name(*dtype));
      return {};
    case PickleKind::list:
    case PickleKind::tuple: {
      boost::json::array items;
      for (const auto& item : value.items()) {
        auto converted = plain(item, depth + 1, left);
        if (!converted) return {};
        items.push_back(*std::move(converted));
      }
      return boost::json::value(std::move(items));
    }
    case PickleKind::big_integer:
    case PickleKind::bytes:
    case PickleKind::dict:
    case PickleKind::set:
    case PickleKind::object:
    case PickleKind::persistent_id:
    case PickleKind::tensor: break;
  }
  return {};
}

// Every plain attribute that matters, under its argument name.
boost::json::object plain_arguments(PickleValue state) {
  constexpr std::array kDerivedFrom = std::to_array<std::string_view>(
      {"activation_func", "disable_bias_linear", "group_query_attention", "max_position_embeddings", "padded_vocab_size", "quick_geglu",
       "squared_relu", "swiglu", "untie_embeddings_and_output_weights", "use_rotary_position_embeddings"});
  boost::json::object arguments;
  auto left = kMaxValues;
  const auto items = state.items();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const auto name = items[i].text();
    if (!name) continue;
    const bool derived = std::find(kDerivedFrom.begin(), kDerivedFrom.end(), *name) != kDerivedFrom.end();
    if (!derived && !is_renamed(*name) && !describes_model(*name)) continue;
    if (auto value = plain(items[i + 1], 0, left)) arguments[*name] = *std::move(value);
  }
  return arguments;
}

void set_activation(const boost::json::object& arguments, boost::json::object& document) {
  const bool gated = flag_field(arguments, "swiglu") || flag_field(arguments, "quick_geglu");
  document["gated_linear_unit"] = gated || flag_field(arguments, "gated_linear_unit");
  if (const auto said = string_field(arguments, "activation_func")) {  // what this program writes where no argument says it
    document["activation_func"] = *said;
    return;
  }
  document["activation_func"] = flag_field(arguments, "swiglu")         ? "silu"
                                : flag_field(arguments, "squared_relu") ? "squared_relu"
                                : flag_field(arguments, "quick_geglu")  ? "quick_gelu"
                                                                        : "gelu";
}

void set_precision(const boost::json::object& arguments, boost::json::object& document) {
  if (string_field(arguments, "params_dtype")) return;
  document["params_dtype"] = flag_field(arguments, "bf16")   ? "bfloat16"
                             : flag_field(arguments, "fp16") ? "float16"
                                                             : "float32";
}

void set_vocabulary(const boost::json::object& arguments, MegatronArguments& result) {
  if (integer_field(arguments, "vocab_size")) return;
  const auto padded = integer_field(arguments, "padded_vocab_size");
  if (!padded) return;
  result.document["vocab_size"] = *padded;
  result.assumed.push_back("vocab_size");
  result.notes.push_back(fmt::format(
      "the arguments do not state vocab_size; without --hf-model the padded size {} stands in", *padded));
}

}  // namespace

ParallelLayout layout_from_arguments(PickleValue arguments) {
  const auto number = [&](std::string_view name) -> std::optional<std::int64_t> {
    const auto value = arguments.find(name);
    return value ? value->integer() : std::nullopt;
  };
  ParallelLayout layout;
  layout.tensor = number("tensor_model_parallel_size").value_or(number("model_parallel_size").value_or(1));
  layout.pipeline = number("pipeline_model_parallel_size").value_or(1);
  layout.expert = number("expert_model_parallel_size").value_or(1);
  layout.context = number("context_parallel_size").value_or(1);
  layout.expert_tensor = number("expert_tensor_parallel_size");
  layout.virtual_pipeline = number("virtual_pipeline_model_parallel_size");
  return layout;
}

Result<MegatronArguments> document_from_arguments(PickleValue arguments, std::string_view file) {
  if (!arguments.is(PickleKind::object) || !arguments.callable().is_global("argparse", "Namespace"))
    return Error{Error::Kind::format, std::string(file), "args", "is no argparse.Namespace",
                 "Give the configuration with --hf-model"};
  const auto given = plain_arguments(arguments.state());
  MegatronArguments result;
  auto& document = result.document;
  for (const auto& [name, value] : given)
    if (describes_model(name) && !value.is_null()) document[name] = holds_json(name) ? decoded_json(value) : value;
  for (const auto& [argument, field] : kRenamings)
    if (const auto* value = given.if_contains(argument); value && !value->is_null()) document.emplace(field, *value);

  document["share_embeddings_and_output_weights"] = !flag_field(given, "untie_embeddings_and_output_weights");
  if (given.contains("disable_bias_linear")) document["add_bias_linear"] = !flag_field(given, "disable_bias_linear");
  if (!flag_field(given, "group_query_attention"))  // num_query_groups is a mere default then
    if (const auto* heads = given.if_contains("num_attention_heads")) document["num_query_groups"] = *heads;
  if (flag_field(given, "use_rotary_position_embeddings")) document["position_embedding_type"] = "rope";
  if (const auto positions = integer_field(given, "max_position_embeddings")) document["seq_length"] = *positions;
  if (!flag_field(given, "multi_latent_attention"))
    for (const auto name : kLatentAttention) document.erase(name);
  if (!flag_field(document, "use_mup"))  // every run has its multipliers, with defaults
    for (const auto name : kMultipliers) document.erase(name);
  if (!flag_field(document, "rope_scaling")) document.erase("rope_scaling_factor");
  set_activation(given, document);
  for (const auto* flag : {"swiglu", "squared_relu", "quick_geglu"})  // older runs know less of them
    if (!given.contains(flag)) result.assumed.push_back("activation_func");
  set_precision(given, document);
  set_vocabulary(given, result);
  for (const auto* name : {"num_layers", "hidden_size", "num_attention_heads"})
    if (integer_field(document, name).value_or(0) <= 0 &&
        !(std::string_view{name} == "num_layers" && per_layer_keys(document)))
      return Error{Error::Kind::format, std::string(file), fmt::format("args.{}", name), "is missing or not positive",
                   "Give the configuration with --hf-model"};
  if (auto status = check_model_size(document, file); !status) return std::move(status).error();
  return result;
}

}  // namespace weighbridge
