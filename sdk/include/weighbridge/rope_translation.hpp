#pragma once
// The rotary embedding of a whole head in both directions, with every scaling that Megatron-Core's GPT model computes.

#include <weighbridge/translation.hpp>

#include <string>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {

// The base where config.json does not say, and what it calls the type that slows frequencies by wavelength.
struct RopeDefaults {
  double theta{};
  std::string_view slowed;
};

// Default, linear, slowed by wavelength and yarn; another type is refused.
inline void rope_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const RopeDefaults& defaults) {
  const auto rope = rope_of(hf, defaults.theta);
  megatron.set("rotary_base", rope.theta);
  megatron.set("rope_scaling", rope.type == defaults.slowed);
  megatron.set("rope_scaling_factor", 1.0);
  if (rope.type == defaults.slowed) {
    megatron.set("rope_scaling_factor", hf.number(rope.at + ".factor", 8.0));
    const bool builtin = hf.number(rope.at + ".low_freq_factor", 1.0) == 1.0 && hf.number(rope.at + ".high_freq_factor", 4.0) == 4.0 &&
                         hf.number(rope.at + ".original_max_position_embeddings", 8192) == 8192;
    if (!builtin)
      notes(rope.at + " holds frequency factors other than 1, 4 and 8192, which are built into Megatron-Core: a run there computes other "
            "positions; exporting with this checkpoint as --hf-model keeps them");
  } else if (rope.type == "linear") {
    megatron.set("seq_len_interpolation_factor", hf.number(rope.at + ".factor"));
  } else if (rope.type == "yarn") {
    yarn_to_megatron(hf, rope.at, megatron);
  } else if (rope.type != "default") {
    throw Failure(rope.at + " is of type " + rope.type + "; Megatron-Core computes default, linear, " + std::string{defaults.slowed} + " and yarn");
  }
}

inline void rope_to_hugging_face(const Config& megatron, const Config& hf, const RopeDefaults& defaults) {
  hf.set("rope_theta", megatron.number("rotary_base", defaults.theta));
  if (megatron.flag("rope_scaling")) {
    hf.set("rope_scaling.rope_type", defaults.slowed);
    hf.set("rope_scaling.factor", megatron.number("rope_scaling_factor", 8.0));
    hf.set("rope_scaling.low_freq_factor", 1.0);
    hf.set("rope_scaling.high_freq_factor", 4.0);
    hf.set("rope_scaling.original_max_position_embeddings", 8192);
  } else if (megatron.has("seq_len_interpolation_factor")) {
    hf.set("rope_scaling.rope_type", "linear");
    hf.set("rope_scaling.factor", megatron.number("seq_len_interpolation_factor"));
  } else if (is_yarn(megatron)) {
    yarn_to_hugging_face(megatron, hf);
  } else {
    hf.set_null("rope_scaling");
  }
}

}  // namespace sdk_v1
}  // namespace weighbridge
