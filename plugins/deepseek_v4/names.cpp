#include "names.hpp"

#include <array>
#include <utility>

namespace deepseek_v4 {
namespace {

using Renamed = std::pair<std::string_view, std::string_view>;

constexpr Renamed kOfModel[] = {{"embed.weight", "model.embed_tokens.weight"}, {"norm.weight", "model.norm.weight"},
                                {"hc_head_fn", "model.hc_head.hc_fn"}, {"hc_head_base", "model.hc_head.hc_base"},
                                {"hc_head_scale", "model.hc_head.hc_scale"}};

// The first that a name begins with counts.
constexpr Renamed kOfLayer[] = {
    {"attn_norm.", "input_layernorm."}, {"ffn_norm.", "post_attention_layernorm."},
    {"hc_attn_", "attn_hc."}, {"hc_ffn_", "ffn_hc."},
    {"attn.wq_a.", "self_attn.q_a_proj."}, {"attn.q_norm.", "self_attn.q_a_norm."}, {"attn.wq_b.", "self_attn.q_b_proj."},
    {"attn.wkv.", "self_attn.kv_proj."}, {"attn.kv_norm.", "self_attn.kv_norm."}, {"attn.wo_a.", "self_attn.o_a_proj."},
    {"attn.wo_b.", "self_attn.o_b_proj."}, {"attn.attn_sink", "self_attn.sinks"},
    {"attn.compressor.wkv.", "self_attn.compressor.kv_proj."}, {"attn.compressor.wgate.", "self_attn.compressor.gate_proj."},
    {"attn.compressor.ape", "self_attn.compressor.position_bias"}, {"attn.compressor.norm.", "self_attn.compressor.kv_norm."},
    {"attn.indexer.wq_b.", "self_attn.compressor.indexer.q_b_proj."},
    {"attn.indexer.weights_proj.", "self_attn.compressor.indexer.scorer.weights_proj."},
    {"attn.indexer.compressor.wkv.", "self_attn.compressor.indexer.kv_proj."},
    {"attn.indexer.compressor.wgate.", "self_attn.compressor.indexer.gate_proj."},
    {"attn.indexer.compressor.ape", "self_attn.compressor.indexer.position_bias"},
    {"attn.indexer.compressor.norm.", "self_attn.compressor.indexer.kv_norm."},
    {"ffn.gate.bias", "mlp.gate.e_score_correction_bias"}, {"ffn.shared_experts.w1.", "mlp.shared_experts.gate_proj."},
    {"ffn.shared_experts.w2.", "mlp.shared_experts.down_proj."}, {"ffn.shared_experts.w3.", "mlp.shared_experts.up_proj."},
    {"ffn.", "mlp."},
};

constexpr std::string_view kIndexerWeights = "attn.indexer.weights_proj.", kIndexerScorer = "attn.indexer.scorer.weights_proj.";

// Whether some layer's tensor is there by that name; not every layer has an indexer.
bool some_layer_has(const Model& model, std::int64_t layers, std::string_view name) {
  for (std::int64_t i = 0; i < layers; ++i)
    if (model.source_has("layers." + std::to_string(i) + "." + std::string{name})) return true;
  return false;
}

}  // namespace

Names::Names(const Model& model, std::int64_t layers)
    : saved_anew_{model.source_has("model.embed_tokens.weight")}, scorer_{some_layer_has(model, layers, std::string{kIndexerScorer} + "weight")},
      head_{model.source_has("lm_head.weight") ? "lm_head.weight" : "head.weight"} {}

std::string Names::of_model(std::string_view name) const {
  if (name == "head.weight") return head_;
  if (saved_anew_)
    for (const auto& [published, saved] : kOfModel)
      if (name == published) return std::string{saved};
  return std::string{name};
}

std::string Names::of_layer(std::int64_t layer, std::string_view name) const {
  const auto at = "layers." + std::to_string(layer) + ".";
  if (!saved_anew_) {
    if (scorer_ && name.starts_with(kIndexerWeights)) return at + std::string{kIndexerScorer} + std::string{name.substr(kIndexerWeights.size())};
    return at + std::string{name};
  }
  for (const auto& [published, saved] : kOfLayer)
    if (name.starts_with(published)) return "model." + at + std::string{saved} + std::string{name.substr(published.size())};
  throw Failure("no name is known for " + std::string{name});
}

Tensor stored(const Model& model, const Config& c, const std::string& name, const Dimensions& shape) {
  constexpr std::string_view kWeight = ".weight";
  const auto found = model.source(name);
  if (!found || !std::string_view{name}.ends_with(kWeight)) return model.tensor(name, shape);
  const auto scale = name.substr(0, name.size() - kWeight.size()) + ".scale";
  const auto scales = model.source(scale);
  if (!scales) return model.tensor(name, shape);
  const auto rows = shape.at(0), columns = shape.at(1);
  const auto block = [&](std::int64_t i) { return c.integer(Config::at("quantization_config.weight_block_size", i), 128); };
  const auto raw_scales = model.raw(scale, scales->shape);
  if (found->dtype == WB_DTYPE_I8 || found->dtype == WB_DTYPE_U8) {
    const auto groups = scales->shape.size() == 2 ? scales->shape[1] : 0;
    if (groups < 1 || columns % groups != 0 || scales->shape[0] != rows) throw Failure(scale + " has a shape that packed values of " + name + " do not have");
    return decode("mxfp4", model.raw(name, {rows, columns / 2}), raw_scales, 1, columns / groups, shape);
  }
  if (found->dtype != WB_DTYPE_F8_E4M3) return model.tensor(name, shape);
  const auto data = model.raw(name, shape);
  if (scales->shape.size() == 1)
    return scales->shape[0] == rows ? decode("fp8_e4m3", data, raw_scales, 1, columns, shape) : decode("fp8_e4m3", data, raw_scales, block(0), columns, shape);
  if (scales->shape.size() == 2 && scales->shape[0] == rows && rows > 1 && scales->shape[1] > 0 && columns % scales->shape[1] == 0)
    return decode("fp8_e4m3", data, raw_scales, 1, columns / scales->shape[1], shape);
  return decode("fp8_e4m3", data, raw_scales, block(0), block(1), shape);
}

}  // namespace deepseek_v4
