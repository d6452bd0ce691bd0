// What is what in DeepSeek's models: latent attention, in V3.2 with an indexer, and mixtures with shared experts behind dense layers.

#include <weighbridge/latent_attention_translation.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/prediction.hpp>

#include <string>

#include "generations.hpp"

namespace deepseek {

void model_equations(const Config& c, const Model& model, Generation generation) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto layers = c.integer("num_hidden_layers");
  const auto attention = mla::attention_of(c);
  const auto mixtures = mixture_layers_of(c, of(generation).first_dense);
  const ExpertMixture experts{hidden, c.integer("n_routed_experts", of(generation).experts), expert_width(c, generation),
                             shared_width(c, generation), generation != Generation::v2};

  const bool sparse = generation == Generation::v32;
  if (sparse && !attention.query_rank) throw Failure("q_lora_rank is null; the indexer of this architecture takes the latent of the queries");

  const auto block = [&](const MegatronLayer& layer, const HuggingFaceLayer& hf, bool mixture) {
    mla::attention(model, layer, hf, attention, sparse ? mla::LatentNorms::apart : mla::LatentNorms::fused);
    if (sparse) {
      layer["self_attention.core_attention"] = module_state(WB_EXTRA_ABSENT);  // none of Transformer Engine's
      mla::indexer(layer, hf, attention, indexer_of(c));
    }
    if (mixture) expert_mixture(layer, hf, experts);
    else gated_mlp(layer, hf, ffn, hidden);
    model.dropped(hf.name("self_attn.rotary_emb.inv_freq"), "computed from rope_theta; old checkpoints carry it");
  };

  const bool tied = c.flag("tie_word_embeddings");
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", layers)) block(decoder, hf, mixtures.at(index));
  for (const auto& [mtp, hf, number] : prediction_layers(c, model)) {
    // Megatron builds it like the last layer.
    if (mixtures.at(number) != mixtures.at(layers - 1))
      throw Failure("num_nextn_predict_layers: layer " + std::to_string(number) + " is not of the kind of the last layer, as Megatron makes it");
    prediction_layer(model, mtp, hf, hidden, tied ? "model.embed_tokens.weight" : "lm_head.weight");
    block(mtp.under("transformer_layer."), hf, mixtures.at(number));
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, tied, rows, hidden);
}

}  // namespace deepseek
