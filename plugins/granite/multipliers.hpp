#pragma once
// The numbers that Granite multiplies by, and where Megatron-Core's GPT model has them:
//
//   Granite                               Megatron-Core, with use_mup
//   x = e * embedding                     y = e/r * embedding                   mup_embedding_mult = e / r
//   x + r * f(norm(x)), epsilon           y + f(norm(y)), epsilon / r²          layernorm_epsilon = epsilon / r²
//   softmax(a * q k)                      softmax(a * q k)                      softmax_scale = a
//   head(norm(x)) / l                     head(norm(y)) * (1 / l)               mup_output_mult = 1 / l
//
// Megatron-Core multiplies no residual. It need not: with y = x / r every norm gives the same, as RMSNorm of x with epsilon is RMSNorm of
// x / r with epsilon / r², and only norms read the stream. So no weight is touched, and the two models are equal.

#include <weighbridge/config.hpp>

namespace granite {

struct Multipliers {
  double embedding{1}, residual{1}, attention{1}, logits{1};
  double epsilon{1e-6};
};

// Refused where the residual is not multiplied by more than nought, or the logits are divided by nought.
Multipliers multipliers_of(const weighbridge::Config& hf);

void multipliers_to_megatron(const Multipliers& m, std::int64_t width, const weighbridge::Config& megatron);

// A document that was not made of a Granite does not say r: the equal model of r = 1 is stated then, and a note says so.
void multipliers_to_hugging_face(const weighbridge::Config& megatron, const weighbridge::Config& hf, const weighbridge::Notes& notes);

}  // namespace granite
