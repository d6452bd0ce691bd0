#include "verify/config_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace weighbridge {
namespace {

namespace json = boost::json;

// Fields that change how a model is run or trained, not what it is.
constexpr std::string_view kOfTheRun[] = {
    "make_vocab_size_divisible_by", "should_pad_vocab", "hf_model_id", "moe_token_dispatcher_type", "moe_router_load_balancing_type",
    "moe_grouped_gemm", "moe_aux_loss_coeff", "mtp_loss_scaling_factor", "autocast_dtype", "params_dtype", "bf16", "fp16", "pipeline_dtype",
    "hetereogenous_dist_checkpoint", "cp_comm_type", "attention_softmax_in_fp32", "keep_mtp_spec_in_bf16", "moe_shared_expert_overlap",
    "init_method_std", "hidden_dropout", "attention_dropout", "cross_entropy_fusion_impl", "moe_router_dtype", "heterogeneous_block_specs",
    "is_hybrid_model", "attention_backend", "mtp_hybrid_override_pattern",
};
constexpr std::string_view kSettings[] = {"seq_length", "max_position_embeddings"};

// What a model has only if its configuration says so.
constexpr std::string_view kAdditions[] = {
    "window_size", "num_moe_experts", "seq_len_interpolation_factor", "moe_shared_expert_intermediate_size", "mtp_num_layers", "q_lora_rank",
    "attention_output_gate", "qk_layernorm", "add_bias_linear", "add_qkv_bias", "moe_router_topk_scaling_factor", "moe_router_num_groups",
    "moe_router_enable_expert_bias", "rope_scaling", "multi_latent_attention",
};

// What people call it.
constexpr std::pair<std::string_view, std::string_view> kWords[] = {
    {"rotary_base", "rope theta"}, {"rope_scaling", "rope scaling by frequency"}, {"rope_scaling_factor", "rope scaling factor"},
    {"seq_len_interpolation_factor", "linear rope scaling"}, {"rotary_percent", "part of a head that is rotated"}, {"window_size", "sliding window"},
    {"layernorm_epsilon", "norm epsilon"}, {"vocab_size", "vocabulary"}, {"num_layers", "number of layers"},
    {"num_query_groups", "number of key and value heads"}, {"num_attention_heads", "number of heads"}, {"kv_channels", "head width"},
    {"ffn_hidden_size", "feed-forward width"}, {"share_embeddings_and_output_weights", "tied embeddings"}, {"num_moe_experts", "number of experts"},
    {"moe_router_topk", "experts a token"}, {"mtp_num_layers", "prediction layers"}, {"activation_func", "activation"},
    {"moe_ffn_hidden_size", "width of an expert"}, {"moe_router_topk_scaling_factor", "factor of routed experts"},
    {"moe_router_pre_softmax", "softmax before choosing experts"}, {"moe_router_score_function", "score of experts"},
};

bool contains(const auto& names, std::string_view name) { return std::ranges::find(names, name) != std::end(names); }

bool of_the_run(std::string_view field) {
  return contains(kOfTheRun, field) || field.starts_with('_') || field.ends_with("_stack_spec") || field.ends_with("_layer_spec") || field.find("fusion") != std::string_view::npos;
}

// Absent, null, false and 0 all say: not so.
bool says_nothing(const json::value* value) {
  return value == nullptr || value->is_null() || (value->is_bool() && !value->get_bool()) || (value->is_number() && value->to_number<double>() == 0) ||
         (value->is_array() && value->get_array().empty());
}

// "ME|M*E" says also where a pipeline is cut, which is no part of the model.
std::string uncut(std::string_view pattern) {
  std::string text{pattern};
  std::erase(text, '|');
  return text;
}

// One number or flag for all layers is the same as a list of it for each.
bool repeats(const json::value& list, const json::value& one) {
  return list.is_array() && !one.is_array() && !list.get_array().empty() && std::ranges::all_of(list.get_array(), [&](const auto& entry) { return entry == one; });
}

// "bfloat16" is written {"_target_": "torch.bfloat16"} where a configuration holds Python objects.
std::string_view torch_type(const json::value& value) {
  const auto* object = value.if_object();
  const auto* target = object == nullptr ? nullptr : object->if_contains("_target_");
  if (target == nullptr || !target->is_string() || !std::string_view{target->get_string()}.starts_with("torch.")) return {};
  return std::string_view{target->get_string()}.substr(6);
}

bool same(const json::value& a, const json::value& b) {
  if (a.is_string() && torch_type(b) == std::string_view{a.get_string()}) return true;
  if (a.is_string() && b.is_string()) return uncut(a.get_string()) == uncut(b.get_string());
  if (a.is_number() && b.is_number()) {
    const auto one = a.to_number<double>(), other = b.to_number<double>();
    return one == other || std::abs(one - other) <= 1e-12 * std::max(std::abs(one), std::abs(other));
  }
  if (a.is_array() && b.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), [](const auto& x, const auto& y) { return same(x, y); });
  return a == b || repeats(a, b) || repeats(b, a);
}

