#pragma once
// What the architectures with latent attention share.

#include <weighbridge/forward/megatron_config.hpp>
#include <weighbridge/forward/norms.hpp>

#include <string>

#include "mixture.hpp"

namespace glm {

// transformers' norms of latents have this epsilon, whatever config.json says of the others.
inline constexpr forward::Norm kOfLatents{.epsilon = 1e-6F};

inline forward::MegatronExtras latent_extras_of(const Config& megatron, const Forward& run) {
  auto extras = extras_of(megatron, run);
  extras.latent_epsilon = kOfLatents.epsilon;
  if (static_cast<float>(megatron.number("layernorm_epsilon", kEpsilon)) != kOfLatents.epsilon)
    run.note("Megatron-Core normalises the latents of attention with layernorm_epsilon, transformers with 1e-6, which is what is compared");
  if (!megatron.has("q_lora_rank"))
    run.note("Megatron-Core 0.19 normalises the input of linear_q_proj once more, transformers does not, which is what is compared");
  return extras;
}

}  // namespace glm
