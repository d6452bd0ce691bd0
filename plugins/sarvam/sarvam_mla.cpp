// Sarvam 105B.
//
//   x + attention(norm(x)),  x + mlp(norm(x)),  RMSNorm; latent attention without a latent of queries, with YaRN; mixtures as in
//   mixture.hpp, whose experts come from the best groups.

#include "sarvam_mla.hpp"

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_latent_attention.hpp>
#include <weighbridge/latent_attention_translation.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include "mixture.hpp"

namespace sarvam {
namespace {

constexpr std::int64_t kContext = 4096;  // where a config.json does not say

mla::Attention attention_of(const Config& c) {
  auto a = mla::attention_of(c);
  a.query_rank = c.find_integer("q_lora_rank");  // the class's default is none
  return a;
}

// What neither config.json nor the config class says, the gate does: groups of eight, and experts from two of them.
Groups groups_of(const Config& c) {
  const auto groups = c.integer("n_group", std::max<std::int64_t>(1, mixture_of(c).experts / 8));
  return {groups, c.integer("topk_group", std::min<std::int64_t>(2, groups))};
}

// The rotary embedding, whose scaling is YaRN where nothing is said: both the config class and Megatron-Bridge's provider have these
// numbers.
struct Positions {
  double theta{};
  bool plain{};  // not scaled
  double factor{40};
  std::int64_t original{4096};
  double fast{32}, slow{1}, scale{1}, scale_of_all{1};
};

Positions positions_of(const Config& hf) {
  const auto rope = rope_of(hf, 10000.0);
  Positions p{.theta = rope.theta};
  // rope_parameters may hold the base alone.
  if (rope.at.empty() || (rope.type == "default" && !hf.has(rope.at + ".rope_type") && !hf.has(rope.at + ".type"))) return p;
  p.plain = rope.type == "default";
  if (p.plain) return p;
  if (rope.type != "deepseek_yarn" && rope.type != "yarn")
    throw Failure(rope.at + " is of type " + rope.type + "; Megatron's latent attention computes default and yarn");
  if (!hf.has(rope.at + ".factor")) throw Failure(rope.at + ".factor is missing; YaRN needs it");
  if (!hf.flag(rope.at + ".truncate", true)) throw Failure(rope.at + ".truncate is false; Megatron's latent attention always truncates");
  p.factor = hf.number(rope.at + ".factor");
  p.original = hf.integer(rope.at + ".original_max_position_embeddings", p.original);
  p.fast = hf.number(rope.at + ".beta_fast", p.fast);
  p.slow = hf.number(rope.at + ".beta_slow", p.slow);
  p.scale = hf.number(rope.at + ".mscale", p.scale);
  p.scale_of_all = hf.number(rope.at + ".mscale_all_dim", 0.0);
  return p;
}

void positions_to_megatron(const Positions& p, const Config& megatron) {
  megatron.set("rotary_base", p.theta);
  megatron.set("rope_type", "yarn");
  const auto factor = p.plain ? 1.0 : p.factor;
  if (const auto whole = std::llround(factor); static_cast<double>(whole) == factor) megatron.set("rotary_scaling_factor", static_cast<std::int64_t>(whole));  // as the provider has it
  else megatron.set("rotary_scaling_factor", factor);
  megatron.set("original_max_position_embeddings", p.original);
  megatron.set("beta_fast", p.fast);
  megatron.set("beta_slow", p.slow);
  megatron.set("mscale", p.scale);
  megatron.set("mscale_all_dim", p.scale_of_all);
}

void positions_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  const auto factor = megatron.number("rotary_scaling_factor", 40.0);
  if (factor == 1.0 || megatron.string("rope_type", "yarn") != "yarn") return hf.set("rope_scaling.type", "default");
  hf.set("rope_scaling.type", "deepseek_yarn");
  hf.set("rope_scaling.factor", factor);
  hf.set("rope_scaling.original_max_position_embeddings", megatron.integer("original_max_position_embeddings", 4096));
  hf.set("rope_scaling.beta_fast", megatron.number("beta_fast", 32.0));
  hf.set("rope_scaling.beta_slow", megatron.number("beta_slow", 1.0));
  hf.set("rope_scaling.mscale", megatron.number("mscale", 1.0));
  hf.set("rope_scaling.mscale_all_dim", megatron.number("mscale_all_dim", 0.0));
}

forward::LatentAttention core_of(const Config& c, const mla::Attention& a) {
  const auto p = positions_of(c);
  forward::LatentAttention core{.heads = a.heads, .plain = a.nope, .rotary = a.rope, .values = a.value};
  const auto wide = p.plain || p.scale_of_all == 0 ? 1.0 : forward::yarn_scale(p.factor, p.scale_of_all);
  core.scale = static_cast<float>(wide * wide / std::sqrt(static_cast<double>(a.nope + a.rope)));
  core.positions.frequencies = p.plain ? forward::frequencies_of(p.theta, a.rope)
                                       : forward::yarn_frequencies(p.theta, a.rope, {p.factor, static_cast<double>(p.original), p.fast, p.slow, true});
  if (!p.plain) core.positions.scale = static_cast<float>(forward::yarn_scale(p.factor, p.scale) / wide);
  core.positions.pairs = forward::Pairs::neighbours;
  return core;
}

}  // namespace

