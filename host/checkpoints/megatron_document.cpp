#include "checkpoints/megatron_document.hpp"

#include <array>
#include <boost/json/value.hpp>
#include <cmath>

#include "checkpoints/python_json.hpp"

namespace weighbridge {
namespace {

struct Activation {
  std::string_view name;
  std::string_view target;
};

// The first target of a name is the one that is written.
constexpr std::array kActivations{
    Activation{"silu", "torch.nn.functional.silu"},
    Activation{"gelu", "torch.nn.functional.gelu"},
    Activation{"gelu", "torch._C._nn.gelu"},
    Activation{"gelu_tanh", "megatron.core.activations.fast_gelu"},
    Activation{"quick_gelu", "megatron.core.fusions.fused_bias_geglu.quick_gelu"},
    Activation{"quick_gelu", "megatron.core.activations.quick_gelu"},
    Activation{"squared_relu", "megatron.core.activations.squared_relu"},
    Activation{"squared_relu", "megatron.bridge.training.mlm_compat.activations.squared_relu"},
    Activation{"relu", "torch.nn.functional.relu"},
    Activation{"relu", "torch.relu"},
};

const boost::json::value* field(const boost::json::object& document, std::string_view name) {
  const auto* value = document.if_contains(name);
  return value && !value->is_null() ? value : nullptr;
}

// A frequency that makes layers differ: a list of any content, or every n-th layer.
bool layers_differ(const boost::json::object& document, std::string_view name) {
  const auto* value = field(document, name);
  return value && (value->is_array() || integer_field(document, name).value_or(1) > 1);
}

}  // namespace

std::optional<std::int64_t> integer_field(const boost::json::object& document, std::string_view name) {
  const auto* value = field(document, name);
  if (!value) return {};
  if (const auto* number = value->if_int64()) return *number;
  if (const auto* number = value->if_double(); number && std::trunc(*number) == *number && std::abs(*number) < 9e15)
    return static_cast<std::int64_t>(*number);
  return {};
}

std::optional<double> number_field(const boost::json::object& document, std::string_view name) {
  const auto* value = field(document, name);
  if (!value || !value->is_number()) return {};
  return value->to_number<double>();
}

std::optional<std::string> string_field(const boost::json::object& document, std::string_view name) {
  const auto* value = field(document, name);
  if (!value || !value->is_string()) return {};
  return std::string(value->get_string());
}

bool flag_field(const boost::json::object& document, std::string_view name, bool otherwise) {
  const auto* value = field(document, name);
  return value && value->is_bool() ? value->get_bool() : otherwise;
}

bool holds_json(std::string_view name) { return name.ends_with("_encoded_json"); }

boost::json::value decoded_json(const boost::json::value& text) {
  const auto* string = text.if_string();
  if (!string || string->empty()) return text;
  auto parsed = parse_python_json(*string, {});
  return parsed && parsed->root.is_object() ? std::move(parsed->root) : text;
}

boost::json::value encoded_json(const boost::json::value& said) {
  if (!said.is_object()) return said;
  return boost::json::string(python_json(said, {.sort_keys = true}) + "\n");  // as transformers writes a configuration
}

bool per_layer_keys(const boost::json::object& document) {
  for (const auto* name : {"hybrid_layer_pattern", "hybrid_override_pattern", "heterogeneous_layers_config_path",
                           "heterogeneous_layers_config_encoded_json"})
    if (const auto* value = field(document, name); value && (value->is_object() || !string_field(document, name).value_or("").empty())) return true;
  // A model that is given a stack of layers to build, rather than one layer to repeat, is hybrid.
  for (const auto& [name, value] : document)
    if (name.ends_with("_stack_spec") && !value.is_null()) return true;
  for (const auto* name : {"is_hybrid_model", "hetereogenous_dist_checkpoint", "heterogeneous_block_specs"})
    if (flag_field(document, name)) return true;
  return layers_differ(document, "moe_layer_freq") || layers_differ(document, "linear_attention_freq");
}

std::optional<std::string_view> activation_target(std::string_view name) {
  for (const auto& activation : kActivations)
    if (activation.name == name) return activation.target;
  return {};
}

std::optional<std::string_view> activation_name(std::string_view target) {
  for (const auto& activation : kActivations)
    if (activation.target == target) return activation.name;
  return {};
}

}  // namespace weighbridge
