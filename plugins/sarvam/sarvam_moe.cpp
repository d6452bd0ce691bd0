// Sarvam 30B.
//
//   x + attention(norm(x)),  x + mlp(norm(x)),  RMSNorm; grouped-query attention whose query, key and value rows lie in one
//   tensor, one kind after the other, with a norm over each head of queries and keys; mixtures as in mixture.hpp.

#include "sarvam_moe.hpp"

#include <weighbridge/forward/fused_projections.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/rope_translation.hpp>

#include <optional>
#include <string>

#include "mixture.hpp"

namespace sarvam {
namespace {

constexpr std::int64_t kGroups = 4, kContext = 4096;  // where a config.json does not say
constexpr RopeScalings kRope{.theta = 10000.0, .known = "the plugin translates default and yarn", .yarn = RopeScalings::Yarn::stated};

GroupedAttention attention_of(const Config& c) {
  return {c.integer("hidden_size"), attention_heads(c), c.integer("num_key_value_heads", kGroups), head_width(c)};
}
bool has_biases(const Config& c) { return c.flag("use_qkv_bias"); }
bool has_head_norms(const Config& c) { return c.flag("use_qk_norm", true); }

Groups groups_of(const Config& c) { return {c.integer("n_group", 1), c.integer("topk_group", 1)}; }

}  // namespace

void Moe::equations(const Config& c, Model& model) {
  const auto attention = attention_of(c);
  const auto rows = c.integer("vocab_size");
  const bool tied = c.flag("tie_word_embeddings");
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.word_embeddings.weight", {rows, attention.hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    fused_attention(decoder, hf, attention, has_biases(c), has_head_norms(c));
    feed_forward_equations(c, decoder, hf, index, "mlp.gate.expert_bias");
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {attention.hidden}));
  if (tied) model.tied("lm_head.weight", "model.word_embeddings.weight", "tie_word_embeddings");
  else model["output_layer.weight"] = vocabulary(model.tensor("lm_head.weight", {rows, attention.hidden}));
}

void Moe::to_megatron(Config hf, Config megatron, Notes notes) {
  decoder_to_megatron(hf, megatron, notes, "SarvamMoEModelProvider");
  attention_to_megatron(hf, megatron, kGroups, kContext);
  megatron.set("kv_channels", head_width(hf));
  megatron.set("add_qkv_bias", has_biases(hf));
  megatron.set("qk_layernorm", has_head_norms(hf));
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
  const auto a = attention_of(c);
  const auto core = forward::grouped_queries(a.heads, a.groups, a.width);
  const auto rotary = forward::stated_rotary(c, kRope.theta, a.width);
  const auto groups = groups_of(c);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
  const auto of_heads = has_head_norms(c) ? std::optional{norm} : std::nullopt;
  auto x = run.embedded("model.word_embeddings.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto normed = [&](const char* name) { return forward::rms_norm(x, run.values(layer + name), norm); };
    forward::add(x, forward::fused_attention(run, layer + "attention.", normed("input_layernorm.weight"), core, rotary, of_heads));
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
