// Sarvam 30B.
//
//   x + attention(norm(x)),  x + mlp(norm(x)),  RMSNorm; grouped-query attention whose query, key and value rows lie in one
//   tensor, one kind after the other, with a norm over each head of queries and keys; mixtures as in mixture.hpp.

#include "sarvam_moe.hpp"

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/rope_translation.hpp>

#include <string>

#include "mixture.hpp"

namespace sarvam {
namespace {

constexpr std::int64_t kGroups = 4, kContext = 4096;  // where a config.json does not say
constexpr RopeScalings kRope{.theta = 10000.0, .known = "the plugin translates default and yarn", .yarn = RopeScalings::Yarn::stated};

struct Heads {
  std::int64_t hidden{}, count{}, groups{}, width{};
  bool biases{}, norms{};
  std::int64_t query() const { return count * width; }
  std::int64_t key() const { return groups * width; }
  std::int64_t rows() const { return query() + 2 * key(); }
};

Heads heads_of(const Config& c) {
  return {c.integer("hidden_size"), attention_heads(c), c.integer("num_key_value_heads", kGroups), head_width(c), c.flag("use_qkv_bias"),
          c.flag("use_qk_norm", true)};
}

Groups groups_of(const Config& c) { return {c.integer("n_group", 1), c.integer("topk_group", 1)}; }

// Megatron's rows go by query group.
Tensor by_group(const Tensor& fused, const Heads& h) {
  const auto rows = [&](std::int64_t begin, std::int64_t count) { return slice(fused, 0, begin, begin + count); };
  return interleave(h.groups, rows(0, h.query()), rows(h.query(), h.key()), rows(h.query() + h.key(), h.key()));
}

void attention_equations(const MegatronLayer& decoder, const HuggingFaceLayer& hf, const Heads& h) {
  decoder["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {h.hidden}));
  decoder["self_attention.linear_qkv.weight"] = column(by_group(hf("attention.query_key_value.weight", {h.rows(), h.hidden}), h));
  if (h.biases) decoder["self_attention.linear_qkv.bias"] = column(by_group(hf("attention.query_key_value.bias", {h.rows()}), h));
  if (h.norms) {
    decoder["self_attention.q_layernorm.weight"] = norm(hf("attention.query_layernorm.weight", {h.width}));
    decoder["self_attention.k_layernorm.weight"] = norm(hf("attention.key_layernorm.weight", {h.width}));
  }
  decoder["self_attention.linear_proj.weight"] = row(hf("attention.dense.weight", {h.hidden, h.query()}));
}

forward::Matrix forward_attention(const Forward& run, const std::string& at, const forward::Matrix& x, const Heads& h, const forward::Rotary& rotary,
                                  const forward::Norm& norm) {
  const auto mixed = run.module(at + "query_key_value.", x);
  auto q = forward::columns(mixed, 0, h.query()), k = forward::columns(mixed, h.query(), h.key());
  if (h.norms) {
    auto of_head = norm;
    of_head.width = h.width;
    q = forward::rms_norm(std::move(q), run.values(at + "query_layernorm.weight"), of_head);
    k = forward::rms_norm(std::move(k), run.values(at + "key_layernorm.weight"), of_head);
  }
  forward::rotate(q, h.width, run.length(), rotary);
  forward::rotate(k, h.width, run.length(), rotary);
  const auto attention = forward::grouped_queries(h.count, h.groups, h.width);
  return run.module(at + "dense.", forward::attend(q, k, forward::columns(mixed, h.query() + h.key(), h.key()), run.length(), attention));
}

}  // namespace

void Moe::equations(const Config& c, Model& model) {
  const auto heads = heads_of(c);
  const auto rows = c.integer("vocab_size");
  const bool tied = c.flag("tie_word_embeddings");
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.word_embeddings.weight", {rows, heads.hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    attention_equations(decoder, hf, heads);
    feed_forward_equations(c, decoder, hf, index, "mlp.gate.expert_bias");
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {heads.hidden}));
  if (tied) model.tied("lm_head.weight", "model.word_embeddings.weight", "tie_word_embeddings");
  else model["output_layer.weight"] = vocabulary(model.tensor("lm_head.weight", {rows, heads.hidden}));
}

void Moe::to_megatron(Config hf, Config megatron, Notes notes) {
  decoder_to_megatron(hf, megatron, notes, "SarvamMoEModelProvider");
  attention_to_megatron(hf, megatron, kGroups, kContext);
  const auto heads = heads_of(hf);
  megatron.set("kv_channels", heads.width);
  megatron.set("add_qkv_bias", heads.biases);
  megatron.set("qk_layernorm", heads.norms);
  megatron.set("make_vocab_size_divisible_by", 128);
  megatron.set_list("recompute_modules");
  std::int64_t place = 0;
  for (const auto* module : {"layernorm", "shared_experts", "mlp", "moe_act"}) megatron.set(Config::at("recompute_modules", place++), module);
  mixture_to_megatron(hf, megatron, groups_of(hf));
  if (hf.flag("use_bias")) throw Failure("use_bias is true; Megatron's biases of linear layers would be in the mlp, too");
  for (const auto* share : {"partial_rotary_factor", "rope_parameters.partial_rotary_factor"})
    if (hf.number(share, 1.0) != 1.0) throw Failure(std::string{share} + " is not 1; heads of Sarvam are turned whole");
  rope_to_megatron(hf, megatron, notes, kRope);
}

void Moe::to_hugging_face(Config megatron, Config hf, Notes) {
  decoder_to_hugging_face(megatron, hf, "sarvam_moe", "SarvamMoE");
  attention_to_hugging_face(megatron, hf);
  mixture_to_hugging_face(megatron, hf);
  hf.set("use_qkv_bias", megatron.flag("add_qkv_bias"));
  hf.set("use_bias", false);
  hf.set("use_qk_norm", megatron.flag("qk_layernorm"));
  hf.set("router_dtype", "fp32");
  hf.set("moe_shared_expert_intermediate_size", megatron.integer("moe_shared_expert_intermediate_size", 0));
  rope_to_hugging_face(megatron, hf, kRope);
}

// Only its own provider tells it from other mixtures with shared experts; Megatron-LM's arguments do not.
bool Moe::recognises(const Config& megatron) { return is_built_by(megatron, "SarvamMoEModelProvider") && megatron.has("num_moe_experts"); }

void Moe::forward_hugging_face(const Config& c, Forward& run) {
  const auto heads = heads_of(c);
  const auto rotary = forward::stated_rotary(c, kRope.theta, heads.width);
  const auto groups = groups_of(c);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
  auto x = run.embedded("model.word_embeddings.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto normed = [&](const char* name) { return forward::rms_norm(x, run.values(layer + name), norm); };
    forward::add(x, forward_attention(run, layer + "attention.", normed("input_layernorm.weight"), heads, rotary, norm));
    forward::add(x, forward_feed_forward(c, run, i, layer + "mlp.", normed("post_attention_layernorm.weight"), groups, "gate.expert_bias"));
    run.state(i, x);
  }
  x = forward::rms_norm(x, run.values("model.norm.weight"), norm);
  run.logits(forward::output(run, x, c.flag("tie_word_embeddings"), "model.word_embeddings.weight"));
}

void Moe::forward_megatron(const Config& megatron, Forward& run) {
  note_groups(megatron, run);
  forward::megatron_gpt(megatron, run, {.group_best = 2});
}

}  // namespace sarvam
