#include "checkpoints/megatron_document.hpp"

#include <array>
#include <boost/json/value.hpp>
#include <cmath>

#include <fmt/format.h>

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

Status check_model_size(const boost::json::object& document, std::string_view file) {
  constexpr std::int64_t kMostLayers = 1 << 16, kMostExperts = 1 << 16, kMostOfBoth = 1 << 18;
  const auto refuse = [&](std::string_view field, std::int64_t value, std::int64_t most) {
    return Error{Error::Kind::mismatch, std::string{file}, std::string{field}, fmt::format("is {}; 0 to {} are possible", value, most),
                 "Correct the configuration; it does not belong to these weights"};
  };
  for (const auto* field : {"num_layers", "mtp_num_layers", "num_moe_experts"})
    if (const auto* value = document.if_contains(field); value != nullptr && !value->is_null() && !integer_field(document, field))
      return Error{Error::Kind::mismatch, std::string{file}, field, "is no whole number", "Correct the configuration"};
  std::int64_t layers = 0;
  for (const auto* field : {"num_layers", "mtp_num_layers"}) {
    const auto value = integer_field(document, field).value_or(0);
    if (value < 0 || value > kMostLayers) return refuse(field, value, kMostLayers);
    layers += value;
  }
  const auto experts = integer_field(document, "num_moe_experts").value_or(0);
  if (experts < 0 || experts > kMostExperts) return refuse("num_moe_experts", experts, kMostExperts);
  if (layers * experts > kMostOfBoth) return refuse("num_moe_experts", experts, kMostOfBoth / layers);
  return done();
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
