#pragma once
// Latent attention as Hugging Face models have it: a linear layer of its own for every projection.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/indexer.hpp>
#include <weighbridge/forward/latent_attention.hpp>
#include <weighbridge/forward/norms.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/latent_attention.hpp>
#include <weighbridge/translation.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// Where the attention's products are scaled by YaRN, and where they are not.
enum class Widened : std::uint8_t { no = 1, yes };

inline LatentAttention stated_latent_attention(const Config& c, const mla::Attention& a, Widened widened) {
  auto scale = 1.0 / std::sqrt(static_cast<double>(a.nope + a.rope));
  const auto rope = rope_of(c, 10000.0);
  const auto of_all = rope.at.empty() ? 0.0 : c.number(rope.at + ".mscale_all_dim", 0.0);
  if (widened == Widened::yes && rope.type != "default" && of_all != 0) {
    const auto wide = yarn_scale(c.number(rope.at + ".factor"), of_all);
    scale *= wide * wide;
  }
  auto positions = stated_rotary(c, 10000.0, a.rope);
  positions.pairs = Pairs::neighbours;
  return {.heads = a.heads, .plain = a.nope, .rotary = a.rope, .values = a.value, .scale = static_cast<float>(scale), .positions = std::move(positions)};
}

// x is normalised, `norm` is that of the latents; `at` is "model.layers.3.self_attn.". `choose(latent)` is given the
// normalised latent of the queries, where there is one, and gives the keys that are seen (null: all).
template <class Choose>
Matrix separate_latent_attention(const Forward& run, const std::string& at, const Matrix& x, const mla::Attention& a, LatentAttention core,
                                 const Norm& norm, Choose&& choose) {
  Matrix queries = x;
  if (a.query_rank) queries = rms_norm(run.linear(at + "q_a_proj.weight", x), run.values(at + "q_a_layernorm.weight"), norm);
  core.seen = choose(queries);
  const auto q = run.linear(at + (a.query_rank ? "q_b_proj.weight" : "q_proj.weight"), queries);
  const auto latent = run.linear(at + "kv_a_proj_with_mqa.weight", x);
  const auto normed = rms_norm(columns(latent, 0, a.rank), run.values(at + "kv_a_layernorm.weight"), norm);
  return run.linear(at + "o_proj.weight", attend(q, columns(latent, a.rank, a.rope), run.linear(at + "kv_b_proj.weight", normed), run.length(), core));
}

inline Matrix separate_latent_attention(const Forward& run, const std::string& at, const Matrix& x, const mla::Attention& a,
                                        const LatentAttention& core, const Norm& norm) {
  return separate_latent_attention(run, at, x, a, core, norm, [](const Matrix&) -> const Selection* { return nullptr; });
}

// The tokens that an indexer below `at` ("model.layers.3.self_attn.indexer.") selects; `queries` is the latent of the
// queries and x the input of the attention, both normalised.
inline Selection separate_indexer(const Forward& run, const std::string& at, const Matrix& queries, const Matrix& x, const Indexer& indexer) {
  const auto keys = layer_norm(run.linear(at + "wk.weight", x), run.values(at + "k_norm.weight"), run.values(at + "k_norm.bias"), {.epsilon = 1e-6F});
  return select(run.linear(at + "wq_b.weight", queries), keys, run.linear(at + "weights_proj.weight", x), run.length(), indexer);
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
