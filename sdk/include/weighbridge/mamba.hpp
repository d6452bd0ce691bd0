#pragma once
// Mamba-2 mixers as hybrid models have them. Hugging Face fuses along rows what Megatron stores in parts, which every
// tensor-parallel rank has its share of:
//
//   in_proj   gate z over input x over B and C of the state over step dt
//   conv1d    x over B over C

#include <weighbridge/model.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {

struct Mamba2 {
  std::int64_t hidden{};
  std::int64_t heads{}, width{};    // of the input: heads of that width
  std::int64_t groups{}, state{};   // of B and C: groups of heads with a state of that size
  std::int64_t kernel{4};           // of the convolution
  bool gated_norm{true};            // whether an RMSNorm follows the gate
};

struct RowsPart {
  std::string_view name;
  std::int64_t rows{};
};

// Rows of a fused tensor as parameters of their own: name + ".z", name + ".x", …
inline void split_rows(const MegatronLayer& layer, std::string_view name, const Tensor& fused, std::initializer_list<RowsPart> parts) {
  std::int64_t begin = 0;
  for (const auto& part : parts) {
    layer[std::string{name} + "." + std::string{part.name}] =
        Parameter{slice(fused, 0, begin, begin + part.rows), WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, 0};
    begin += part.rows;
  }
}

// One number a head, float32 in the model: it keeps the type that it has on disk.
inline Parameter per_head(const Tensor& value) { return {value, WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, WB_KEEP_DTYPE}; }

// `mixer` is the layer under the mixer's name; `at` what precedes the mixer's tensors in the Hugging Face layer.
inline void mamba2_mixer(const MegatronLayer& mixer, const HuggingFaceLayer& hf, const std::string& at, const Mamba2& m) {
  const auto x = m.heads * m.width, bc = m.groups * m.state;
  split_rows(mixer, "in_proj.weight", hf(at + "in_proj.weight", {2 * x + 2 * bc + m.heads, m.hidden}),
             {{"z", x}, {"x", x}, {"B", bc}, {"C", bc}, {"dt", m.heads}});
  mixer["in_proj"] = module_state(WB_EXTRA_EMPTY);
  split_rows(mixer, "conv1d.weight", hf(at + "conv1d.weight", {x + 2 * bc, 1, m.kernel}), {{"x", x}, {"B", bc}, {"C", bc}});
  split_rows(mixer, "conv1d.bias", hf(at + "conv1d.bias", {x + 2 * bc}), {{"x", x}, {"B", bc}, {"C", bc}});
  for (const std::string each : {"A_log", "D", "dt_bias"}) mixer[each] = per_head(hf(at + each, {m.heads}));
  if (m.gated_norm) mixer["norm.weight"] = Parameter{hf(at + "norm.weight", {x}), WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, 0};
  mixer["out_proj.weight"] = row(hf(at + "out_proj.weight", {m.hidden, x}));
}

// The limits that Hugging Face clamps steps to; Megatron-Core clamps none. JSON has no infinity, so writers differ.
inline void check_step_limits(const Config& hf, std::string_view field) {
  const std::string path{field};
  if (!hf.has(path)) return;
  const auto upper = path + ".1";
  const bool endless = hf.has(upper + ".__float__") || hf.is_text(upper) || hf.number(upper) > 1e300;
  if (!endless || hf.number(path + ".0") > 0)
    throw Failure(path + " limits the steps of the Mamba layers; Megatron-Core has [0.0, Infinity] and no other");
}

}  // namespace sdk_v1
}  // namespace weighbridge
