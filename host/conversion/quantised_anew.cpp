#include "conversion/quantised_anew.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "checkpoints/torch_dist_layout.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kBlock = 128, kGroup = 32;

std::optional<Codec> codec_of(Quantize how) {
  switch (how) {
    case Quantize::fp8: return Codec::fp8_e4m3;
    case Quantize::mxfp4: return Codec::mxfp4;
    case Quantize::int4: return Codec::int4;
    case Quantize::none: case Quantize::reference: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<QuantisedAnew> quantised_anew(const Leaf& leaf, const Equation& equation, Quantize how, DType held) {
  const auto codec = codec_of(how);
  if (!codec || leaf.decoding || leaf.shape.size() != 2 || !leaf.name.ends_with(".weight") || equation.keep_dtype || equation.vocabulary)
    return std::nullopt;
  const auto rows = leaf.shape[0], columns = leaf.shape[1];
  if (*codec == Codec::fp8_e4m3) {
    if (equation.extra_state != static_cast<std::uint8_t>(ExtraState::empty) || equation.expression.shape.size() != 2) return std::nullopt;
    const BlockScaled form{*codec, kBlock, kBlock, leaf.shape};
    const Encoding data{Encoding::Part::data, form, true, DType::f32, held, {}};
    auto scales = data;
    scales.part = Encoding::Part::scales;
    return QuantisedAnew{{{{leaf.name, DType::f8_e4m3, leaf.shape}, data},
                          {{leaf.name + "_scale_inv", DType::f32, {(rows - 1) / kBlock + 1, form.block_grid_columns()}}, scales}}, {}};
  }
  if (equation.experts == 0 || columns % kGroup != 0) return std::nullopt;
  const bool four = *codec == Codec::int4;
  const BlockScaled form{*codec, 1, kGroup, leaf.shape};
  const Encoding data{Encoding::Part::data, form, true, four ? DType::bf16 : DType::u8, held, {}};
  auto scales = data;
  scales.part = Encoding::Part::scales;
  const LaidTensor packed{leaf.name + "_packed", four ? DType::i32 : DType::u8, {rows, columns / (four ? 8 : 2)}};
  QuantisedAnew made{{{packed, data}, {{leaf.name + "_scale", data.scales_dtype, {rows, columns / kGroup}}, scales}}, {}};
  if (four) made.shape_tensor = LaidTensor{leaf.name + "_shape", DType::i32, {2}};
  return made;
}

Status state_quantisation(Quantize how, ConfigDocument& config) {
  boost::json::object said;
  if (how == Quantize::fp8) {
    said = {{"activation_scheme", "dynamic"}, {"fmt", "e4m3"}, {"quant_method", "fp8"}, {"weight_block_size", {kBlock, kBlock}}};
  } else {
    const bool four = how == Quantize::int4;
    boost::json::object weights{{"group_size", kGroup}, {"num_bits", 4}, {"strategy", "group"}, {"symmetric", true}, {"type", four ? "int" : "float"}};
    boost::json::object group{{"targets", {"Linear"}}, {"weights", std::move(weights)}, {"input_activations", nullptr}, {"output_activations", nullptr}};
    said = {{"quant_method", "compressed-tensors"}, {"format", four ? "pack-quantized" : "mxfp4-pack-quantized"}, {"quantization_status", "compressed"},
            {"config_groups", {{"group_0", std::move(group)}}},
            {"ignore", {"lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"}}};
  }
  return config.set("quantization_config", std::move(said));
}

}  // namespace weighbridge
