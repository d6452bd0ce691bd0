#include "geometry.hpp"

namespace deepseek_v4 {
namespace {

constexpr const char* kPublished = "Published files of DeepSeek V4 say so";

std::int64_t layers_of(const Config& hf) {
  const auto layers = hf.integer("num_hidden_layers");
  constexpr std::int64_t kMost = 10'000;  // more is a fault of the file, and would be looked at one by one
  if (layers < 1 || layers > kMost) throw Failure("num_hidden_layers is " + std::to_string(layers) + "; it counts layers");
  return layers;
}

std::int64_t ratio_of_type(const Config& hf, const std::string& type, const std::string& path) {
  if (type == "sliding_attention") return 0;
  if (type == "compressed_sparse_attention") return hf.integer("compress_rates." + type, hf.integer("compress_rate_csa", 4));
  if (type == "heavily_compressed_attention") return hf.integer("compress_rates." + type, hf.integer("compress_rate_hca", 128));
  throw Failure(path + " is " + type + "; DeepSeek V4 has sliding_attention, compressed_sparse_attention and heavily_compressed_attention");
}

std::int64_t ratio(const Config& hf, const char* list, std::int64_t layer) {
  const auto path = Config::at(list, layer);
  const auto found = std::string_view{list} == "compress_ratios" ? hf.integer(path) : ratio_of_type(hf, hf.string(path, ""), path);
  if (found != 0 && found != 4 && found != 128) throw Failure(path + " stands for " + std::to_string(found) + " tokens in one; Megatron-Core computes 0, 4 and 128");
  return found;
}

}  // namespace

Ratios ratios_of(const Config& hf) {
  const auto layers = layers_of(hf), predictions = hf.integer("num_nextn_predict_layers", 0);
  const auto* list = hf.has("compress_ratios.0") ? "compress_ratios" : "layer_types";
  const auto count = hf.find_count(list).value_or(0);
  if (count == 0) throw Failure(std::string{"compress_ratios is missing, and layer_types, too. "} + kPublished);
  if (count < layers) throw Failure(std::string{list} + " names " + std::to_string(count) + " layers; num_hidden_layers is " + std::to_string(layers));
  Ratios ratios;
  for (std::int64_t i = 0; i < layers; ++i) ratios.of_layers.push_back(ratio(hf, list, i));
  for (std::int64_t i = layers; i < layers + predictions; ++i) ratios.of_predictions.push_back(i < count ? ratio(hf, list, i) : 0);
  // Files that bring a drafting model along name its layers, too, which see a window only.
  for (auto i = layers + predictions; i < count; ++i)
    if (ratio(hf, list, i) != 0) throw Failure(Config::at(list, i) + " is not 0, and there are " + std::to_string(layers + predictions) + " layers");
  return ratios;
}

std::int64_t hash_layers_of(const Config& hf) {
  const auto layers = layers_of(hf);
  if (const auto stated = hf.find_integer("num_hash_layers")) {
    if (*stated < 0 || *stated > layers) throw Failure("num_hash_layers is " + std::to_string(*stated) + "; there are " + std::to_string(layers) + " layers");
    return *stated;
  }
  const auto count = hf.find_count("mlp_layer_types");
  if (!count) throw Failure(std::string{"num_hash_layers is missing, and mlp_layer_types, too. "} + kPublished);
  if (*count != layers) throw Failure("mlp_layer_types names " + std::to_string(*count) + " layers; num_hidden_layers is " + std::to_string(layers));
  std::int64_t hashed = 0;
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto path = Config::at("mlp_layer_types", i);
    const auto type = hf.string(path, "");
    if (type != "hash_moe" && type != "moe") throw Failure(path + " is " + type + "; DeepSeek V4 has hash_moe and moe");
    if (type == "hash_moe" && hashed < i) throw Failure(path + " is hash_moe behind a moe; Megatron-Core has such layers first");
    hashed += type == "hash_moe";
  }
  return hashed;
}

std::int64_t rotary_width(const Config& hf) {
  const auto head = hf.integer("head_dim", 512);
  const auto share = hf.number("partial_rotary_factor", hf.number("rope_parameters.main.partial_rotary_factor", 64.0 / 512.0));
  const auto width = hf.integer("qk_rope_head_dim", static_cast<std::int64_t>(static_cast<double>(head) * share));
  if (width < 2 || width > head || width % 2 != 0) throw Failure("qk_rope_head_dim is " + std::to_string(width) + "; it should be even and no more than head_dim");
  return width;
}

Positions positions_of(const Config& hf) {
  const bool nested = hf.has("rope_parameters.compress.rope_theta") || hf.has("rope_parameters.main.rope_theta");
  const std::string main = nested ? "rope_parameters.main" : "rope_parameters";
  const std::string compress = nested ? "rope_parameters.compress" : hf.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  Positions p;
  p.base = hf.number(main + ".rope_theta", hf.number("rope_theta", 10000.0));
  p.compressed_base = hf.number("compress_rope_theta", nested ? hf.number(compress + ".rope_theta", 160000.0) : 160000.0);
  p.original = hf.integer("max_position_embeddings", 1048576);
  if (nested)
    if (const auto type = hf.string(main + ".rope_type", "default"); type != "default")
      throw Failure(main + " is of type " + type + "; Megatron-Core scales positions of compressed layers alone");
  const auto type = hf.string(compress + ".rope_type", hf.string(compress + ".type", "default"));
  if (type == "default") return p;
  if (type != "yarn") throw Failure(compress + " is of type " + type + "; Megatron-Core computes default and yarn here");
  if (hf.number(compress + ".attention_factor", 1.0) != 1.0) throw Failure(compress + ".attention_factor is not 1; Megatron-Core turns positions without one");
  p.factor = hf.number(compress + ".factor");
  p.original = hf.integer(compress + ".original_max_position_embeddings");
  p.fast = hf.number(compress + ".beta_fast", p.fast);
  p.slow = hf.number(compress + ".beta_slow", p.slow);
  return p;
}

std::int64_t predictions_of(const Config& hf) {
  return hf.has_source() && !hf.source_has("mtp.0.enorm.weight") ? 0 : hf.integer("num_nextn_predict_layers", 0);
}

}  // namespace deepseek_v4
