// Qwen3-VL's eyes: patches through a convolution over space and time, learned positions, pre-norm layers with LayerNorm and
// biases. A merger joins spatial_merge_size squared neighbours into one vector of the language model's width: one after the
// last layer, and one for each of the layers that deepstack_visual_indexes names.

#include "qwen3_vision.hpp"

#include <cstdint>
#include <string>

namespace multimodal {
namespace {

using namespace weighbridge;

// LayerNorm over `normed` features, which come before (the last merger) or after the neighbours are joined.
template <class Define, class Read>
void merger(Define&& megatron, Read&& hf, std::int64_t normed, std::int64_t joined, std::int64_t out) {
  megatron("patch_norm.weight") = norm(hf("norm.weight", {normed}));
  megatron("patch_norm.bias") = norm(hf("norm.bias", {normed}));
  megatron("linear_fc1.weight") = column(hf("linear_fc1.weight", {joined, joined}));
  megatron("linear_fc1.bias") = column(hf("linear_fc1.bias", {joined}));
  megatron("linear_fc2.weight") = row(hf("linear_fc2.weight", {out, joined}));
  megatron("linear_fc2.bias") = replicated(hf("linear_fc2.bias", {out}));
}

// q of all heads, then k, then v; Megatron keeps the three of a head together.
Tensor by_head(const Tensor& qkv, std::int64_t heads, std::int64_t hidden) {
  return interleave(heads, slice(qkv, 0, 0, hidden), slice(qkv, 0, hidden, 2 * hidden), slice(qkv, 0, 2 * hidden, 3 * hidden));
}

}  // namespace

void Qwen3Vision::equations(const Config& c, const Model& model) const {
  const auto field = [&](std::string_view name) { return std::string{config} + "." + std::string{name}; };
  const auto number = [&](std::string_view name, std::int64_t otherwise) { return c.integer(field(name), otherwise); };
  const auto hidden = number("hidden_size", 1152), heads = number("num_heads", 16), ffn = number("intermediate_size", 4304);
  const auto patch = number("patch_size", 16), frames = number("temporal_patch_size", 2), side = number("spatial_merge_size", 2);
  const auto joined = side * side * hidden, out = number("out_hidden_size", 3584);
  const std::string ours{megatron}, theirs{hugging_face};
  const auto kept = [&](const std::string& name, const Dimensions& shape) {
    model[ours + name] = replicated(model.tensor(theirs + name, shape));
  };

  kept("patch_embed.proj.weight", {hidden, number("in_channels", 3), frames, patch, patch});
  kept("patch_embed.proj.bias", {hidden});
  kept("pos_embed.weight", {number("num_position_embeddings", 2304), hidden});
  for (const auto& [layer, hf, index] : model.layers(ours + "decoder.layers.", theirs + "blocks.", number("depth", 27))) {
    layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("norm1.weight", {hidden}));
    layer["self_attention.linear_qkv.layer_norm_bias"] = replicated(hf("norm1.bias", {hidden}));
    layer["self_attention.linear_qkv.weight"] = column(by_head(hf("attn.qkv.weight", {3 * hidden, hidden}), heads, hidden));
    layer["self_attention.linear_qkv.bias"] = column(by_head(hf("attn.qkv.bias", {3 * hidden}), heads, hidden));
    layer["self_attention.linear_proj.weight"] = row(hf("attn.proj.weight", {hidden, hidden}));
    layer["self_attention.linear_proj.bias"] = replicated(hf("attn.proj.bias", {hidden}));
    layer["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("norm2.weight", {hidden}));
    layer["mlp.linear_fc1.layer_norm_bias"] = replicated(hf("norm2.bias", {hidden}));
    layer["mlp.linear_fc1.weight"] = column(hf("mlp.linear_fc1.weight", {ffn, hidden}));
    layer["mlp.linear_fc1.bias"] = column(hf("mlp.linear_fc1.bias", {ffn}));
    layer["mlp.linear_fc2.weight"] = row(hf("mlp.linear_fc2.weight", {hidden, ffn}));
    layer["mlp.linear_fc2.bias"] = replicated(hf("mlp.linear_fc2.bias", {hidden}));
  }
  merger([&](std::string_view name) { return model[ours + "merger." + std::string{name}]; },
         [&](std::string_view name, const Dimensions& shape) { return model.tensor(theirs + "merger." + std::string{name}, shape); },
         hidden, joined, out);
  const auto deep = c.find_count(field("deepstack_visual_indexes")).value_or(3);
  for (const auto& [each, hf, index] : model.layers(ours + "decoder.deepstack_merger_list.", theirs + "deepstack_merger_list.", deep))
    merger([&each = each](std::string_view name) { return each[name]; }, hf, joined, joined, out);
}

}  // namespace multimodal
