// Tensors that are missing, too many, of another type or shape; configurations that mean another model.

#include <utility>

#include "mutations/mutation.hpp"

namespace weighbridge::test {
namespace {

const std::string kQuery = "model.layers.0.self_attn.q_proj.weight";

Mutation changed(std::string what, std::string model, std::string kind, std::string name, std::string cause, std::function<void(ModelFolder&)> change) {
  return {std::move(what), std::move(model), Spoilt::hugging_face, std::move(change), {}, std::move(kind), std::move(name), std::move(cause)};
}

// A field of config.json, by its dotted path.
Mutation field(std::string what, std::string model, const std::string& path, boost::json::value value, std::string kind, std::string name, std::string cause = {}) {
  return changed(std::move(what), std::move(model), std::move(kind), std::move(name), std::move(cause), [path, value = std::move(value)](ModelFolder& m) {
    const auto dot = path.find('.');
    auto& object = dot == std::string::npos ? m.config : m.config.at(path.substr(0, dot)).as_object();
    object[path.substr(dot + 1)] = value;
  });
}

void add_tensors(std::vector<Mutation>& all) {
  all.push_back(changed("a tensor missing", "llama3", "missing", "model.norm.weight", "config.json says that the model has it", [](auto& m) { m.tensors.erase("model.norm.weight"); }));
  all.push_back(changed("a tensor too many", "llama3", "unexpected", "model.layers.0.extra.weight", "no equation of the family uses it",
                        [](auto& m) { m.tensors["model.layers.0.extra.weight"] = m[kQuery]; }));
  all.push_back(changed("a tensor renamed", "llama3", "unexpected", "model.layers.0.attn.q_proj.weight", "no equation", [](auto& m) {
    m.tensors["model.layers.0.attn.q_proj.weight"] = m[kQuery];
    m.tensors.erase(kQuery);
  }));
  all.push_back(changed("a tensor of another shape", "llama3", "shape", kQuery, "not of one model", [](auto& m) { m[kQuery].shape = {8, 32}; }));
  all.push_back(changed("a tied copy that differs", "llama3-tied", "copy", "lm_head.weight", "the configuration ties it", [](auto& m) {
    m.tensors["lm_head.weight"] = m["model.embed_tokens.weight"];
    m["lm_head.weight"].bytes[5] ^= 1;
  }));
  Mutation narrow{"a float32 model rounded to BF16", "llama3", Spoilt::converted, {}, {}, "bits", "decoder.layers.0.mlp.linear_fc2.weight", "it is rounded to BF16"};
  narrow.change = [](ModelFolder& m) { change(m["model.layers.0.mlp.down_proj.weight"], [](float x, std::size_t) { return rounded(x, 7); }); };
  all.push_back(std::move(narrow));
  Mutation half{"a float32 model rounded to FP16", "llama3", Spoilt::converted, {}, {}, "bits", "decoder.layers.0.mlp.linear_fc2.weight", "it is rounded to FP16"};
  half.change = [](ModelFolder& m) { change(m["model.layers.0.mlp.down_proj.weight"], [](float x, std::size_t) { return rounded(x, 10); }); };
  all.push_back(std::move(half));
  Mutation rows{"the end of the vocabulary missing", "llama3", Spoilt::converted, {}, {}, "shape", "embedding.word_embeddings.weight", "the last 4 of 40 vocabulary rows are missing"};
  rows.change = [](ModelFolder& m) {
    m.config["vocab_size"] = 36;
    for (const auto* name : {"model.embed_tokens.weight", "lm_head.weight"}) m[name] = rows_of(m[name], 0, 36);
  };
  all.push_back(std::move(rows));
  Mutation transpose{"a matrix transposed, with its shape", "llama3", Spoilt::converted, {}, {}, "shape", "decoder.layers.0.mlp.linear_fc2.weight", ""};
  transpose.change = [](ModelFolder& m) {  // of a model that is otherwise the same but for its width
    m.config["intermediate_size"] = 16;
    for (auto& [name, tensor] : m.tensors) {
      if (name.find("gate_proj") != std::string::npos || name.find("up_proj") != std::string::npos) tensor = rows_of(tensor, 0, 16);
      if (name.find("down_proj") != std::string::npos) tensor = transposed(rows_of(transposed(tensor), 0, 16));
    }
  };
  all.push_back(std::move(transpose));
}

void add_fields(std::vector<Mutation>& all) {
  all.push_back(field("rope theta", "llama3", "rope_theta", 10000.0, "config", "rotary_base", "rope theta"));
  all.push_back(field("rope scaling factor", "llama3", "rope_scaling.factor", 32.0, "config", "rope_scaling_factor", "rope scaling factor"));
  all.push_back(field("rope scaling dropped", "llama3", "rope_scaling", nullptr, "config", "rope_scaling", "rope scaling by frequency"));
  all.push_back(field("norm epsilon", "llama3", "rms_norm_eps", 1e-6, "config", "layernorm_epsilon", "norm epsilon"));
  all.push_back(field("vocabulary", "llama3", "vocab_size", 48, "config", "vocab_size", "vocabulary"));
  all.push_back(field("one layer fewer", "llama3", "num_hidden_layers", 1, "unexpected", "model.layers.1.", "no equation"));
  all.push_back(field("one layer more", "llama3", "num_hidden_layers", 3, "missing", "model.layers.2.", "config.json says"));
  all.push_back(field("number of key and value heads", "llama3", "num_key_value_heads", 4, "shape", "k_proj", "config.json and the Hugging Face weights"));
  all.push_back(field("head width", "llama3", "head_dim", 8, "shape", "q_proj", "config.json and the Hugging Face weights"));
  all.push_back(field("embeddings said to be tied", "llama3", "tie_word_embeddings", true, "copy", "lm_head.weight", "the configuration ties it"));
  all.push_back(field("attention said to have biases", "llama3", "attention_bias", true, "error", "attention_bias", "mlp_bias"));
  all.push_back(field("another activation", "llama3", "hidden_act", "gelu", "error", "hidden_act is gelu", "silu"));
  all.push_back(field("another architecture", "llama3", "architectures", boost::json::array{"NoSuchForCausalLM"}, "error", "NoSuchForCausalLM", "no plugin knows"));
  all.push_back(field("end of text", "llama3", "eos_token_id", 7, "config", "eos_token_id", ""));
  all.push_back(field("sliding window", "mistral", "sliding_window", 12, "config", "window_size", "sliding window"));
  all.push_back(field("no sliding window", "mistral", "sliding_window", nullptr, "config", "window_size", "sliding window"));
  all.push_back(field("experts a token", "qwen3-moe", "num_experts_per_tok", 1, "config", "moe_router_topk", "experts a token"));
  all.push_back(field("number of experts", "qwen3-moe", "num_experts", 2, "unexpected", "mlp.experts.2", "no equation"));
  all.push_back(field("width of an expert", "qwen3-moe", "moe_intermediate_size", 14, "config", "moe_ffn_hidden_size", "width of an expert"));
  all.push_back(field("factor of routed experts", "deepseek-v3", "routed_scaling_factor", 1.5, "config", "moe_router_topk_scaling_factor", "factor of routed experts"));
  all.push_back(field("dense layers before experts", "deepseek-v3", "first_k_dense_replace", 2, "config", "moe_layer_freq", ""));
  all.push_back(field("groups of experts", "deepseek-v3", "n_group", 4, "config", "moe_router_num_groups", ""));
  all.push_back(field("query rank", "deepseek-v3", "q_lora_rank", 20, "config", "q_lora_rank", ""));
  all.push_back(field("part of the head that is rotated", "deepseek-v3", "qk_rope_head_dim", 6, "config", "qk_pos_emb_head_dim", ""));
  all.push_back(field("scale of the softmax", "gemma3", "query_pre_attn_scalar", 64, "config", "softmax_scale", ""));
  all.push_back(field("local rope theta", "gemma3", "rope_local_base_freq", 20000.0, "config", "rotary_base", "rope theta"));
}

}  // namespace

std::vector<Mutation> model_mutations() {
  std::vector<Mutation> all;
  add_tensors(all);
  add_fields(all);
  return all;
}

}  // namespace weighbridge::test