void Mla::equations(const Config& c, Model& model) {
  const auto attention = attention_of(c);
  const auto rows = c.integer("vocab_size");
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, attention.hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    mla::attention(model, decoder, hf, attention);
    feed_forward_equations(c, decoder, hf, index, "mlp.gate.e_score_correction_bias");
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {attention.hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, attention.hidden);
}

void Mla::to_megatron(Config hf, Config megatron, Notes notes) {
  decoder_to_megatron(hf, megatron, notes, "SarvamMLAModelProvider");
  mla::attention_to_megatron(hf, megatron, kContext);
  const auto attention = attention_of(hf);
  if (attention.query_rank) {
    megatron.set("q_lora_rank", *attention.query_rank);
  } else {
    megatron.set_null("q_lora_rank");
    notes("Sarvam's queries have no low rank: Megatron-Core 0.19 puts a norm of its own before linear_q_proj, which this model does not "
          "have, and computes other queries than Hugging Face");
  }
  megatron.set("kv_channels", attention.hidden / attention.heads);  // has no meaning here; what Megatron-Bridge says
  megatron.set("add_qkv_bias", false);
  megatron.set("make_vocab_size_divisible_by", 128);
  megatron.set_list("recompute_modules");
  megatron.set(Config::at("recompute_modules", 0), "moe");
  positions_to_megatron(positions_of(hf), megatron);
  const auto groups = groups_of(hf);
  mixture_to_megatron(hf, megatron, groups);
  if (groups.count > 1)
    notes("experts come from " + std::to_string(groups.chosen) + " of " + std::to_string(groups.count) +
          " groups, which Megatron-Bridge 0.6 leaves out: moe_router_num_groups and moe_router_group_topk say so here");
}

void Mla::to_hugging_face(Config megatron, Config hf, Notes notes) {
  decoder_to_hugging_face(megatron, hf, "sarvam_mla", "SarvamMLA");
  mla::attention_to_hugging_face(megatron, hf);
  mixture_to_hugging_face(megatron, hf);
  const mla::Defaults widths;
  const auto rope = megatron.integer("qk_pos_emb_head_dim", widths.rope);
  hf.set("q_head_dim", megatron.integer("qk_head_dim", widths.nope) + rope);
  hf.set("head_dim", megatron.integer("kv_lora_rank", widths.rank) + rope);  // what is cached of a token
  hf.set("max_position_embeddings", megatron.integer("seq_length", kContext));
  positions_to_hugging_face(megatron, hf);
  if (!megatron.has("moe_router_num_groups"))
    notes("moe_router_num_groups is not set, and so n_group is 1; Megatron-Bridge 0.6 leaves groups out that its source may have, "
          "and exporting with the source as --hf-model keeps them");
}

// Only its own provider tells it from DeepSeek V3; Megatron-LM's arguments do not.
bool Mla::recognises(const Config& megatron) { return is_built_by(megatron, "SarvamMLAModelProvider") && megatron.has("num_moe_experts"); }

void Mla::forward_hugging_face(const Config& c, Forward& run) {
  const auto attention = attention_of(c);
  const auto core = core_of(c, attention);
  const auto groups = groups_of(c);
  const forward::Norm of_latents{.epsilon = 1e-6F};  // whatever the config says of the others
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_latent_attention(run, at, x, attention, core, of_latents); },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return forward_feed_forward(c, run, layer, at, x, groups, "gate.e_score_correction_bias");
      });
}

void Mla::forward_megatron(const Config& megatron, Forward& run) {
  note_groups(megatron, run);
  if (!megatron.has("q_lora_rank"))
    run.note("Megatron-Core 0.19 normalises the input of linear_q_proj once more, the model does not, which is what is compared");
  forward::megatron_gpt(megatron, run, {.group_best = 2});
}

}  // namespace sarvam
