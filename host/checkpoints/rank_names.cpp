#include "checkpoints/rank_names.hpp"

#include <array>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace weighbridge {
namespace {

// "mixer.in_proj.weight.z" is a part of "mixer.in_proj.weight"; empty for what is no part.
std::string whole_of_part(std::string_view rest) {
  const auto last = rest.rfind('.');
  if (last == std::string_view::npos) return {};
  const auto whole = rest.substr(0, last);
  if (whole.ends_with(".weight") || whole.ends_with(".bias")) return std::string{whole};
  return {};
}

// Mamba's convolution is no module of its own any more; its parameters are attributes of the mixer.
std::string attribute_of_mixer(std::string name) {
  for (const auto& [module, attribute] : {std::pair{"mixer.conv1d.weight", "mixer.conv1d_weight"}, {"mixer.conv1d.bias", "mixer.conv1d_bias"}})
    if (const std::string_view from{module}; name.ends_with(from)) name.replace(name.size() - from.size(), from.size(), attribute);
  return name;
}

struct Renaming {
  std::string_view fused, local;
};
constexpr std::array kLocal{
    Renaming{"self_attention.linear_qkv.layer_norm_weight", "input_layernorm.weight"},
    Renaming{"self_attention.linear_qkv.layer_norm_bias", "input_layernorm.bias"},
    Renaming{"self_attention.linear_q_up_proj.layer_norm_weight", "self_attention.q_layernorm.weight"},
    Renaming{"self_attention.linear_kv_up_proj.layer_norm_weight", "self_attention.kv_layernorm.weight"},
    Renaming{"mlp.linear_fc1.layer_norm_weight", "pre_mlp_layernorm.weight"},
    Renaming{"mlp.linear_fc1.layer_norm_bias", "pre_mlp_layernorm.bias"},
};

}  // namespace

std::string live_rest(std::string_view prefix, std::string_view rest) {
  constexpr std::string_view kStored = "transformer_layer.", kLive = "mtp_model_layer.";
  if (prefix.ends_with("mtp.layers.") && rest.starts_with(kStored)) return std::string{kLive} + std::string{rest.substr(kStored.size())};
  return std::string{rest};
}

std::string local_rest(std::string_view rest, std::optional<std::int64_t> expert) {
  constexpr std::string_view kExperts = "experts.";
  std::string name{rest};
  if (expert) {
    if (const auto at = name.rfind(kExperts); at != std::string::npos) name.insert(at + kExperts.size(), fmt::format("local_experts.{}.", *expert));
    return name;
  }
  for (const auto& [fused, local] : kLocal)
    if (name.ends_with(fused) && (name.size() == fused.size() || name[name.size() - fused.size() - 1] == '.')) {
      name.replace(name.size() - fused.size(), fused.size(), local);
      return name;
    }
  return name;
}

std::vector<RankParameter> rank_parameters(const std::vector<LiveParameter>& parameters) {
  std::vector<RankParameter> made;
  std::map<std::tuple<std::string, std::int64_t, std::string>, std::size_t> fused;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& parameter = parameters[i];
    const auto layer = parameter.live_layer.value_or(parameter.layer);
    const auto name = live_rest(parameter.prefix, parameter.live_rest.empty() ? parameter.rest : parameter.live_rest);
    auto whole = whole_of_part(name);
    const bool part = !whole.empty();
    if (part) {
      whole = attribute_of_mixer(std::move(whole));
      const auto [entry, fresh] = fused.try_emplace({parameter.prefix, layer, whole}, made.size());
      if (!fresh) {
        auto& joined = made[entry->second];
        joined.members.push_back({i, joined.shape[0]});
        joined.shape[0] += parameter.shape[0];
        if (joined.cut && parameter.cut) joined.cut->parts.insert(joined.cut->parts.end(), parameter.cut->parts.begin(), parameter.cut->parts.end());
        continue;
      }
    }
    made.push_back({parameter.prefix, layer, part ? whole : name, parameter.dtype, parameter.shape, parameter.cut, parameter.extra_state,
                    parameter.expert, parameter.experts, parameter.vocabulary, parameter.padded, {{i, 0}}});
  }
  return made;
}

}  // namespace weighbridge
