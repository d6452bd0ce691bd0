#pragma once
// The rotary embedding in both directions: the base, and of the scalings that Megatron-Core's GPT model computes those that a family has.

#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {

// What a family says of its rotary embedding. "default" it always has.
struct RopeScalings {
  enum class Base : std::uint8_t { number = 1, as_written };          // 640000 becomes 640000.0, or stays whole
  enum class Yarn : std::uint8_t { none = 1, stated, with_rounding };  // the last: also whether it rounds is always said to Megatron
  double theta{};             // the base where config.json does not say
  std::string_view known{};   // said of any other type: "this family has default and yarn"; empty: all that Megatron-Core computes
  bool linear{};
  std::string_view slowed{};  // what config.json calls frequencies slowed by wavelength; empty: the family has none
  Yarn yarn{Yarn::none};
  Base base{Base::number};
};

// Every scaling of Megatron-Core's.
constexpr RopeScalings every_scaling(double theta, std::string_view slowed) {
  return {.theta = theta, .linear = true, .slowed = slowed, .yarn = RopeScalings::Yarn::stated};
}
// What Megatron-Bridge reads of most families.
constexpr RopeScalings yarn_alone(double theta) {
  return {.theta = theta, .known = "Megatron-Bridge knows default and yarn for this family", .yarn = RopeScalings::Yarn::stated,
          .base = RopeScalings::Base::as_written};
}

namespace detail {

inline std::string known(const RopeScalings& scalings) {
  if (!scalings.known.empty()) return std::string{scalings.known};
  return "Megatron-Core computes default, linear, " + std::string{scalings.slowed} + " and yarn";
}

inline void slowed_to_megatron(const Config& hf, const std::string& at, const Config& megatron, const Notes& notes) {
  megatron.set("rope_scaling_factor", hf.number(at + ".factor", 8.0));
  const bool builtin = hf.number(at + ".low_freq_factor", 1.0) == 1.0 && hf.number(at + ".high_freq_factor", 4.0) == 4.0 &&
                       hf.number(at + ".original_max_position_embeddings", 8192) == 8192;
  if (!builtin)
    notes(at + " holds frequency factors other than 1, 4 and 8192, which are built into Megatron-Core: a run there computes other "
          "positions; exporting with this checkpoint as --hf-model keeps them");
}

}  // namespace detail

// A type that the family has not is refused. Gives what config.json says.
inline Rope rope_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const RopeScalings& scalings) {
  const auto rope = rope_of(hf, scalings.theta);
  megatron.set("rotary_base", rope.theta);
  if (scalings.base == RopeScalings::Base::as_written)
    for (const auto* theta : {"rope_parameters.rope_theta", "rope_theta"}) megatron.copy("rotary_base", hf, theta);
  const bool slowed = !scalings.slowed.empty() && rope.type == scalings.slowed;
  if (!scalings.slowed.empty()) {
    megatron.set("rope_scaling", slowed);
    megatron.set("rope_scaling_factor", 1.0);
  }
  if (slowed) {
    detail::slowed_to_megatron(hf, rope.at, megatron, notes);
  } else if (scalings.linear && rope.type == "linear") {
    megatron.set("seq_len_interpolation_factor", hf.number(rope.at + ".factor"));
  } else if (scalings.yarn != RopeScalings::Yarn::none && rope.type == "yarn") {
    yarn_to_megatron(hf, rope.at, megatron);
    if (scalings.yarn == RopeScalings::Yarn::with_rounding)
      megatron.set("yarn_correction_range_round_to_int", hf.flag(rope.at + ".truncate", true));
    else
      tell_unrounded_yarn(hf, rope.at, notes);
  } else if (rope.type != "default") {
    throw Failure(rope.at + " is of type " + rope.type + "; " + detail::known(scalings));
  }
  return rope;
}

inline void rope_to_hugging_face(const Config& megatron, const Config& hf, const RopeScalings& scalings) {
  if (scalings.base == RopeScalings::Base::as_written) {
    hf.set("rope_theta", scalings.theta);
    hf.copy("rope_theta", megatron, "rotary_base");
  } else {
    hf.set("rope_theta", megatron.number("rotary_base", scalings.theta));
  }
  if (!scalings.slowed.empty() && megatron.flag("rope_scaling")) {
    hf.set("rope_scaling.rope_type", scalings.slowed);
    hf.set("rope_scaling.factor", megatron.number("rope_scaling_factor", 8.0));
    hf.set("rope_scaling.low_freq_factor", 1.0);
    hf.set("rope_scaling.high_freq_factor", 4.0);
    hf.set("rope_scaling.original_max_position_embeddings", 8192);
  } else if (scalings.linear && megatron.has("seq_len_interpolation_factor")) {
    hf.set("rope_scaling.rope_type", "linear");
    hf.set("rope_scaling.factor", megatron.number("seq_len_interpolation_factor"));
  } else if (scalings.yarn != RopeScalings::Yarn::none && is_yarn(megatron)) {
    yarn_to_hugging_face(megatron, hf);
  } else {
    hf.set_null("rope_scaling");
  }
}

// The part of a head that turns.
inline double turned_share(const Config& hf, double otherwise = 1.0) {
  return hf.number("partial_rotary_factor", hf.number("rope_parameters.partial_rotary_factor", otherwise));
}

// The same where only a part of each head turns.
inline void rope_of_a_part_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const RopeScalings& scalings, double share) {
  const auto rope = rope_to_megatron(hf, megatron, notes, scalings);
  megatron.set("rotary_percent", share);
  if (rope.type == "yarn" && share != 1)
    notes(rope.at + " is YaRN, with which Megatron-Core 0.19 turns whole heads, whatever rotary_percent says: a run there computes otherwise");
}

}  // namespace sdk_v1
}  // namespace weighbridge
