// Whisper's encoder: a mel spectrogram through two convolutions along time, the second of which halves it, sinusoidal
// positions, which files hold, and pre-norm transformer layers with biases, but none for keys.

#include "whisper_encoder.hpp"

namespace multimodal {

std::int64_t whisper_encoder_width(const Config& c, std::string_view config) { return c.integer(std::string{config} + ".d_model", 1280); }

void whisper_encoder_equations(const Config& c, std::string_view config, const KeptModule& tower) {
  const auto number = [&](std::string_view field, std::int64_t otherwise) {
    return c.integer(std::string{config} + "." + std::string{field}, otherwise);
  };
  const auto width = whisper_encoder_width(c, config), ffn = number("encoder_ffn_dim", 5120), layers = number("encoder_layers", 32);

  tower.with_bias("conv1", {width, number("num_mel_bins", 128), 3});
  tower.with_bias("conv2", {width, width, 3});
  tower.weight("embed_positions", {number("max_source_positions", 1500), width});
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto layer = tower.entry("layers.", i);
    layer.layer_norm("self_attn_layer_norm", width);
    layer.weight("self_attn.k_proj", {width, width});
    for (const auto* projection : {"q_proj", "v_proj", "out_proj"})
      layer.with_bias(std::string{"self_attn."} + projection, {width, width});
    layer.layer_norm("final_layer_norm", width);
    layer.with_bias("fc1", {ffn, width});
    layer.with_bias("fc2", {width, ffn});
  }
  tower.layer_norm("layer_norm", width);
}

}  // namespace multimodal
