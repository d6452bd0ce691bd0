#pragma once
// What Qwen2, Qwen3 and Qwen3-MoE compute, as transformers writes it; all but a layer's feed-forward.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "decoder.hpp"

namespace qwen {

// `feed_forward(layer, at, x)` gives what follows the second norm; `at` is "model.layers.3.mlp.".
template <class FeedForward>
void forward_decoder(const Config& c, const Forward& run, const Heads& heads, Generation generation, FeedForward&& feed_forward) {
  const auto attention = forward::grouped_queries(heads.count, heads.groups, heads.width);
  const auto rotary = forward::stated_rotary(c, 10000.0, heads.width);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
  const auto head_norm = generation == Generation::qwen3 ? std::optional{norm} : std::nullopt;
  forward::pre_norm_decoder(
      c, run, [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_attention(run, at, x, attention, rotary, head_norm); },
      feed_forward);
}

}  // namespace qwen
