#include "forward.hpp"

#include <weighbridge/forward/causal_convolution.hpp>
#include <weighbridge/forward/gated_delta.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <string>

namespace qwen_next {

using namespace weighbridge;

namespace {

// Columns begin <= i < end of every one of `count` equal blocks.
forward::Matrix of_blocks(const forward::Matrix& x, std::int64_t count, std::int64_t begin, std::int64_t end) {
  const auto block = x.columns / count;
  forward::Matrix result{x.rows, count * (end - begin)};
  for (std::int64_t i = 0; i < count; ++i) forward::put_columns(result, i * (end - begin), forward::columns(x, i * block + begin, end - begin));
  return result;
}

forward::Matrix gated_attention(const Geometry& g, const Forward& run, const std::string& at, const forward::Matrix& x, const forward::Rotary& rotary,
                                const forward::Norm& norm) {
  const auto both = run.linear(at + "q_proj.weight", x);  // for each head its query, then its gate
  auto head_norm = norm;
  head_norm.width = g.width;
  auto q = forward::rms_norm(of_blocks(both, g.heads, 0, g.width), run.values(at + "q_norm.weight"), head_norm);
  auto k = forward::rms_norm(run.linear(at + "k_proj.weight", x), run.values(at + "k_norm.weight"), head_norm);
  const auto v = run.linear(at + "v_proj.weight", x), gate = of_blocks(both, g.heads, g.width, 2 * g.width);
  forward::rotate(q, g.width, run.length(), rotary);
  forward::rotate(k, g.width, run.length(), rotary);
  auto y = forward::attend(q, k, v, run.length(), forward::grouped_queries(g.heads, g.groups, g.width));
  for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] *= forward::sigmoid(gate.values[i]);
  return run.linear(at + "o_proj.weight", y);
}

struct Projected {
  forward::Matrix qkv, z, beta, alpha;  // qkv: all queries, all keys, all values
};

// Qwen3-Next has for each key head its query, its key, the values and the gates of its value heads; beta and alpha likewise.
Projected joined(const Geometry& g, const Forward& run, const std::string& at, const forward::Matrix& x) {
  const auto k = g.key_heads, d = g.key_width, share = g.value_heads / k, v = share * g.value_width;
  const auto qkvz = run.linear(at + "in_proj_qkvz.weight", x), ba = run.linear(at + "in_proj_ba.weight", x);
  Projected p{{x.rows, 2 * g.linear_keys() + g.linear_values()}, of_blocks(qkvz, k, 2 * d + v, 2 * d + 2 * v), of_blocks(ba, k, 0, share), of_blocks(ba, k, share, 2 * share)};
  forward::put_columns(p.qkv, 0, of_blocks(qkvz, k, 0, d));
  forward::put_columns(p.qkv, g.linear_keys(), of_blocks(qkvz, k, d, 2 * d));
  forward::put_columns(p.qkv, 2 * g.linear_keys(), of_blocks(qkvz, k, 2 * d, 2 * d + v));
  return p;
}

Projected separate(const Forward& run, const std::string& at, const forward::Matrix& x) {
  return {run.linear(at + "in_proj_qkv.weight", x), run.linear(at + "in_proj_z.weight", x), run.linear(at + "in_proj_b.weight", x),
          run.linear(at + "in_proj_a.weight", x)};
}

forward::Matrix delta_net(const Geometry& g, const Forward& run, const std::string& at, const forward::Matrix& x, bool next, float epsilon) {
  const auto p = next ? joined(g, run, at, x) : separate(run, at, x);
  const auto qkv = forward::activated(forward::causal_convolution(p.qkv, run.values(at + "conv1d.weight"), {}, run.length()), forward::Activation::silu);
  const auto keys = g.linear_keys();
  const auto y = forward::gated_delta(forward::columns(qkv, 0, keys), forward::columns(qkv, keys, keys), forward::columns(qkv, 2 * keys, g.linear_values()),
                                      p.beta, p.alpha, run.length(),
                                      {g.key_heads, g.value_heads, g.key_width, g.value_width, run.values(at + "A_log"), run.values(at + "dt_bias")});
  const forward::Norm of_head{.epsilon = epsilon, .width = g.value_width};  // whose weight is no offset from one, unlike all others
  return run.linear(at + "out_proj.weight", forward::norm_and_gate(y, p.z, run.values(at + "norm.weight"), of_head));
}

forward::Matrix experts(const Config& c, const Geometry& g, const Generation& generation, const Forward& run, const std::string& at, const forward::Matrix& x) {
  const forward::Routing routing{.score = forward::Score::softmax, .chosen = c.integer("num_experts_per_tok", generation.experts_per_token),
                                 .normalised = !generation.next || c.flag("norm_topk_prob", true)};
  const bool packed = run.has(at + "experts.gate_up_proj");
  auto y = forward::mixture(x, run.linear(at + "gate.weight", x), routing, [&](std::int64_t e, const forward::Matrix& own) {
    return packed ? forward::packed_gated(run, at + "experts.", e, g.expert_width, own)
                  : forward::separate_gated(run, at + "experts." + std::to_string(e) + ".", own);
  });
  const auto shared = forward::separate_gated(run, at + "shared_expert.", x), gate = run.linear(at + "shared_expert_gate.weight", x);
  for (std::int64_t t = 0; t < y.rows; ++t)
    for (std::int64_t j = 0; j < y.columns; ++j) y.row(t)[j] += forward::sigmoid(gate.row(t)[0]) * shared.row(t)[j];
  return y;
}

}  // namespace

void forward_decoder(const Config& c, const Forward& run, const Generation& generation) {
  const auto g = geometry_of(c, generation);
  const auto share = c.number("partial_rotary_factor", c.number("rope_parameters.partial_rotary_factor", 0.25));
  const auto rotary = forward::stated_rotary(c, 10000.0, static_cast<std::int64_t>(static_cast<double>(g.width) * share));
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6)), .offset = 1};
  const auto normed = [&](const forward::Matrix& x, const std::string& name) { return forward::rms_norm(x, run.values(name), norm); };
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < g.layers; ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto in = normed(x, layer + "input_layernorm.weight");
    forward::add(x, is_linear(c, i) ? delta_net(g, run, layer + "linear_attn.", in, generation.next, norm.epsilon)
                                    : gated_attention(g, run, layer + "self_attn.", in, rotary, norm));
    const auto inner = normed(x, layer + "post_attention_layernorm.weight");
    forward::add(x, is_sparse(c, generation, i) ? experts(c, g, generation, run, layer + "mlp.", inner) : forward::separate_gated(run, layer + "mlp.", inner));
    run.state(i, x);
  }
  run.logits(forward::output(run, normed(x, "model.norm.weight"), c.flag("tie_word_embeddings")));
}

}  // namespace qwen_next
