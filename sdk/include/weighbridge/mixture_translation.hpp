#pragma once
// Which layers are mixtures of experts, both ways.

#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {

// Which layers are mixtures: from layer `first` on every `every`-th, counted from layer 0.
struct MixtureLayers {
  std::int64_t first{}, every{1};
  bool at(std::int64_t layer) const { return layer >= first && layer % every == 0; }
};

inline MixtureLayers mixture_layers_of(const Config& hf, std::int64_t default_first) {
  const MixtureLayers mixtures{hf.integer("first_k_dense_replace", default_first), hf.integer("moe_layer_freq", 1)};
  if (mixtures.every < 1) throw Failure("moe_layer_freq is " + std::to_string(mixtures.every) + "; it counts layers, from 1 on");
  return mixtures;
}

inline void mixture_layers_to_megatron(const MixtureLayers& mixtures, std::int64_t layers, const Config& megatron) {
  megatron.set_list("moe_layer_freq");
  for (std::int64_t i = 0; i < layers; ++i) megatron.set(Config::at("moe_layer_freq", i), mixtures.at(i) ? 1 : 0);
}

inline void mixture_layers_to_hugging_face(const Config& megatron, const Config& hf) {
  const auto layers = megatron.integer("num_layers");
  const bool listed = megatron.has("moe_layer_freq.0");
  const MixtureLayers stated{0, listed ? 1 : megatron.integer("moe_layer_freq", 1)};  // a number: every so many layers
  const auto at = [&](std::int64_t i) { return listed ? megatron.integer(Config::at("moe_layer_freq", i)) != 0 : stated.at(i); };
  MixtureLayers found;
  while (found.first < layers && !at(found.first)) ++found.first;
  const auto fits = [&] {
    for (std::int64_t i = 0; i < layers; ++i)
      if (found.at(i) != at(i)) return false;
    return true;
  };
  while (found.every <= layers && !fits()) ++found.every;
  if (!fits()) throw Failure("moe_layer_freq: no first_k_dense_replace and moe_layer_freq of config.json give these mixture layers");
  hf.set("first_k_dense_replace", found.first);
  hf.set("moe_layer_freq", found.every);
}

}  // namespace sdk_v1
}  // namespace weighbridge
