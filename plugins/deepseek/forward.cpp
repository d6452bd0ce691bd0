// What DeepSeek's models compute, as transformers writes it and as Megatron-Core does.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_latent_attention.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/latent_attention_translation.hpp>
#include <weighbridge/mixture_translation.hpp>

#include <string>

#include "generations.hpp"

namespace deepseek {
namespace {

// Groups are as good as their best expert in V2, as their best two in V3.
forward::Routing routing_of(const Config& c, Generation generation) {
  const bool v3 = generation != Generation::v2;
  forward::Routing routing{.score = v3 ? forward::Score::sigmoid : forward::Score::softmax,
                           .chosen = of(generation).chosen ? c.integer("num_experts_per_tok", of(generation).chosen) : c.integer("num_experts_per_tok"),
                           .normalised = v3 && c.flag("norm_topk_prob", true),
                           .scale = static_cast<float>(c.number("routed_scaling_factor", of(generation).scale))};
  if (v3 || c.string("topk_method", "greedy") == "group_limited_greedy") {
    routing.groups = c.integer("n_group", v3 ? 8 : 1);
    routing.chosen_groups = c.integer("topk_group", v3 ? 4 : 1);
    routing.group_best = v3 ? 2 : 1;
  }
  return routing;
}

// transformers' norms of latents have this epsilon, whatever config.json says of the others.
constexpr forward::Norm kOfLatents{.epsilon = 1e-6F};

}  // namespace

void forward_model(const Config& c, const Forward& run, Generation generation) {
  const auto attention = mla::attention_of(c);
  const auto mixtures = mixture_layers_of(c, of(generation).first_dense);
  const auto core = forward::stated_latent_attention(c, attention, generation != Generation::v2 ? forward::Widened::yes : forward::Widened::no);
  const auto routing = routing_of(c, generation);
  const auto widths = indexer_of(c);
  forward::Indexer indexer{.heads = widths.heads, .width = widths.width, .chosen = c.integer("index_topk", 2048), .positions = core.positions};
  indexer.positions.pairs = forward::Pairs::halves;
  forward::Selection selection;
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) {
        if (generation != Generation::v32) return forward::separate_latent_attention(run, at, x, attention, core, kOfLatents);
        return forward::separate_latent_attention(run, at, x, attention, core, kOfLatents, [&](const forward::Matrix& queries) {
          selection = forward::separate_indexer(run, at + "indexer.", queries, x, indexer);
          return &selection;
        });
      },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return mixtures.at(layer) ? forward::separate_mixture(run, at, x, routing) : forward::separate_gated(run, at, x);
      });
}

// Where transformers and Megatron-Core do not compute the same of the same weights, what is compared is transformers' model.
void forward_megatron_model(const Config& c, const Forward& run, Generation generation) {
  const bool v3 = generation != Generation::v2;
  const forward::MegatronExtras extras{.group_best = v3 ? 2 : 1, .widened_attention = v3, .latent_epsilon = kOfLatents.epsilon};
  if (static_cast<float>(c.number("layernorm_epsilon", 1e-6)) != kOfLatents.epsilon)
    run.note("Megatron-Core normalises the latents of attention with layernorm_epsilon, transformers with 1e-6, which is what is compared");
  const auto groups = c.integer("moe_router_group_topk", 0), chosen = c.integer("moe_router_topk", 2);
  if (groups > 0 && c.integer("moe_router_num_groups", 1) > 1 && chosen / groups != extras.group_best)
    run.note("Megatron-Core ranks groups of experts by the sum of their best " + std::to_string(chosen / groups) + ", transformers by that of their best " +
             std::to_string(extras.group_best) + ", which is what is compared");
  if (!v3 && forward::yarn_scale(c.number("rotary_scaling_factor", 40), c.number("mscale_all_dim", 0)) != 1)
    run.note("Megatron-Core scales attention by mscale_all_dim, transformers does not for DeepSeek V2, which is what is compared");
  if (!c.has("q_lora_rank"))
    run.note("Megatron-Core 0.19 normalises the input of linear_q_proj once more, transformers does not, which is what is compared");
  forward::megatron_gpt(c, run, extras);
}

}  // namespace deepseek
