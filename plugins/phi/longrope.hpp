#pragma once
// The rotary embedding of Phi: of a part of each head, and stretched by LongRoPE, a factor for every frequency.

#include <weighbridge/forward/rotary.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phi {

using namespace weighbridge;

// Features of a head that are turned: as many as both sides' programs make of the share.
inline std::int64_t turned_features(std::int64_t width, double share) {
  return share < 1.0 ? static_cast<std::int64_t>(static_cast<double>(width) * share) : width;
}

// "su" and "yarn" are older names of it.
inline bool is_longrope(const Rope& rope) { return rope.type == "longrope" || rope.type == "su" || rope.type == "yarn"; }

// Where the Megatron document keeps what Megatron-Core has no place for, so that it comes back.
struct Kept {
  std::string_view hugging_face, megatron;
};
inline constexpr Kept kKept[] = {{"short_factor", "rotary_longrope_short_factor"},
                                 {"long_factor", "rotary_longrope_long_factor"},
                                 {"factor", "rotary_longrope_factor"},
                                 {"attention_factor", "rotary_longrope_attention_factor"}};
inline constexpr std::string_view kKeptLength = "rotary_longrope_original_length";

inline bool is_longrope(const Config& megatron) { return megatron.has(kKeptLength); }

// The length up to which short factors hold.
inline std::int64_t original_length(const Config& hf, const Rope& rope) {
  const auto otherwise = hf.integer("original_max_position_embeddings", hf.integer("max_position_embeddings", 4096));
  return hf.integer(rope.at + ".original_max_position_embeddings", otherwise);
}

inline void rope_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  const auto rope = rope_of(hf, 10000.0);
  megatron.set("rotary_base", rope.theta);
  if (rope.type == "default") return;
  if (!is_longrope(rope)) throw Failure(rope.at + " is of type " + rope.type + "; Phi has longrope and default");
  const auto features = turned_features(head_width(hf), turned_share(hf));
  for (const auto* name : {"short_factor", "long_factor"})
    if (const auto path = rope.at + "." + name; hf.find_count(path).value_or(0) != (features + 1) / 2)
      throw Failure(path + " should be a list of " + std::to_string((features + 1) / 2) + " numbers, one for every frequency");
  for (const auto& [theirs, ours] : kKept) megatron.adopt(ours, rope.at + "." + std::string{theirs});
  megatron.set(kKeptLength, original_length(hf, rope));
  notes(rope.at + " is of type " + rope.type + ", which Megatron-Core does not compute: a run there turns positions by rope_theta alone and gives "
        "other logits. The factors are kept in the checkpoint and come back on export");
}

inline void rope_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  if (!is_longrope(megatron)) {
    hf.set_null("rope_scaling");
    hf.set("original_max_position_embeddings", megatron.has("seq_length") ? megatron.integer("seq_length") : megatron.integer("max_position_embeddings"));
    return;
  }
  hf.set("rope_scaling.type", "longrope");
  for (const auto& [theirs, ours] : kKept) hf.adopt("rope_scaling." + std::string{theirs}, ours);
  hf.set("original_max_position_embeddings", megatron.integer(kKeptLength));
}

// LongRoPE's frequencies and the widening of sine and cosine for sequences of `length`.
struct LongRope {
  double theta{}, widening{1};
  std::vector<double> factors;
};

inline std::vector<double> numbers(const Config& document, const std::string& list) {
  std::vector<double> result;
  for (std::int64_t i = 0; i < document.find_count(list).value_or(0); ++i) result.push_back(document.number(Config::at(list, i)));
  return result;
}

// By how much sine and cosine are widened where no number is said.
inline double longrope_widening(double factor, double original) { return factor <= 1 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(original)); }

inline forward::Rotary turned_by(const LongRope& rope, std::int64_t features) {
  forward::Rotary rotary{forward::frequencies_of(rope.theta, features), static_cast<float>(rope.widening)};
  if (rope.factors.size() != rotary.frequencies.size()) throw Failure("LongRoPE has another number of factors than of frequencies");
  for (std::size_t i = 0; i < rope.factors.size(); ++i) rotary.frequencies[i] /= static_cast<float>(rope.factors[i]);
  return rotary;
}

// As a config.json states it.
inline forward::Rotary stated_longrope(const Config& hf, const Rope& rope, std::int64_t features, std::int64_t length) {
  const auto original = original_length(hf, rope);
  const auto factor = hf.number(rope.at + ".factor", hf.number("max_position_embeddings", 4096) / static_cast<double>(original));
  const auto widening = hf.number(rope.at + ".attention_factor", longrope_widening(factor, static_cast<double>(original)));
  return turned_by({rope.theta, widening, numbers(hf, rope.at + (length > original ? ".long_factor" : ".short_factor"))}, features);
}

// As a Megatron document keeps it.
inline forward::Rotary kept_longrope(const Config& megatron, std::int64_t length) {
  const auto width = megatron.integer("kv_channels", megatron.integer("hidden_size") / attention_heads(megatron));
  const auto original = megatron.integer(kKeptLength);
  const auto context = megatron.has("seq_length") ? megatron.number("seq_length") : megatron.number("max_position_embeddings");
  const auto factor = megatron.number("rotary_longrope_factor", context / static_cast<double>(original));
  const auto widening = megatron.number("rotary_longrope_attention_factor", longrope_widening(factor, static_cast<double>(original)));
  const auto list = length > original ? "rotary_longrope_long_factor" : "rotary_longrope_short_factor";
  return turned_by({megatron.number("rotary_base", 10000.0), widening, numbers(megatron, list)},
                   turned_features(width, megatron.number("rotary_percent", 1.0)));
}

}  // namespace phi
