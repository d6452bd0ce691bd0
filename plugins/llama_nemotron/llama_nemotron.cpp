// Llama-Nemotron Super, Ultra and 51B: Llama's block, shaped layer by layer.
//
//   x + attention(norm(x)),  x + mlp(norm(x)). By block_configs, a layer's attention has a number of groups of its own, is one
//   matrix, or is left out together with its norm; its mlp has a width of its own, is one matrix, or is left out likewise.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_attention.hpp>
#include <weighbridge/forward/megatron_feed_forward.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cmath>
#include <string>

namespace {

using namespace weighbridge;

constexpr std::string_view kProvider = "megatron.bridge.models.llama_nemotron.llama_nemotron_provider.LlamaNemotronHeterogeneousProvider";
constexpr std::string_view kLayerSpec = "megatron.bridge.models.llama_nemotron.llama_nemotron_provider.heterogeneous_layer_spec";
// Megatron-Core reads the shapes of the layers from the whole config.json, which its own configuration holds.
constexpr std::string_view kConfig = "heterogeneous_layers_config_encoded_json";

// What that holds as it stands in config.json. Newer names of transformers take the place of some others.
constexpr std::string_view kKept[] = {
    "architectures", "attention_bias", "attention_dropout", "auto_map", "block_configs", "bos_token_id", "eos_token_id", "head_dim",
    "hidden_act", "hidden_size", "initializer_range", "intermediate_size", "max_position_embeddings", "mlp_bias", "model_type",
    "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "pad_token_id", "pretraining_tp", "rms_norm_eps", "rope_theta",
    "tie_word_embeddings", "use_cache", "vocab_size",
};

enum class Kind : std::uint8_t { full = 1, matrix, none };

struct Block {
  Kind attention{}, mlp{};
  std::int64_t groups{}, ffn{};  // of the full ones
};

Kind kind_of(const Config& c, const std::string& at) {
  return c.flag(at + ".no_op") ? Kind::none : c.flag(at + ".replace_with_linear") ? Kind::matrix : Kind::full;
}

std::int64_t groups_of(const Config& c, const std::string& attention) {
  if (const auto groups = c.find_integer(attention + ".num_query_groups")) return *groups;
  const auto heads = c.integer("num_attention_heads"), shared = c.integer(attention + ".n_heads_in_group");
  if (shared < 1 || heads % shared != 0)
    throw Failure(attention + ".n_heads_in_group is " + std::to_string(shared) + ", which does not divide num_attention_heads " +
                  std::to_string(heads));
  return heads / shared;
}

// Two thirds of `ffn_mult` times the hidden size, up to the next multiple of 256, where no width is stated.
std::int64_t ffn_of(const Config& c, const std::string& mlp) {
  for (const auto* width : {".ffn_hidden_size", ".intermediate_size"})
    if (const auto stated = c.find_integer(mlp + width)) return *stated;
  const auto about = 2 * c.number(mlp + ".ffn_mult") * static_cast<double>(c.integer("hidden_size")) / 3;
  if (!(about >= 1 && about < 1e12)) throw Failure(mlp + ".ffn_mult gives the mlp no possible width");
  return (static_cast<std::int64_t>(about) + 255) / 256 * 256;
}

std::string mlp_path(const Config& c, const std::string& block) { return block + (c.has(block + ".ffn") ? ".ffn" : ".mlp"); }

Block block_of(const Config& c, std::int64_t layer) {
  const auto at = Config::at("block_configs", layer), attention = at + ".attention", mlp = mlp_path(c, at);
  if (!c.has(at)) throw Failure(at + " is missing; every layer needs its block_configs entry");
  Block block{kind_of(c, attention), kind_of(c, mlp)};
  if (block.attention == Kind::full) block.groups = groups_of(c, attention);
  if (block.mlp == Kind::full) block.ffn = ffn_of(c, mlp);
  return block;
}

void attention_equations(const MegatronLayer& decoder, const HuggingFaceLayer& hf, const Block& block, std::int64_t hidden,
                         std::int64_t heads, std::int64_t width) {
  if (block.attention == Kind::none) return;
  if (block.attention == Kind::matrix) {
    decoder["self_attention.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {hidden}));
    decoder["self_attention.weight"] = column(hf("self_attn.linear_attn.weight", {hidden, hidden}));
    return;
  }
  grouped_attention(decoder, hf, {hidden, heads, block.groups, width});
}

void mlp_equations(const MegatronLayer& decoder, const HuggingFaceLayer& hf, const Block& block, std::int64_t hidden) {
  if (block.mlp == Kind::none) return;
  if (block.mlp == Kind::matrix) {
    decoder["mlp.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
    decoder["mlp.weight"] = column(hf("mlp.linear_mlp.weight", {hidden, hidden}));
    return;
  }
  gated_mlp(decoder, hf, block.ffn, hidden);
}

forward::Rotary rotary_of(const Config& c, std::int64_t width) {
  const auto rope = rope_of(c, 10000.0);
  if (rope.type != "llama3") return forward::stated_rotary(c, 10000.0, width);
  return {forward::slowed_by_wavelength(forward::frequencies_of(rope.theta, width), c.number(rope.at + ".factor"), c.number(rope.at + ".low_freq_factor"),
                                        c.number(rope.at + ".high_freq_factor"), c.number(rope.at + ".original_max_position_embeddings"))};
}

void forward_model(const Config& c, const Forward& run) {
  const auto width = head_width(c);
  const auto rotary = rotary_of(c, width);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
  forward::Attention attention{.heads = attention_heads(c), .width = width, .values = width, .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)))};
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto normed = [&](const char* name) { return forward::rms_norm(x, run.values(layer + name), norm); };
    const auto block = block_of(c, i);
    attention.groups = block.groups;
    if (block.attention == Kind::full) forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed("input_layernorm.weight"), attention, rotary));
    if (block.attention == Kind::matrix) forward::add(x, run.linear(layer + "self_attn.linear_attn.weight", normed("input_layernorm.weight")));
    if (block.mlp == Kind::full) forward::add(x, forward::separate_gated(run, layer + "mlp.", normed("post_attention_layernorm.weight")));
    if (block.mlp == Kind::matrix) forward::add(x, run.linear(layer + "mlp.linear_mlp.weight", normed("post_attention_layernorm.weight")));
    run.state(i, x);
  }
  run.logits(forward::output(run, forward::rms_norm(x, run.values("model.norm.weight"), norm), c.flag("tie_word_embeddings")));
}