std::string shown(const json::value* value) {
  auto text = value == nullptr ? std::string{"not stated"} : value->is_double() ? fmt::format("{}", value->get_double()) : json::serialize(*value);
  if (text.size() > 120) text = text.substr(0, 117) + "...";
  return text;
}

Difference difference(std::string name, const json::value* expected, const json::value* actual) {
  Difference made{};
  made.kind = DifferenceKind::config;
  made.name = std::move(name);
  made.expected = shown(expected);
  made.actual = shown(actual);
  return made;
}

std::string cause_of(std::string_view field) {
  const auto found = std::ranges::find(kWords, field, [](const auto& entry) { return entry.first; });
  return found == std::end(kWords) ? std::string{} : fmt::format("the {} of config.json and of the Megatron checkpoint differ", found->second);
}

// Whether a field of the document means anything there.
bool meant(std::string_view field, const json::object& expected, const json::object& actual) {
  const auto either = [&](std::string_view other) { return !says_nothing(expected.if_contains(other)) || !says_nothing(actual.if_contains(other)); };
  const auto rope = [&](std::string_view kind) {
    const auto* a = expected.if_contains("position_embedding_type");
    const auto* b = actual.if_contains("position_embedding_type");
    return (a && a->is_string() && a->get_string() == kind) || (b && b->is_string() && b->get_string() == kind);
  };
  const bool latent = either("multi_latent_attention");
  if (field == "rope_scaling_factor") return either("rope_scaling");
  if (field == "kv_channels" || field == "num_query_groups") return !latent;  // it has widths of its own
  if (field == "position_embedding_type" || field == "rotary_percent") return !latent;
  if (field.starts_with("yarn_")) return rope("yarn");
  if (field.starts_with("moe_")) return either("num_moe_experts");
  return true;
}

void compare_objects(const json::object& expected, const json::object& actual, const std::string& prefix, ConfigComparison& result) {
  for (const auto& entry : expected) {
    const std::string_view field{entry.key()};
    if (of_the_run(field) || !meant(field, expected, actual)) continue;
    const auto* there = actual.if_contains(field);
    const auto name = prefix + std::string{field};
    if (there == nullptr) continue;  // not every way of writing a checkpoint states everything
    if (entry.value().is_object() && there->is_object()) {
      compare_objects(entry.value().get_object(), there->get_object(), name + ".", result);
      continue;
    }
    if (same(entry.value(), *there) || (says_nothing(&entry.value()) && says_nothing(there))) continue;
    if (prefix.empty() && contains(kSettings, field)) {
      result.settings.push_back(fmt::format("{} is {}, expected {}", field, shown(there), shown(&entry.value())));
      continue;
    }
    result.differences.push_back(difference(name, &entry.value(), there));
    result.differences.back().cause = cause_of(field);
  }
}

}  // namespace

ConfigComparison compare_documents(const json::object& expected, const json::object& actual) {
  ConfigComparison result;
  compare_objects(expected, actual, "", result);
  for (const auto field : kAdditions) {
    const auto* there = actual.if_contains(field);
    if (expected.contains(field) || says_nothing(there) || !meant(field, expected, actual)) continue;
    result.differences.push_back(difference(std::string{field}, nullptr, there));
    result.differences.back().cause = cause_of(field);
  }
  return result;
}

std::vector<Difference> compare_json(const json::object& expected, const json::object& actual, const std::string& file) {
  std::vector<Difference> differences;
  const auto compare = [&](const auto& self, const json::object& one, const json::object& other, const std::string& prefix) -> void {
    for (const auto& entry : one) {
      const auto name = prefix + std::string{entry.key()};
      const auto* there = other.if_contains(entry.key());
      if (there != nullptr && entry.value().is_object() && there->is_object()) self(self, entry.value().get_object(), there->get_object(), name + ".");
      else if (there == nullptr || !same(entry.value(), *there)) differences.push_back(difference(file + ": " + name, &entry.value(), there));
    }
    for (const auto& entry : other)
      if (!one.contains(entry.key())) differences.push_back(difference(file + ": " + prefix + std::string{entry.key()}, nullptr, &entry.value()));
  };
  compare(compare, expected, actual, "");
  return differences;
}

}  // namespace weighbridge
