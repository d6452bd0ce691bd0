#include "multipliers.hpp"

#include <weighbridge/forward/megatron_config.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace granite {
namespace {

using namespace weighbridge;

// To fifteen digits.
double shortened(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 15).ptr;
  std::from_chars(text.data(), end, value);
  return value;
}

// The number that `made` makes `result` of, near `guess`, which two roundings may have moved; rather a short one.
template <class Made>
double found_again(double guess, double result, Made&& made) {
  auto below = guess, above = guess;
  if (const auto round = shortened(guess); made(round) == result) return round;
  for (int steps = 0; steps < 4; ++steps) {
    for (const auto candidate : {below, above})
      if (made(candidate) == result) return candidate;
    below = std::nextafter(below, -std::numeric_limits<double>::infinity());
    above = std::nextafter(above, std::numeric_limits<double>::infinity());
  }
  return guess;
}

double positive(const Config& document, std::string_view field) {
  const auto value = document.number(field, 1.0);
  if (!(value > 0)) throw Failure(std::string{field} + " is " + std::to_string(value) + "; it should be more than 0");
  return value;
}

// Of the document that Megatron-Core reads: no argument of its own, kept for the way back.
constexpr std::string_view kResidual = "residual_multiplier";

}  // namespace

Multipliers multipliers_of(const Config& hf) {
  return {hf.number("embedding_multiplier", 1.0), positive(hf, "residual_multiplier"), hf.number("attention_multiplier", 1.0),
          positive(hf, "logits_scaling"), hf.number("rms_norm_eps", 1e-6)};
}

void multipliers_to_megatron(const Multipliers& m, std::int64_t width, const Config& megatron) {
  megatron.set("use_mup", true);
  megatron.set("mup_embedding_mult", m.embedding / m.residual);
  megatron.set("mup_output_mult", 1.0 / m.logits);
  megatron.set("softmax_scale", m.attention);
  // Megatron-LM has no flag of softmax_scale and computes the root of this over the width of a head instead.
  const auto features = m.attention * static_cast<double>(width);
  if (features != 1.0) megatron.set("mup_base_head_dim", features * features);
  megatron.set("layernorm_epsilon", m.epsilon / (m.residual * m.residual));
  megatron.set(kResidual, m.residual);
}

void multipliers_to_hugging_face(const Config& megatron, const Config& hf, const Notes& notes) {
  const auto residual = positive(megatron, kResidual);
  if (!megatron.has(kResidual))
    notes("the Megatron checkpoint does not say residual_multiplier: config.json states 1, and the embedding_multiplier and rms_norm_eps that "
          "give the same model; give the original repository as --hf-model to have its own");
  const auto square = residual * residual;
  const auto embedding = megatron.number("mup_embedding_mult", 1.0), epsilon = megatron.number("layernorm_epsilon", 1e-5);
  const auto stated = megatron.number("mup_output_mult", 1.0);
  const auto output = stated == 1.0 ? static_cast<double>(forward::megatron_multipliers(megatron).logits) : stated;
  hf.set("embedding_multiplier", found_again(embedding * residual, embedding, [&](double e) { return e / residual; }));
  hf.set("residual_multiplier", residual);
  const auto scale = forward::megatron_softmax_scale(megatron, forward::megatron_width(megatron));
  hf.set("attention_multiplier", megatron.has("softmax_scale") ? scale : shortened(scale));
  hf.set("logits_scaling", found_again(1.0 / output, output, [&](double l) { return 1.0 / l; }));
  hf.set("rms_norm_eps", found_again(epsilon * square, epsilon, [&](double e) { return e / square; }));
}

}  // namespace granite
