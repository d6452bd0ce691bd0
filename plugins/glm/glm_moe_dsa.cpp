// GLM 5, 5.1 and 5.2: sparse latent attention before GLM's mixtures. In 5.2 layers share the tokens that one indexer selects.
//
// Megatron-Bridge builds the model without the layers that predict further tokens; they are kept beside the Megatron
// checkpoint then. A Megatron model that was made with them is converted with them.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_latent_attention.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/latent_attention_translation.hpp>
#include <weighbridge/layer_specification.hpp>
#include <weighbridge/sparse_attention.hpp>

#include <string>

#include "generations.hpp"
#include "index_sharing.hpp"
#include "latent.hpp"
#include "mixture.hpp"

namespace glm {
namespace {

constexpr mla::Defaults kWidths{.query_rank = 2048, .rank = 512, .nope = 192, .rope = 64, .value = 256};

constexpr Field kIndexer[] = {
    integer_field("index_n_heads", "dsa_indexer_n_heads", 32),
    integer_field("index_head_dim", "dsa_indexer_head_dim", 128),
    integer_field("index_topk", "dsa_indexer_topk", 2048),
    flag_field("indexer_rope_interleave", "dsa_indexer_rope_interleaved", false),
};

// Some releases of transformers write head_dim to qk_rope_head_dim when they save; qk_head_dim is right still.
mla::Attention attention_of(const Config& hf) {
  auto a = mla::attention_of(hf, kWidths);
  if (const auto both = hf.find_integer("qk_head_dim")) a.rope = *both - a.nope;
  if (a.rope < 1) throw Failure("qk_head_dim leaves no features for positions beside the " + std::to_string(a.nope) + " of qk_nope_head_dim");
  if (!a.query_rank) throw Failure("q_lora_rank is null; the indexer of this architecture takes the latent of the queries");
  return a;
}

mla::Indexer indexer_of(const Config& hf) { return {hf.integer("index_n_heads", 32), hf.integer("index_head_dim", 128)}; }

}  // namespace

void GlmMoeDsa::to_megatron(Config hf, Config megatron, Notes notes) {
  megatron.set("_target_", "megatron.bridge.models.mla_provider.MLAModelProvider");
  layers_of_an_attention_variant(megatron);
  decoder_to_megatron(hf, megatron, notes, kGlmMoeDsa);
  mla::attention_to_megatron(hf, megatron, kGlmMoeDsa.context, kWidths);
  const auto a = attention_of(hf);
  megatron.set("kv_channels", a.rope);
  megatron.set("qk_pos_emb_head_dim", a.rope);
  if (const auto stated = hf.integer("qk_rope_head_dim", a.rope); stated != a.rope)
    notes("qk_rope_head_dim is " + std::to_string(stated) + ", qk_head_dim leaves " + std::to_string(a.rope) + ", with which the model is converted");
  mla::rope_to_megatron(hf, megatron);
  if (rope_of(hf, 10000.0).type == "default") megatron.set("mscale", 1.0);
  megatron.set("make_vocab_size_divisible_by", 1280);
  megatron.set("attention_softmax_in_fp32", false);
  megatron.set("apply_rope_fusion", false);  // sparse attention knows none

  mla::sparse_attention_to_megatron(megatron);
  weighbridge::to_megatron(kIndexer, hf, megatron);
  index_sharing_to_megatron(index_sharing_of(hf, hf.integer("num_hidden_layers")), megatron);

  megatron.set("moe_router_pre_softmax", true);
  megatron.set("moe_aux_loss_coeff", hf.number("aux_loss_alpha", 0.0));
  megatron.set("moe_token_dispatcher_type", "flex");
  megatron.set("moe_flex_dispatcher_backend", "hybridep");
  megatron.set("moe_flex_dispatcher_num_sms", 16);
  megatron.set("moe_permute_fusion_into_hybridep", false);
}

void GlmMoeDsa::to_hugging_face(Config megatron, Config hf, Notes) {
  decoder_to_hugging_face(megatron, hf, kGlmMoeDsa);
  mla::attention_to_hugging_face(megatron, hf);
  mla::rope_to_hugging_face(megatron, hf);
  weighbridge::to_hugging_face(kIndexer, megatron, hf);
  index_sharing_to_hugging_face(megatron, hf);
  const auto nope = megatron.integer("qk_head_dim", 128), rope = megatron.integer("qk_pos_emb_head_dim", 64);
  hf.set("qk_head_dim", nope + rope);
  hf.set("head_dim", rope);
  hf.set("rope_interleave", true);
  hf.set("scoring_func", "sigmoid");
  hf.set("topk_method", "noaux_tc");
  if (const auto balance = megatron.number("moe_aux_loss_coeff", 0.0); balance != 0) hf.set("aux_loss_alpha", balance);
}

bool GlmMoeDsa::recognises(const Config& megatron) {
  return has_such_experts(megatron) && megatron.flag("multi_latent_attention") && megatron.string("experimental_attention_variant", "") == "dsa" &&
         (names_no_builder(megatron) || is_built_by(megatron, "MLAModelProvider")) &&
         (megatron.flag("dsa_indexer_rope_interleaved") || megatron.number("rotary_scaling_factor", 40.0) == 1.0);
}

void GlmMoeDsa::equations(const Config& c, Model& model) {
  const auto attention = attention_of(c);
  const auto indexer = indexer_of(c);
  const auto sharing = index_sharing_of(c, c.integer("num_hidden_layers"));
  model_equations(c, model, kGlmMoeDsa, [&](const MegatronLayer& layer, const HuggingFaceLayer& hf, const Place& place) {
    mla::attention(model, layer, hf, attention, mla::LatentNorms::apart);
    // Megatron-Core counts layers that predict from one again.
    if (sharing.has_indexer(place.number)) mla::indexer(layer, hf, attention, indexer);
    else model.carried(hf.name("self_attn.indexer.*"), "this layer sees the tokens that a layer before it selects");
  });
}

void GlmMoeDsa::forward_hugging_face(const Config& c, Forward& run) {
  const auto attention = attention_of(c);
  const auto core = forward::stated_latent_attention(c, attention, forward::Widened::yes);
  const auto sharing = index_sharing_of(c, c.integer("num_hidden_layers"));
  const auto widths = indexer_of(c);
  forward::Indexer indexer{.heads = widths.heads, .width = widths.width, .chosen = c.integer("index_topk", 2048), .positions = core.positions};
  indexer.positions.pairs = forward::Pairs::halves;  // whatever indexer_rope_interleave says
  const auto kinds = layer_kinds(c, kGlmMoeDsa);
  const auto routing = routing_of(c, kGlmMoeDsa);
  forward::Selection selection;
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return forward::separate_latent_attention(run, at, x, attention, core, kOfLatents, [&](const forward::Matrix& queries) {
          if (sharing.has_indexer(layer)) selection = forward::separate_indexer(run, at + "indexer.", queries, x, indexer);
          return &selection;
        });
      },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return kinds.at(layer) ? forward::separate_mixture(run, at, x, routing) : forward::separate_gated(run, at, x);
      },
      kEpsilon);
}

void GlmMoeDsa::forward_megatron(const Config& megatron, Forward& run) {
  auto extras = latent_extras_of(megatron, run);
  if (megatron.flag("dsa_indexer_rope_interleaved")) {
    extras.indexer_pairs = forward::Pairs::halves;
    if (megatron.integer("dsa_indexer_topk", 2048) < run.length())
      run.note("Megatron-Core turns neighbouring features of an indexer's heads, transformers halves of them, which is what is compared");
  }
  forward::megatron_gpt(megatron, run, extras);
}

}  // namespace glm