// Megatron-Core's heterogeneous layers: what of a block is there says its kind, the text in the document the groups.
void forward_megatron_model(const Config& c, const Forward& run) {
  auto x = run.embedded("embedding.word_embeddings.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_layers"); ++i) {
    const auto layer = "decoder.layers." + std::to_string(i) + ".";
    const auto one_matrix = [&](const std::string& at) { return run.module(at, forward::megatron_norm(c, run, at + "layer_norm_", x)); };
    if (run.has(layer + "self_attention.linear_qkv.weight")) {
      auto attention = forward::megatron_attention(c, i);
      attention.core.groups = groups_of(c, std::string{kConfig} + "." + Config::at("block_configs", i) + ".attention");
      forward::add(x, forward::megatron_self_attention(c, run, layer, x, attention));
    } else if (run.has(layer + "self_attention.weight")) {
      forward::add(x, one_matrix(layer + "self_attention."));
    }
    if (run.has(layer + "mlp.linear_fc1.weight")) forward::add(x, forward::megatron_feed_forward(c, run, layer, i, x, {}));
    else if (run.has(layer + "mlp.weight")) forward::add(x, one_matrix(layer + "mlp."));
    run.state(i, x);
  }
  x = forward::megatron_norm(c, run, "decoder.final_layernorm.", x);
  run.logits(run.linear(c.flag("share_embeddings_and_output_weights") ? "embedding.word_embeddings.weight" : "output_layer.weight", x));
}

constexpr Field kFields[] = {
    integer_field("num_hidden_layers", "num_layers"),
    integer_field("hidden_size", "hidden_size"),
    integer_field("num_attention_heads", "num_attention_heads"),
    integer_field("vocab_size", "vocab_size"),
    integer_field("max_position_embeddings", "seq_length", 2048),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("rms_norm_eps", "layernorm_epsilon", 1e-6),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
};

constexpr double kLow = 1.0, kHigh = 4.0, kOriginal = 8192;  // Llama 3's, built into Megatron-Core

constexpr RopeScalings kRope{.theta = 10000.0, .known = "Llama-Nemotron has default and llama3", .slowed = "llama3",
                             .base = RopeScalings::Base::as_written};

// The text that Megatron-Core reads, as transformers 5 writes config.json.
void config_in_config(const Config& hf, const Config& megatron) {
  const std::string inner = std::string{kConfig} + ".";
  for (const auto field : kKept) megatron.adopt(inner + std::string{field}, field);
  megatron.set(inner + "dtype", megatron.string("params_dtype", "float32"));
  if (!megatron.adopt(inner + "rope_parameters", "rope_parameters") && (hf.has("rope_scaling") || hf.is_null("rope_scaling"))) {
    if (hf.has("rope_scaling")) megatron.adopt(inner + "rope_parameters", "rope_scaling");
    else megatron.set(inner + "rope_parameters.rope_type", "default");
    megatron.adopt(inner + "rope_parameters.rope_theta", "rope_theta");
  }
  megatron.set(inner + "transformers_version", "5.12.1");
  // Megatron-Core needs both of these, and knows widths by this name only.
  for (std::int64_t i = 0; i < hf.integer("num_hidden_layers"); ++i) {
    const auto at = Config::at("block_configs", i), mlp = mlp_path(hf, at);
    const auto lacks = [&](const std::string& field) { return !hf.has(field) && !hf.is_null(field); };
    if (lacks(at + ".attention.n_heads_in_group") && lacks(at + ".attention.num_query_groups"))
      megatron.set_null(inner + at + ".attention.n_heads_in_group");
    if (!lacks(mlp + ".ffn_mult") || !lacks(mlp + ".ffn_hidden_size")) continue;
    if (const auto width = hf.find_integer(mlp + ".intermediate_size")) megatron.set(inner + mlp + ".ffn_hidden_size", *width);
    else megatron.set_null(inner + mlp + ".ffn_mult");
  }
}

