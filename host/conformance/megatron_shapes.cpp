#include "conformance/megatron_shapes.hpp"

#include <fmt/format.h>

#include "checkpoints/megatron_document.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kFields[] = {"hidden_size", "num_attention_heads", "num_query_groups",
                                        "kv_channels", "ffn_hidden_size",     "vocab_size"};

bool is_plain(const boost::json::object& document) {
  for (const auto& [key, value] : document)
    if (std::string_view{key}.starts_with("heterogeneous") && !value.is_null() && value != boost::json::value(false))
      return false;
  for (const auto* field : {"multi_latent_attention", "attention_output_gate", "is_hybrid_model"})
    if (flag_field(document, field)) return false;
  for (const auto* field : {"experimental_attention_variant", "hybrid_layer_pattern", "mamba_stack_spec"})
    if (string_field(document, field)) return false;
  return !document.contains("num_moe_experts");
}

}  // namespace

std::optional<Shape> megatron_shape(std::string_view rest, const boost::json::object& document) {
  if (!is_plain(document)) return {};
  std::int64_t sizes[std::size(kFields)];
  for (std::size_t i = 0; i < std::size(kFields); ++i) {
    const auto size = integer_field(document, kFields[i]);
    if (!size) return {};
    sizes[i] = *size;
  }
  const auto [hidden, heads, groups, width, ffn, rows] = sizes;
  const std::int64_t first = (flag_field(document, "gated_linear_unit") ? 2 : 1) * ffn;
  if (rest == "self_attention.linear_qkv.weight") return Shape{(heads + 2 * groups) * width, hidden};
  if (rest == "self_attention.linear_qkv.bias") return Shape{(heads + 2 * groups) * width};
  if (rest == "self_attention.linear_proj.weight") return Shape{hidden, heads * width};
  if (rest == "mlp.linear_fc1.weight") return Shape{first, hidden};
  if (rest == "mlp.linear_fc1.bias") return Shape{first};
  if (rest == "mlp.linear_fc2.weight") return Shape{hidden, ffn};
  if (rest == "output_layer.weight") return Shape{rows, hidden};
  for (const auto* norm : {"self_attention.linear_qkv.layer_norm_weight", "mlp.linear_fc1.layer_norm_weight",
                           "decoder.final_layernorm.weight", "self_attention.linear_proj.bias", "mlp.linear_fc2.bias"})
    if (rest == norm) return Shape{hidden};
  return {};
}

std::string shape_fields(const boost::json::object& document) {
  std::string text;
  for (const auto field : kFields)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", field, integer_field(document, field).value_or(0));
  return text;
}

}  // namespace weighbridge
