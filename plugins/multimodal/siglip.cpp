// SigLIP: patches of an image through a convolution, learned positions, pre-norm transformer layers with biases.

#include "siglip.hpp"

namespace multimodal {

std::int64_t siglip_width(const Config& c, std::string_view config) { return c.integer(std::string{config} + ".hidden_size", 768); }

void siglip_equations(const Config& c, std::string_view config, const KeptModule& tower) {
  const auto number = [&](std::string_view field, std::int64_t otherwise) {
    return c.integer(std::string{config} + "." + std::string{field}, otherwise);
  };
  const auto width = siglip_width(c, config), ffn = number("intermediate_size", 3072), layers = number("num_hidden_layers", 12);
  const auto patch = number("patch_size", 16);
  if (patch < 1) throw Failure(std::string{config} + ".patch_size is " + std::to_string(patch) + "; a patch is 1 pixel wide or more");
  const auto side = number("image_size", 224) / patch;

  tower.with_bias("embeddings.patch_embedding", {width, number("num_channels", 3), patch, patch});
  tower.weight("embeddings.position_embedding", {side * side, width});
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto layer = tower.entry("encoder.layers.", i);
    layer.layer_norm("layer_norm1", width);
    for (const auto* projection : {"q_proj", "k_proj", "v_proj", "out_proj"})
      layer.with_bias(std::string{"self_attn."} + projection, {width, width});
    layer.layer_norm("layer_norm2", width);
    layer.with_bias("mlp.fc1", {ffn, width});
    layer.with_bias("mlp.fc2", {width, ffn});
  }
  tower.layer_norm("post_layernorm", width);
}

}  // namespace multimodal
