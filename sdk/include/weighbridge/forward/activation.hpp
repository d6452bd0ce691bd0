#pragma once
// What a feed-forward does between its linear layers.

#include <weighbridge/config.hpp>
#include <weighbridge/forward/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

enum class Activation : std::uint8_t { silu = 1, gelu, gelu_tanh, quick_gelu, relu, squared_relu };

// By the names of either side's documents.
inline Activation activation_named(std::string_view name) {
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_tanh" || name == "gelu_pytorch_tanh" || name == "fast_gelu" || name == "gelu_new") return Activation::gelu_tanh;
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "relu") return Activation::relu;
  if (name == "relu2" || name == "squared_relu") return Activation::squared_relu;
  throw Failure("the activation " + std::string{name} + " is not known to the forward check");
}

inline float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }
inline float silu(float x) { return x * sigmoid(x); }
inline float softplus(float x) { return x > 20.0F ? x : std::log1p(std::exp(x)); }

inline float activated(Activation activation, float x) {
  switch (activation) {
    case Activation::silu: return silu(x);
    case Activation::gelu: return 0.5F * x * (1.0F + std::erf(x / std::numbers::sqrt2_v<float>));
    case Activation::gelu_tanh: {
      const auto root = std::sqrt(2.0F / std::numbers::pi_v<float>);
      return 0.5F * x * (1.0F + std::tanh(root * (x + 0.044715F * x * x * x)));
    }
    case Activation::quick_gelu: return x * sigmoid(1.702F * x);
    case Activation::relu: return std::max(x, 0.0F);
    case Activation::squared_relu: return x > 0 ? x * x : 0.0F;
  }
  return x;
}

inline Matrix activated(Matrix x, Activation activation) {
  for (auto& value : x.values) value = activated(activation, value);
  return x;
}

struct Gate {
  Activation activation{Activation::silu};
  float clamp{};   // the gate from above, the other factor on both sides; 0: neither
  float offset{};  // added to the other factor
};

// activation(gate) * (up + offset)
inline Matrix gated(Matrix gate, const Matrix& up, const Gate& kind) {
  same_shape(gate, up);
  for (std::size_t i = 0; i < gate.values.size(); ++i) {
    auto g = gate.values[i], u = up.values[i];
    if (kind.clamp > 0) {
      g = std::min(g, kind.clamp);
      u = std::clamp(u, -kind.clamp, kind.clamp);
    }
    gate.values[i] = activated(kind.activation, g) * (u + kind.offset);
  }
  return gate;
}

// c * tanh(x / c)
inline void soft_cap(Matrix& x, float cap) {
  if (cap <= 0) return;
  for (auto& value : x.values) value = cap * std::tanh(value / cap);
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
