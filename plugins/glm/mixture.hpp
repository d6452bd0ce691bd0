#pragma once
// What all of them have: dense layers first, then mixtures of experts with shared ones, and layers that predict further
// tokens, numbered after the others.
//
//   Experts are scored by sigmoid; a bias that is learned apart helps to choose among them. Their weights sum to 1, times a
//   factor.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_config.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace glm {

using namespace weighbridge;

// What the config class of an architecture takes for granted.
struct Defaults {
  std::int64_t first_dense{}, experts{}, width{}, chosen{}, context{};
  double scale{};
  bool lists_layers{};  // mlp_layer_types may say of every layer what it is
};
inline constexpr Defaults kGlm4Moe{1, 128, 1408, 8, 131072, 1.0, false};
inline constexpr Defaults kGlm4MoeLite{1, 64, 1536, 4, 202752, 1.8, true};
inline constexpr Defaults kGlmMoeDsa{3, 256, 2048, 8, 202752, 2.5, true};

inline constexpr double kEpsilon = 1e-5;  // of norms, where config.json does not say

// Whether a layer is a mixture.
struct LayerKinds {
  std::vector<bool> layers;
  bool behind{};  // of those that predict further tokens

  bool at(std::int64_t layer) const { return layers.at(static_cast<std::size_t>(layer)); }
};
LayerKinds layer_kinds(const Config& hf, const Defaults& d);

ExpertMixture experts_of(const Config& hf, const Defaults& d);

// All but the attention: what Megatron-Bridge says of a decoder with such a mixture.
void decoder_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const Defaults& d);
void decoder_to_hugging_face(const Config& megatron, const Config& hf, const Defaults& d);

// `mtp_num_layers`, with a note where there are fewer than stated.
void predictions_to_megatron(const Config& hf, const Config& megatron, const Notes& notes);

// A Megatron document whose experts are such.
bool has_such_experts(const Config& megatron);

// A layer of the model, or one of those that predict further tokens; counted from nought, each kind by itself.
struct Place {
  std::int64_t number{};
  bool predicts{};
};

// The whole model, `attention` stating that of a layer.
using AttentionOf = std::function<void(const MegatronLayer&, const HuggingFaceLayer&, const Place&)>;
void model_equations(const Config& c, const Model& model, const Defaults& d, const AttentionOf& attention);

// The forward check: routing by config.json, and where Megatron-Core ranks groups of experts otherwise.
forward::Routing routing_of(const Config& hf, const Defaults& d);
forward::MegatronExtras extras_of(const Config& megatron, const Forward& run);

}  // namespace glm
