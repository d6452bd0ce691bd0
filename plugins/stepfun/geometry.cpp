#include "geometry.hpp"

#include <algorithm>
#include <cstdlib>

namespace stepfun {
namespace {

using weighbridge::Failure;

std::int64_t either(const Config& hf, std::string_view name, std::string_view other, std::int64_t otherwise) {
  return hf.integer(hf.has(name) ? name : other, otherwise);
}

// "3,4,5" or [3, 4, 5] where moe_layers_enum stands; newer files list the kind of every layer. Published: from layer 3 on.
std::vector<bool> mixtures_of(const Config& hf, std::int64_t layers) {
  std::vector<bool> mixtures(static_cast<std::size_t>(layers));
  const auto mark = [&](std::int64_t layer) {
    if (layer >= 0 && layer < layers) mixtures[static_cast<std::size_t>(layer)] = true;
  };
  if (hf.is_text("moe_layers_enum")) {
    const auto text = hf.string("moe_layers_enum", "");
    if (text.find_first_not_of("0123456789, ") != std::string::npos)
      throw Failure("moe_layers_enum is " + text + "; layer numbers and commas are expected");
    for (std::size_t at = 0; at < text.size(); at = std::min(text.find(',', at), text.size() - 1) + 1)
      if (text[at] != ',') mark(std::strtoll(text.c_str() + at, nullptr, 10));
  } else if (const auto count = hf.find_count("moe_layers_enum")) {
    for (std::int64_t i = 0; i < *count; ++i) mark(hf.integer(Config::at("moe_layers_enum", i)));
  } else if (const auto kinds = hf.find_count("mlp_layer_types")) {
    for (std::int64_t i = 0; i < *kinds; ++i)
      if (hf.string(Config::at("mlp_layer_types", i), "") == "sparse") mark(i);
  } else {
    for (std::int64_t i = 3; i < layers; ++i) mark(i);
  }
  return mixtures;
}

bool is_window(const Config& hf, const std::string& at) {
  const auto kind = hf.string(at, "full_attention");
  if (kind != "full_attention" && kind != "sliding_attention")
    throw Failure(at + " is " + kind + "; Step-3.5 has full_attention and sliding_attention");
  return kind == "sliding_attention";
}

}  // namespace

Geometry geometry_of(const Config& hf, std::int64_t predictions) {
  Geometry g;
  g.hidden = hf.integer("hidden_size", 4096);
  g.ffn = hf.integer("intermediate_size", 11264);
  g.experts = either(hf, "moe_num_experts", "n_routed_experts", 288);
  g.chosen = either(hf, "moe_top_k", "num_experts_per_tok", 8);
  g.expert_width = hf.integer("moe_intermediate_size", 1280);
  g.shared_width = either(hf, "share_expert_dim", "share_expert_dims", 1280);
  g.everywhere = {hf.integer("num_attention_heads", 64), either(hf, "num_attention_groups", "num_key_value_heads", 8), hf.integer("head_dim", 128)};
  const std::string other = "attention_other_setting.";
  if (const auto kind = hf.string(other + "attention_type", "sliding_attention"); kind != "sliding_attention")
    throw Failure(other + "attention_type is " + kind + "; it is the layers of sliding_attention that have heads of their own");
  g.window = {hf.integer(other + "num_attention_heads", hf.integer("num_sliding_attention_heads", g.everywhere.count)),
              hf.integer(other + "num_attention_groups", g.everywhere.groups), hf.integer(other + "head_dim", g.everywhere.width)};

  const auto layers = layers_of(hf);
  const auto mixtures = mixtures_of(hf, layers);
  g.types_stated = hf.has("layer_types");
  for (std::int64_t i = 0; i < layers; ++i)
    g.layers.push_back({is_window(hf, Config::at("layer_types", i)), mixtures[static_cast<std::size_t>(i)]});
  for (std::int64_t k = 0; k < predictions; ++k) {
    const bool behind = hf.has(Config::at("layer_types", layers + k));  // published files list them behind the others
    g.predictions.push_back({is_window(hf, behind ? Config::at("layer_types", layers + k) : Config::at("mtp_layer_types", k)), false});
  }
  return g;
}

std::optional<std::int64_t> predictions_of(const Config& hf) {
  if (!hf.has_source()) return hf.find_integer("num_nextn_predict_layers");
  const auto layers = layers_of(hf);
  std::int64_t count = 0;
  while (hf.source_has("model.layers." + std::to_string(layers + count) + ".eh_proj.weight")) ++count;
  return count;
}

bool has_head_norms(const Config& hf) { return hf.flag("use_qk_norm", hf.source_has("model.layers.0.self_attn.q_norm.weight")); }

bool has_router_bias(const Config& hf, const Geometry& geometry) {
  const auto first = std::ranges::find(geometry.layers, true, &Layer::mixture) - geometry.layers.begin();
  return hf.flag("use_moe_router_bias", hf.source_has("model.layers." + std::to_string(first) + ".moe.router_bias"));
}

}  // namespace stepfun
