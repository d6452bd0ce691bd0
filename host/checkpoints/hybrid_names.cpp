#include "checkpoints/hybrid_names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoints/megatron_document.hpp"
#include "checkpoints/model_placement.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kPattern = "hybrid_layer_pattern";
constexpr std::string_view kProvider = "megatron.bridge.models.hybrid.hybrid_provider.HybridModelProvider";

struct Layers {
  std::vector<std::int64_t> attention, feed_forward;  // numbers in the hybrid stack
  std::int64_t count{};
};

std::optional<Layers> layers_of(std::string_view pattern) {
  Layers layers;
  for (const auto symbol : pattern) {
    if (symbol == '|') continue;
    if (symbol == '*') layers.attention.push_back(layers.count);
    else if (symbol == '-' || symbol == 'E') layers.feed_forward.push_back(layers.count);
    else return {};
    ++layers.count;
  }
  if (layers.attention.empty() || layers.attention.size() != layers.feed_forward.size()) return {};
  return layers;
}

bool is_attention(std::string_view rest) { return rest.starts_with("self_attention.") || rest.starts_with("input_layernorm."); }
bool is_feed_forward(std::string_view rest) { return rest.starts_with("mlp.") || rest.starts_with("pre_mlp_layernorm."); }

// Of a parameter or module: the same members by other types.
template <class Named>
Status rename(const Layers& layers, const std::string& backbone, Named& named) {
  if (named.prefix.empty()) {
    const auto from = backbone + "decoder.final_layernorm";
    if (named.rest.starts_with(from)) named.rest.replace(0, from.size(), backbone + "decoder.final_norm");
    return done();
  }
  if (named.prefix != backbone + "decoder.layers.") return done();
  const auto& numbers = is_attention(named.rest) ? layers.attention : layers.feed_forward;
  if (!is_attention(named.rest) && !is_feed_forward(named.rest))
    return Error{Error::Kind::unsupported, {}, named.rest, "belongs to neither an attention nor a feed-forward layer of a hybrid model", "Keep the model a GPT model"};
  if (named.layer >= static_cast<std::int64_t>(numbers.size()))
    return Error{Error::Kind::mismatch, {}, std::string{kPattern}, fmt::format("has {} layers of a kind; the model has layer {}", numbers.size(), named.layer),
                 "Give the configuration that belongs to these weights"};
  named.layer = numbers[static_cast<std::size_t>(named.layer)];
  named.layers = layers.count;
  return done();
}

Result<Layers> needed(std::string_view pattern) {
  auto layers = layers_of(pattern);
  if (!layers)
    return Error{Error::Kind::unsupported, {}, std::string{kPattern}, fmt::format("'{}' is no pattern of attention and feed-forward layers, as many of each", pattern),
                 "Keep the model a hybrid model"};
  return *std::move(layers);
}

}  // namespace

std::optional<boost::json::object> gpt_document(const boost::json::object& hybrid) {
  const auto layers = layers_of(string_field(hybrid, kPattern).value_or(""));
  if (!layers) return {};
  auto document = hybrid;
  for (const auto* name : {"hybrid_layer_pattern", "is_hybrid_model", "hybrid_stack_spec", "_target_"}) document.erase(name);
  document["num_layers"] = static_cast<std::int64_t>(layers->attention.size());
  return document;
}

Result<boost::json::object> hybrid_document(const boost::json::object& gpt, const std::vector<LiveParameter>& parameters) {
  const auto unsupported = [](std::string subject, std::string problem) {
    return Error{Error::Kind::unsupported, {}, std::move(subject), std::move(problem), "Keep the model a GPT model"};
  };
  if (flag_field(gpt, "rope_scaling")) return unsupported("rope_scaling", "is set, and Megatron-Core's hybrid model knows no scaled rotary embeddings");
  if (integer_field(gpt, "mtp_num_layers").value_or(0) > 0) return unsupported("mtp_num_layers", "is set, and prediction layers of a GPT model are none of a hybrid model");
  const auto backbone = backbone_of(parameters);
  if (!backbone.empty()) return unsupported("model class", "a model with encoders is no hybrid model");
  const auto layers = integer_field(gpt, "num_layers").value_or(0);
  std::vector<bool> experts(static_cast<std::size_t>(std::max<std::int64_t>(layers, 0)));
  for (const auto& parameter : parameters)
    if (parameter.experts > 0 && parameter.prefix == "decoder.layers." && parameter.layer < layers) experts[static_cast<std::size_t>(parameter.layer)] = true;
  std::string pattern;
  for (const bool expert : experts) pattern += expert ? "*E" : "*-";
  auto document = gpt;
  for (const auto* name : {"transformer_layer_spec", "moe_layer_freq"}) document.erase(name);
  document[kPattern] = pattern;
  document["is_hybrid_model"] = true;
  document["num_layers"] = 2 * layers;
  document["_target_"] = kProvider;
  return document;
}

Status name_as_hybrid(std::string_view pattern, std::vector<LiveParameter>& parameters) {
  const auto layers = needed(pattern);
  if (!layers) return layers.error();
  const auto backbone = backbone_of(parameters);
  for (auto& parameter : parameters) {
    if (parameter.live_layer) return Error{Error::Kind::unsupported, {}, parameter.rest, "is kept by kinds of layers, which no hybrid model has", "Keep the model a GPT model"};
    if (auto status = rename(*layers, backbone, parameter); !status) return status;
  }
  return done();
}

Status name_as_hybrid(std::string_view pattern, const std::string& backbone, std::vector<LiveModule>& modules) {
  const auto layers = needed(pattern);
  if (!layers) return layers.error();
  for (auto& module : modules)
    if (auto status = rename(*layers, backbone, module); !status) return status;
  modules.push_back({{}, 0, 0, "output_layer", ExtraState::none, 0, 0});  // which a GPT model leaves out of torch_dist
  return done();
}

}  // namespace weighbridge
