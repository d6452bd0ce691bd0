#include "geometry.hpp"

#include <string>

namespace qwen_next {

using weighbridge::Config;
using weighbridge::Failure;

namespace {

constexpr std::int64_t kMostLayers = 10'000;  // more is a fault of the file, and would be looked at one by one

void refuse_uncovered(const Config& hf, const Generation& generation, const Geometry& g) {
  if (g.layers < 1 || g.layers > kMostLayers) throw Failure("num_hidden_layers is " + std::to_string(g.layers));
  if (const auto activation = hf.string("hidden_act", "silu"); activation != "silu")
    throw Failure("hidden_act is " + activation + "; this family computes with silu");
  if (hf.flag("attention_bias")) throw Failure("attention_bias is true; the equations of this family have no biases");
  if (!hf.flag("attn_output_gate", true)) throw Failure("attn_output_gate is false; this family's attention is gated");
  if (hf.flag("mtp_use_dedicated_embeddings"))
    throw Failure("mtp_use_dedicated_embeddings is true; Megatron's prediction layers share the model's embedding");
  if (const auto types = hf.find_count("layer_types"); types && *types != g.layers)
    throw Failure("layer_types names " + std::to_string(*types) + " layers; num_hidden_layers is " + std::to_string(g.layers));
  if (hf.integer("full_attention_interval", 4) < 1) throw Failure("full_attention_interval is less than 1");
  if (g.groups < 1 || g.heads % g.groups != 0) throw Failure("num_key_value_heads does not divide num_attention_heads");
  if (g.key_heads < 1 || g.value_heads % g.key_heads != 0)
    throw Failure("linear_num_key_heads does not divide linear_num_value_heads");
  if (generation.experts == 0) return;
  if (g.experts < 1) throw Failure("num_experts is " + std::to_string(g.experts) + "; this family has at least one expert");
  if (g.shared_width < 1) throw Failure("shared_expert_intermediate_size is 0; this family has a shared expert");
  if (hf.integer("decoder_sparse_step", 1) < 1) throw Failure("decoder_sparse_step is less than 1");
}

}  // namespace

Geometry geometry_of(const Config& hf, const Generation& generation) {
  const bool sparse = generation.experts > 0;
  const Geometry g{
      hf.integer("num_hidden_layers", generation.layers),
      hf.integer("hidden_size", generation.hidden),
      hf.integer("vocab_size", generation.rows),
      hf.integer("num_attention_heads", 16),
      hf.integer("num_key_value_heads", generation.groups),
      hf.integer("head_dim", 256),
      hf.integer("linear_num_key_heads", 16),
      hf.integer("linear_num_value_heads", 32),
      hf.integer("linear_key_head_dim", 128),
      hf.integer("linear_value_head_dim", 128),
      hf.integer("linear_conv_kernel_dim", 4),
      hf.integer("intermediate_size", generation.ffn),
      sparse ? hf.integer("num_experts", hf.integer("num_local_experts", generation.experts)) : 0,
      sparse ? hf.integer("moe_intermediate_size", 512) : 0,
      sparse ? hf.integer("shared_expert_intermediate_size", 512) : 0,
  };
  refuse_uncovered(hf, generation, g);
  return g;
}

bool is_linear(const Config& hf, std::int64_t index) {
  if (!hf.find_count("layer_types")) return (index + 1) % hf.integer("full_attention_interval", 4) != 0;
  const auto type = hf.string(Config::at("layer_types", index), "");
  if (type == "linear_attention") return true;
  if (type == "full_attention") return false;
  throw Failure("layer_types names a layer " + type + "; this family has linear_attention and full_attention");
}

bool is_sparse(const Config& hf, const Generation& generation, std::int64_t index) {
  if (!generation.next) return generation.experts > 0;
  for (std::int64_t i = 0; i < hf.find_count("mlp_only_layers").value_or(0); ++i)
    if (hf.integer(Config::at("mlp_only_layers", i)) == index) return false;
  return (index + 1) % hf.integer("decoder_sparse_step", 1) == 0;
}

std::int64_t stated_predictions(const Config& hf) {
  return hf.integer("num_nextn_predict_layers", hf.integer("mtp_num_hidden_layers", 0));
}

}  // namespace qwen_next
