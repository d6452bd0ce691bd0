#pragma once
// How the live model calls a parameter, and so the state dict of a rank file: not always as torch_dist does.
// Source: the state dicts and sharded_state_dicts of Megatron-Core's modules (mamba_mixer, gated_delta_net, mlp, experts,
// multi_token_prediction) and of its layer specs.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/megatron_layout.hpp"

namespace weighbridge {

// A tensor of a state dict before ranks cut it: one parameter; or several, one after the other along the first axis, that
// torch_dist keeps apart (in_proj.weight.z, in_proj.weight.x, …).
struct RankParameter {
  struct Member {
    std::size_t parameter{};
    std::int64_t begin{};  // along the first axis
  };
  std::string prefix;    // "decoder.layers."; empty outside any stack
  std::int64_t layer{};  // of the model
  std::string rest;      // "mixer.in_proj.weight", as Transformer Engine's spec calls it; of grouped experts without the number
  DType dtype{};
  Shape shape;
  std::optional<Cut> cut;
  ExtraState extra_state{ExtraState::absent};
  std::int64_t expert{}, experts{};
  bool vocabulary{}, padded{};
  std::vector<Member> members;  // in order
};

// The parameters of a model as its state dict has them, in the order given.
std::vector<RankParameter> rank_parameters(const std::vector<LiveParameter>& parameters);

// A name of torch_dist as the live model has it: "transformer_layer.…" of a prediction layer is "mtp_model_layer.…".
std::string live_rest(std::string_view prefix, std::string_view rest);

// What the local spec calls it: "self_attention.linear_qkv.layer_norm_weight" is "input_layernorm.weight"; of grouped
// experts expert number `expert` of those on the rank: "mlp.experts.local_experts.3.linear_fc1.weight".
std::string local_rest(std::string_view rest, std::optional<std::int64_t> expert);

}  // namespace weighbridge
