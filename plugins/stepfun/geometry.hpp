#pragma once
// What config.json says of the layers of Step-3.5, one by one.

#include <weighbridge/config.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stepfun {

using weighbridge::Config;

struct Heads {
  std::int64_t count{}, groups{}, width{};
};

struct Layer {
  bool window{};     // attends to a window, with heads of its own
  bool mixture{};    // its mlp is a mixture of experts
};

struct Geometry {
  std::int64_t hidden{}, ffn{}, experts{}, chosen{}, expert_width{}, shared_width{};
  Heads everywhere, window;
  std::vector<Layer> layers;       // of the decoder
  std::vector<Layer> predictions;  // those that predict further tokens; numbered after the decoder's, never mixtures
  bool types_stated{};             // whether there is a layer_types

  const Heads& heads(const Layer& layer) const { return layer.window ? window : everywhere; }
};

// `predictions`: how many layers predict further tokens.
Geometry geometry_of(const Config& hf, std::int64_t predictions);

// Layers that predict further tokens: as many as have tensors; where there are none to look at, as many as are stated.
std::optional<std::int64_t> predictions_of(const Config& hf);
// Norms over the heads of q and k, and a bias of the router: files that do not say so have them if they have the tensors.
bool has_head_norms(const Config& hf);
bool has_router_bias(const Config& hf, const Geometry& geometry);

inline std::int64_t layers_of(const Config& hf) { return hf.integer("num_hidden_layers", 45); }

}  // namespace stepfun
