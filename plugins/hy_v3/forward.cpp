#include "forward.hpp"

#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <string>

#include "geometry.hpp"

namespace hy_v3 {
namespace {

forward::Matrix mixture(const Config& c, const Forward& run, const std::string& layer, const forward::Matrix& x, const Geometry& g) {
  const auto& names = run.has(layer + kOfTransformers.router) ? kOfTransformers : kPublished;
  const auto chosen = c.integer("num_experts_per_tok", 8);
  const forward::Routing routing{.score = forward::Score::sigmoid, .chosen = chosen, .normalised = true,
                                 .scale = static_cast<float>(c.number("router_scaling_factor", kScale)), .bias = run.values(layer + names.bias)};
  auto y = forward::mixture(x, run.linear(layer + names.router, x), routing, [&](std::int64_t e, const forward::Matrix& own) {
    return forward::stored_expert(run, layer + "mlp.experts.", e, g.expert_width, own);
  });
  if (g.shared_width > 0) forward::add(y, forward::separate_gated(run, layer + names.shared, x));
  return y;
}

}  // namespace

void forward_hugging_face(const Config& c, const Forward& run) {
  const auto g = geometry_of(c);
  const auto& a = g.attention;
  const auto core = forward::grouped_queries(a.heads, a.groups, a.width);
  const auto rotary = forward::stated_rotary(c, kRope.theta, a.width);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
  forward::pre_norm_decoder(
      c, run, [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_attention(run, at, x, core, rotary, norm); },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        if (!g.mixtures[static_cast<std::size_t>(layer)]) return forward::separate_gated(run, at, x);
        return mixture(c, run, "model.layers." + std::to_string(layer) + ".", x, g);
      },
      kEpsilon);
}

}  // namespace hy_v3
