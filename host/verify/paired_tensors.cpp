#include "verify/paired_tensors.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace weighbridge {
namespace {

// What tensors of one side became part of a pair under another name.
struct Used {
  std::set<std::string, std::less<>> keys;                                // as a whole
  std::map<std::string, std::set<std::int64_t>, std::less<>> rows;        // of stacked keys
};

struct LayerName {
  std::string_view prefix;  // "decoder.layers."
  std::int64_t layer{};
  std::string_view rest;
};

// The `occurrence`-th way (from 0) to read a key as one of a layer; nothing if there are fewer.
std::optional<LayerName> as_layer(std::string_view key, std::size_t occurrence) {
  constexpr std::string_view kLayers = "layers.";
  for (auto at = key.find(kLayers); at != std::string_view::npos; at = key.find(kLayers, at + 1)) {
    if (at != 0 && key[at - 1] != '.') continue;
    const auto tail = key.substr(at + kLayers.size());
    std::int64_t layer = 0;
    const auto [end, error] = std::from_chars(tail.data(), tail.data() + tail.size(), layer);
    const auto digits = static_cast<std::size_t>(end - tail.data());
    if (error != std::errc{} || layer < 0 || digits >= tail.size() || tail[digits] != '.') continue;
    if (occurrence-- == 0) return LayerName{key.substr(0, at + kLayers.size()), layer, tail.substr(digits + 1)};
  }
  return {};
}

// The tensor of `coarse` that holds what `key` names in the other checkpoint; `used` learns of it.
std::optional<StoredTensor> counterpart(const std::string& key, const Catalogue& fine, const Catalogue& coarse, Used& used) {
  if (auto halves = find_live(coarse, key)) {  // gate and up apart
    used.keys.insert(key + "_w");
    used.keys.insert(key + "_v");
    return std::move(halves->tensor);
  }
  for (std::size_t i = 0; const auto name = as_layer(key, i); ++i) {
    auto live = find_live(coarse, name->prefix, name->layer, name->rest);
    if (!live || fine.tensors.contains(live->key)) continue;
    used.rows[live->key].insert(name->layer);
    return std::move(live->tensor);
  }
  return {};
}

// Pairs the keys that only `fine` has with parts of `coarse`.
void pair_parts(const Catalogue& fine, const Catalogue& coarse, Used& used_fine, Used& used_coarse,
                const std::function<void(const StoredTensor& fine, StoredTensor coarse)>& pair) {
  for (const auto& [key, tensor] : fine.tensors) {
    if (coarse.tensors.contains(key) || used_fine.keys.contains(key) || used_fine.rows.contains(key)) continue;
    if (auto found = counterpart(key, fine, coarse, used_coarse)) {
      used_fine.keys.insert(key);
      pair(tensor, std::move(*found));
    }
  }
}

// What of `side` has no partner.
void report_alone(const Catalogue& side, const Catalogue& other, const Used& used, DifferenceKind kind, std::vector<Difference>& differences) {
  for (const auto& [key, tensor] : side.tensors) {
    if (other.tensors.contains(key) || used.keys.contains(key)) continue;
    auto text = described(tensor);
    if (const auto rows = used.rows.find(key); rows != used.rows.end()) {
      const auto count = static_cast<std::int64_t>(rows->second.size());
      if (count == tensor.shape[0]) continue;
      text += fmt::format(", of which {} layers are alone", tensor.shape[0] - count);
    }
    Difference difference{};
    difference.kind = kind;
    difference.name = key;
    (kind == DifferenceKind::missing ? difference.expected : difference.actual) = std::move(text);
    differences.push_back(std::move(difference));
  }
}

// Where the number of a layer would stand in a key that stacks layers; nothing in other keys.
std::optional<std::size_t> stacks_at(std::string_view key) {
  constexpr std::string_view kLayers = "layers.";
  const auto at = key.find(kLayers);
  if (at == std::string_view::npos || (at != 0 && key[at - 1] != '.') || as_layer(key, 0)) return {};
  return at + kLayers.size();
}

}  // namespace

std::string described(const StoredTensor& tensor) {
  return fmt::format("{} {}", to_string(tensor.dtype), to_string(tensor.shape));
}

PairedTensors pair_tensors(const Catalogue& expected, const Catalogue& actual, Naming naming) {
  PairedTensors paired;
  const auto add = [&](const StoredTensor& one, StoredTensor other) {
    paired.expected.push_back(one);
    paired.actual.push_back(std::move(other));
  };
  for (const auto& [key, tensor] : expected.tensors) {
    const auto same = actual.tensors.find(key);
    if (same == actual.tensors.end()) continue;
    const auto& other = same->second;
    const auto at = naming == Naming::megatron ? stacks_at(key) : std::nullopt;
    if (!at || tensor.shape != other.shape || tensor.shape.size() < 2) {
      add(tensor, other);
      continue;
    }
    for (std::int64_t layer = 0; layer < tensor.shape[0]; ++layer) {
      auto one = leading_slice(tensor, layer), two = leading_slice(other, layer);
      one.name = two.name = fmt::format("{}{}.{}", key.substr(0, *at), layer, key.substr(*at));
      add(one, std::move(two));
    }
  }
  Used used_expected, used_actual;
  if (naming == Naming::megatron) {
    pair_parts(expected, actual, used_expected, used_actual, add);
    pair_parts(actual, expected, used_actual, used_expected, [&](const StoredTensor& one, StoredTensor other) { add(other, one); });
  }
  report_alone(expected, actual, used_expected, DifferenceKind::missing, paired.differences);
  report_alone(actual, expected, used_actual, DifferenceKind::unexpected, paired.differences);
  return paired;
}

}  // namespace weighbridge