struct LlamaNemotron {
  static constexpr std::string_view id = "llama_nemotron";
  static constexpr std::string_view architectures[] = {"DeciLMForCausalLM"};
  static constexpr std::string_view model_types[] = {"nemotron-nas"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    if (!hf.has("block_configs.0"))
      throw Failure("block_configs is missing; Llama-Nemotron's layers are shaped by it, and one without is of another DeciLM");
    for (const auto* bias : {"attention_bias", "mlp_bias"})
      if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; Llama-Nemotron's layers have no biases in its equations");
    if (const auto activation = hf.string("hidden_act", "silu"); activation != "silu")
      throw Failure("hidden_act is " + activation + "; Llama-Nemotron computes with silu");
    megatron.set("_target_", kProvider);
    megatron.set("transformer_layer_spec._call_", false);
    megatron.set("transformer_layer_spec._target_", kLayerSpec);
    dense_decoder(megatron);
    weighbridge::to_megatron(kFields, hf, megatron);
    dtype_to_megatron(hf, megatron);
    megatron.set("autocast_dtype", "bfloat16");  // Megatron-Bridge's, whatever the weights are in
    for (const auto* fused : {"bias_activation_fusion", "masked_softmax_fusion", "persist_layer_norm", "bias_dropout_fusion", "apply_rope_fusion"})
      megatron.set(fused, true);
    const auto hidden = hf.integer("hidden_size"), heads = hf.integer("num_attention_heads");
    megatron.set("heterogeneous_block_specs", true);
    megatron.set("kv_channels", head_width(hf));
    megatron.set("num_query_groups", hf.integer("num_key_value_heads", heads));     // every layer has its own
    megatron.set("ffn_hidden_size", hf.integer("intermediate_size", 4 * hidden));  // likewise
    megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer("vocab_size")));
    rope_to_megatron(hf, megatron, notes, kRope);
    config_in_config(hf, megatron);
    for (std::int64_t i = 0; i < hf.integer("num_hidden_layers"); ++i)
      if (const auto window = Config::at("block_configs", i) + ".attention.window_length"; hf.has(window))
        notes(window + " is set, but Megatron-Core's layers have no window of their own: a run there computes otherwise");
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    const std::string inner = std::string{kConfig} + ".";
    for (const auto field : kKept) hf.adopt(field, inner + std::string{field});
    if (!hf.has("block_configs.0")) throw Failure(inner + "block_configs is missing from the Megatron checkpoint; give the model as --hf-model");
    weighbridge::to_hugging_face(kFields, megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.copy("rope_theta", megatron, "rotary_base");
    if (megatron.flag("rope_scaling")) {
      hf.set("rope_scaling.rope_type", "llama3");
      hf.set("rope_scaling.factor", megatron.number("rope_scaling_factor", 8.0));
      const auto text = inner + "rope_parameters.";
      hf.set("rope_scaling.low_freq_factor", megatron.number(text + "low_freq_factor", kLow));
      hf.set("rope_scaling.high_freq_factor", megatron.number(text + "high_freq_factor", kHigh));
      hf.set("rope_scaling.original_max_position_embeddings",
             static_cast<std::int64_t>(megatron.number(text + "original_max_position_embeddings", kOriginal)));
    } else {
      hf.set_null("rope_scaling");
    }
    const auto heads = attention_heads(megatron), hidden = megatron.integer("hidden_size");
    if (const auto width = megatron.integer("kv_channels", hidden / heads); width * heads != hidden) hf.set("head_dim", width);
    hf.set("hidden_act", "silu");
    hf.set("attention_bias", false);
    hf.set("mlp_bias", false);
    hf.set("auto_map.AutoConfig", "configuration_decilm.DeciLMConfig");
    hf.set("auto_map.AutoModelForCausalLM", "modeling_decilm.DeciLMForCausalLM");
  }

  static bool recognises(const Config& megatron) {
    return megatron.has(kConfig) && (names_no_builder(megatron) || is_built_by(megatron, "LlamaNemotronHeterogeneousProvider")) &&
           megatron.string("normalization", "") == "RMSNorm" && !megatron.flag("qk_layernorm");
  }

  static void forward_hugging_face(const Config& c, Forward& run) { forward_model(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward_megatron_model(megatron, run); }

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), heads = c.integer("num_attention_heads"), rows = c.integer("vocab_size");
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      const auto block = block_of(c, index);
      attention_equations(decoder, hf, block, hidden, heads, head_width(c));
      mlp_equations(decoder, hf, block, hidden);
      model.dropped(hf.name("self_attn.rotary_emb.inv_freq"), "computed from rope_theta; old checkpoints carry it");
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<LlamaNemotron>("llama_nemotron", "1.0.0"); }
