#pragma once
// Attention and feed-forward as most Hugging Face models have them: a linear layer of its own for every projection.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/activation.hpp>
#include <weighbridge/forward/attention.hpp>
#include <weighbridge/forward/norms.hpp>
#include <weighbridge/forward/rotary.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// `at` + "q_proj." and so on; with `head_norm` an RMSNorm of queries and keys ("q_norm.weight"), of each head or of all as
// their weights are long, before positions are told.
inline Matrix separate_attention(const Forward& run, const std::string& at, const Matrix& x, const Attention& a, const Rotary& rotary,
                                 const std::optional<Norm>& head_norm = std::nullopt) {
  auto q = run.module(at + "q_proj.", x), k = run.module(at + "k_proj.", x);
  const auto v = run.module(at + "v_proj.", x);
  if (head_norm) {
    const auto normed = [&](Matrix of, const std::string& name) {
      const auto weight = run.values(at + name);
      auto norm = *head_norm;
      norm.width = static_cast<std::int64_t>(weight.size());
      return rms_norm(std::move(of), weight, norm);
    };
    q = normed(std::move(q), "q_norm.weight");
    k = normed(std::move(k), "k_norm.weight");
  }
  rotate(q, a.width, run.length(), rotary);
  rotate(k, a.width, run.length(), rotary);
  return run.module(at + "o_proj.", attend(q, k, v, run.length(), a));
}

// down(activation(gate(x)) * up(x))
inline Matrix separate_gated(const Forward& run, const std::string& at, const Matrix& x, Activation activation = Activation::silu) {
  return run.module(at + "down_proj.", gated(run.module(at + "gate_proj.", x), run.module(at + "up_proj.", x), {.activation = activation}));
}

// One of several such in tensors for all: "gate_up_proj" of entries [gate above up, features] and "down_proj" of entries
// [features, width]; or both with their entries turned.
inline Matrix packed_gated(const Forward& run, const std::string& at, std::int64_t entry, std::int64_t width, const Matrix& x,
                           Activation activation = Activation::silu) {
  const auto name_of = [&](const std::string& name) { return run.has(name) ? name : name + ".weight"; };
  const auto gate_up = name_of(at + "gate_up_proj"), down = name_of(at + "down_proj");
  const auto hidden = x.columns;
  const auto is = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
    const auto shape = run.shape(name);
    return shape.size() == 3 && shape[1] == rows && shape[2] == columns;
  };
  const bool turned = is(gate_up, hidden, 2 * width) && is(down, width, hidden);
  const auto both = turned ? run.turned(gate_up, x, entry * hidden, hidden) : run.linear(gate_up, x, entry * 2 * width, 2 * width);
  const auto inner = gated(columns(both, 0, width), columns(both, width, width), {.activation = activation});
  return turned ? run.turned(down, inner, entry * width, width) : run.linear(down, inner, entry * hidden, hidden);
}

// The embedding before all layers and the head behind them, tied or not.
inline Matrix output(const Forward& run, const Matrix& x, bool tied, const std::string& embedding = "model.embed_tokens.weight",
                     const std::string& head = "lm_head.weight") {
  return run.linear(tied ? embedding : head, x);
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
