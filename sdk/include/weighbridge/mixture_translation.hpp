#pragma once
// Which layers are mixtures of experts, both ways.

#include <weighbridge/translation.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

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

// Of each layer of a Megatron document whether it is a mixture: a list says so, or a number n that every n-th is, counted from layer 0.
inline std::vector<bool> mixtures_of_megatron(const Config& megatron) {
  const bool listed = megatron.has("moe_layer_freq.0");
  const MixtureLayers stated{0, listed ? 1 : megatron.integer("moe_layer_freq", 1)};
  if (stated.every < 1) throw Failure("moe_layer_freq is " + std::to_string(stated.every) + "; it counts layers, from 1 on");
  std::vector<bool> mixtures;
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    mixtures.push_back(listed ? megatron.integer(Config::at("moe_layer_freq", i)) != 0 : stated.at(i));
  return mixtures;
}

inline void mixtures_to_megatron(const std::vector<bool>& mixtures, const Config& megatron) {
  megatron.set_list("moe_layer_freq");
  for (std::size_t i = 0; i < mixtures.size(); ++i) megatron.set(Config::at("moe_layer_freq", static_cast<std::int64_t>(i)), mixtures[i] ? 1 : 0);
}

// How many layers come before the first mixture, where all behind are mixtures too; else a Failure.
inline std::int64_t dense_layers_before(const std::vector<bool>& mixtures) {
  const auto first = std::ranges::find(mixtures, true);
  if (std::ranges::find(first, mixtures.end(), false) != mixtures.end())
    throw Failure("moe_layer_freq has a dense layer behind a mixture; first_k_dense_replace of config.json cannot say so");
  return first - mixtures.begin();
}

// How many shared experts as wide as the others (`width`) make the one that Megatron has; 0 where it has none.
inline std::int64_t shared_experts_of_megatron(const Config& megatron, std::int64_t width) {
  const auto shared = megatron.integer("moe_shared_expert_intermediate_size", 0);
  if (width < 1 || shared % width != 0)
    throw Failure("moe_shared_expert_intermediate_size is " + std::to_string(shared) + ", no multiple of moe_ffn_hidden_size, " + std::to_string(width));
  return shared / width;
}

// The kind of every layer, as newer files of transformers list it.
inline void mixture_list_to_hugging_face(const std::vector<bool>& mixtures, const Config& hf) {
  hf.set_list("mlp_layer_types");
  for (std::size_t i = 0; i < mixtures.size(); ++i)
    hf.set(Config::at("mlp_layer_types", static_cast<std::int64_t>(i)), mixtures[i] ? "sparse" : "dense");
}

// Megatron-LM may balance experts in several ways at a time, with a coefficient of each: that of the first.
inline double balance_of_megatron(const Config& megatron, double otherwise) {
  const auto first = Config::at("moe_aux_loss_coeff", 0);
  return megatron.number(megatron.has(first) ? first : "moe_aux_loss_coeff", otherwise);
}

inline void mixture_layers_to_hugging_face(const Config& megatron, const Config& hf) {
  const auto layers = megatron.integer("num_layers");
  const auto mixtures = mixtures_of_megatron(megatron);
  const auto at = [&](std::int64_t i) { return mixtures[static_cast<std::size_t>(i)]; };
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
