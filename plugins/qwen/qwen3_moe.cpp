// Qwen3-MoE.
//
//   Qwen3's attention. A layer with experts computes, over the experts that its router scores highest,
//   sum of score_e * down_e(silu(gate_e(x)) * up_e(x)); a layer without is Qwen3's dense one.

#include "qwen3_moe.hpp"

#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>

#include <string>

#include "decoder.hpp"
#include "decoder_forward.hpp"

namespace qwen {
namespace {

// head_dim follows from the heads where a config.json does not say, unlike in Qwen3.
Heads heads_of(const Config& c) { return {c.integer("num_attention_heads"), c.integer("num_key_value_heads", 4), head_width(c)}; }

std::int64_t experts_of(const Config& c) {
  const auto experts = c.integer("num_experts", c.integer("num_local_experts", 128));
  if (experts < 1) throw Failure("num_experts is " + std::to_string(experts) + "; a model without experts is a Qwen3ForCausalLM");
  return experts;
}

std::int64_t expert_width(const Config& c) { return c.integer("moe_intermediate_size", 768); }

// Whether a layer has experts: every decoder_sparse_step-th, counted from one, but those that mlp_only_layers names.
bool has_experts(const Config& c, std::int64_t layer) {
  const auto step = c.integer("decoder_sparse_step", 1);
  if (step < 1) throw Failure("decoder_sparse_step is " + std::to_string(step) + "; 1 gives every layer experts");
  if ((layer + 1) % step != 0) return false;
  const auto dense = c.find_count("mlp_only_layers").value_or(0);
  for (std::int64_t i = 0; i < dense; ++i)
    if (c.integer(Config::at("mlp_only_layers", i)) == layer) return false;
  return true;
}

// The same of a Megatron document: a list of ones and zeros, or every n-th layer, counted from nought.
bool has_experts_in_megatron(const Config& megatron, std::int64_t layer) {
  if (const auto entry = Config::at("moe_layer_freq", layer); megatron.has(entry)) return megatron.integer(entry) != 0;
  const auto every = megatron.integer("moe_layer_freq", 1);
  if (every < 1) throw Failure("moe_layer_freq is " + std::to_string(every) + "; 1 gives every layer experts");
  return layer % every == 0;
}

}  // namespace

void Qwen3Moe::equations(const Config& c, Model& model) {
  const auto hidden = c.integer("hidden_size");
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    attention_equations(decoder, hf, hidden, heads_of(c), Generation::qwen3);
    if (has_experts(c, index)) expert_mixture(decoder, hf, {hidden, experts_of(c), expert_width(c)});
    else gated_mlp(decoder, hf, c.integer("intermediate_size"), hidden);
  }
  outer_equations(c, model);
}

void Qwen3Moe::to_megatron(Config hf, Config megatron, Notes notes) {
  config_to_megatron(hf, megatron, notes, heads_of(hf), Generation::qwen3);
  megatron.set("num_moe_experts", experts_of(hf));
  megatron.set("moe_ffn_hidden_size", expert_width(hf));
  megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", 8));
  // A softmax over the chosen experts alone is one over all of them whose chosen scores are made to add up to one.
  megatron.set("moe_router_pre_softmax", !hf.flag("norm_topk_prob"));
  megatron.set("moe_router_score_function", "softmax");
  megatron.set("moe_router_load_balancing_type", "aux_loss");
  megatron.set("moe_aux_loss_coeff", 0.001);
  megatron.set("moe_grouped_gemm", true);
  megatron.set("moe_token_dispatcher_type", "alltoall");
  megatron.set("moe_permute_fusion", true);
  if (const auto said = hf.number("router_aux_loss_coef", 0.001); said != 0.001)
    notes("router_aux_loss_coef is not 0.001, with which Megatron-Bridge trains Qwen3-MoE; moe_aux_loss_coeff says 0.001");

  const auto layers = hf.integer("num_hidden_layers");
  std::int64_t sparse = 0;
  for (std::int64_t i = 0; i < layers; ++i) sparse += has_experts(hf, i);
  megatron.set("moe_layer_freq", 1);
  if (sparse == layers) return;
  // The layers that Megatron-Bridge makes by default are all alike; these are made one by one.
  layers_made_one_by_one(megatron);
  megatron.set_list("moe_layer_freq");
  for (std::int64_t i = 0; i < layers; ++i) megatron.set(Config::at("moe_layer_freq", i), std::int64_t{has_experts(hf, i)});
}

void Qwen3Moe::to_hugging_face(Config megatron, Config hf, Notes) {
  config_to_hugging_face(megatron, hf);
  hf.set("attention_bias", false);
  hf.set("num_experts", megatron.integer("num_moe_experts"));
  hf.set("moe_intermediate_size", megatron.integer("moe_ffn_hidden_size", megatron.integer("ffn_hidden_size")));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", 2));
  hf.set("norm_topk_prob", !megatron.flag("moe_router_pre_softmax"));
  hf.set("router_aux_loss_coef", balance_of_megatron(megatron, 0.001));
  hf.set("output_router_logits", false);
  hf.set("decoder_sparse_step", 1);
  hf.set_list("mlp_only_layers");
  std::int64_t dense = 0;
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    if (!has_experts_in_megatron(megatron, i)) hf.set(Config::at("mlp_only_layers", dense++), i);
}

void Qwen3Moe::forward_hugging_face(const Config& c, Forward& run) {
  const forward::Routing routing{.score = forward::Score::softmax, .chosen = c.integer("num_experts_per_tok", 8), .normalised = c.flag("norm_topk_prob")};
  forward_decoder(c, run, heads_of(c), Generation::qwen3, [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
    return has_experts(c, layer) ? forward::separate_mixture(run, at, x, routing) : forward::separate_gated(run, at, x);
  });
}

void Qwen3Moe::forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }

bool Qwen3Moe::recognises(const Config& megatron) {
  if (!is_decoder(megatron, Generation::qwen3) || !is_plain(megatron) || !megatron.has("num_moe_experts")) return false;
  const auto first = Config::at("moe_router_load_balancing_type", 0);  // Megatron-LM may balance in several ways at a time
  const auto balancing = megatron.string(megatron.has(first) ? first : "moe_router_load_balancing_type", "");
  // OLMoE, whose norms reach over all heads, has the rest in common with a Qwen3-MoE that does not normalise scores.
  const bool olmoe = megatron.flag("moe_router_pre_softmax") && balancing == "seq_aux_loss";
  return !olmoe && megatron.string("moe_router_score_function", "softmax") == "softmax" && !megatron.flag("moe_router_enable_expert_bias");
}

}  // namespace qwen
