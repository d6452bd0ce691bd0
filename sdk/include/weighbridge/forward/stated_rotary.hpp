#pragma once
// The rotary embedding that a config.json states.

#include <weighbridge/forward/rotary.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// YaRN as the object at `at` states it, with the numbers that are not said.
inline Rotary stated_yarn(const Config& hf, double theta, const std::string& at, std::int64_t features) {
  const auto length = at + ".original_max_position_embeddings";
  const auto factor = hf.number(at + ".factor");
  const Yarn yarn{factor, hf.number(hf.has(length) ? length : "max_position_embeddings"), hf.number(at + ".beta_fast", 32),
                  hf.number(at + ".beta_slow", 1), hf.flag(at + ".truncate", true)};
  Rotary rotary{yarn_frequencies(theta, features, yarn)};
  const auto scale = hf.find_number(at + ".mscale"), of_all = hf.find_number(at + ".mscale_all_dim");
  const bool both = scale && of_all && *scale != 0 && *of_all != 0;
  rotary.scale = static_cast<float>(hf.number(at + ".attention_factor", both ? yarn_scale(factor, *scale) / yarn_scale(factor, *of_all) : yarn_scale(factor)));
  return rotary;
}

// Of `features` of a head. `slowed`: what the family calls frequencies slowed by wavelength, if it has them; other types that only some
// families know are theirs to compute.
inline Rotary stated_rotary(const Config& hf, double default_theta, std::int64_t features, std::string_view slowed = {}) {
  const auto rope = rope_of(hf, default_theta);
  if (rope.type == "default") return {frequencies_of(rope.theta, features)};
  if (rope.type == "linear") return {interpolated(frequencies_of(rope.theta, features), hf.number(rope.at + ".factor"))};
  if (!slowed.empty() && rope.type == slowed)
    return {slowed_by_wavelength(frequencies_of(rope.theta, features), hf.number(rope.at + ".factor"), hf.number(rope.at + ".low_freq_factor"),
                                 hf.number(rope.at + ".high_freq_factor"), hf.number(rope.at + ".original_max_position_embeddings"))};
  if (rope.type == "yarn") return stated_yarn(hf, rope.theta, rope.at, features);
  throw Failure(rope.at + " is of type " + rope.type + "; the forward check computes default, linear and yarn here");
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
