#pragma once
// The rotary embedding of families that have it plain or with YaRN, both ways and in either spelling of config.json.

#include <weighbridge/translation.hpp>

namespace weighbridge {
inline namespace sdk_v1 {

// The part of a head that turns; all of it where a config.json does not say.
inline double turned_share(const Config& hf) { return hf.number("partial_rotary_factor", hf.number("rope_parameters.partial_rotary_factor", 1.0)); }

inline void rotary_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, double default_theta, double share) {
  const auto rope = rope_of(hf, default_theta);
  megatron.set("rotary_base", rope.theta);
  for (const auto* theta : {"rope_parameters.rope_theta", "rope_theta"}) megatron.copy("rotary_base", hf, theta);  // as it is written: 640000
  megatron.set("rotary_percent", share);
  if (rope.type == "yarn") {
    yarn_to_megatron(hf, rope.at, megatron);
    if (share != 1)
      notes(rope.at + " is YaRN, with which Megatron-Core 0.19 turns whole heads, whatever rotary_percent says: a run there computes otherwise");
  } else if (rope.type != "default") {
    throw Failure(rope.at + " is of type " + rope.type + "; Megatron-Bridge knows default and yarn for this family");
  }
}

inline void rotary_to_hugging_face(const Config& megatron, const Config& hf, double default_theta) {
  hf.set("rope_theta", default_theta);
  hf.copy("rope_theta", megatron, "rotary_base");
  if (is_yarn(megatron)) yarn_to_hugging_face(megatron, hf);
  else hf.set_null("rope_scaling");
}

}  // namespace sdk_v1
}  // namespace weighbridge
