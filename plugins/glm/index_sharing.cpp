#include "index_sharing.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace glm {

using weighbridge::Config;
using weighbridge::Failure;

namespace {

// By layer, true where it has an indexer; nothing where config.json neither lists nor draws them.
std::optional<std::vector<bool>> listed_indexers(const Config& hf, std::int64_t layers) {
  std::vector<bool> result;
  std::string field = "indexer_types";
  if (hf.has("indexer_types")) {
    const auto count = hf.find_count(field).value_or(0);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto type = hf.string(Config::at(field, i), "");
      if (type != "full" && type != "shared") throw Failure("indexer_types names a layer " + type + "; there are full and shared ones");
      result.push_back(type == "full");
    }
  } else if (hf.has("index_topk_pattern")) {
    field = "index_topk_pattern";
    for (const auto letter : hf.string(field, "")) {
      if (letter != 'F' && letter != 'S') throw Failure("index_topk_pattern has a letter " + std::string{letter} + "; there are F and S");
      result.push_back(letter == 'F');
    }
  } else {
    return std::nullopt;
  }
  if (static_cast<std::int64_t>(result.size()) != layers)
    throw Failure(field + " names " + std::to_string(result.size()) + " layers; num_hidden_layers is " + std::to_string(layers));
  return result;
}

bool gives(const IndexSharing& sharing, const std::vector<bool>& indexers) {
  for (std::size_t i = 0; i < indexers.size(); ++i)
    if (sharing.has_indexer(static_cast<std::int64_t>(i)) != indexers[i]) return false;
  return true;
}

// Of layers that have one and then take turns.
IndexSharing counted(const std::vector<bool>& indexers) {
  const auto shared = std::ranges::find(indexers, false);
  if (shared == indexers.end()) return {};
  const auto next = std::find(shared, indexers.end(), true);
  const auto offset = shared - indexers.begin();
  return {next - shared + 1, offset};
}

}  // namespace

bool IndexSharing::has_indexer(std::int64_t layer) const {
  return std::max<std::int64_t>(layer + 1 - std::max<std::int64_t>(offset, 1), 0) % period == 0;
}

IndexSharing index_sharing_of(const Config& hf, std::int64_t layers) {
  IndexSharing stated{std::max<std::int64_t>(hf.integer("index_topk_freq", 1), 1), 0};
  // transformers' default of the offset, which without sharing says nothing.
  stated.offset = hf.integer("index_skip_topk_offset", stated.period > 1 ? 2 : 0);
  const auto listed = listed_indexers(hf, layers);
  if (!listed) {
    if (stated.period > 1 && stated.offset < 1)
      throw Failure("index_skip_topk_offset is " + std::to_string(stated.offset) + "; the first layer would have no tokens to share");
    return stated;
  }
  if (gives(stated, *listed)) return stated;
  if (!listed->empty() && !listed->front()) throw Failure("the first layer's indexer is shared, but no layer before it has selected tokens");
  const auto found = counted(*listed);
  if (!gives(found, *listed))
    throw Failure("the layers with an indexer of their own follow each other irregularly; Megatron-Core counts them by dsa_indexer_topk_freq");
  return found;
}

void index_sharing_to_megatron(const IndexSharing& sharing, const Config& megatron) {
  megatron.set("dsa_indexer_topk_freq", sharing.period);
  megatron.set("dsa_indexer_skip_topk_offset", sharing.offset);
}

void index_sharing_to_hugging_face(const Config& megatron, const Config& hf) {
  const IndexSharing sharing{std::max<std::int64_t>(megatron.integer("dsa_indexer_topk_freq", 1), 1), megatron.integer("dsa_indexer_skip_topk_offset", 0)};
  hf.set("index_topk_freq", sharing.period);
  if (sharing.offset > 0 || sharing.period > 1) hf.set("index_skip_topk_offset", std::max<std::int64_t>(sharing.offset, 1));
  hf.set_list("indexer_types");
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    hf.set(Config::at("indexer_types", i), sharing.has_indexer(i) ? "full" : "shared");
}

}  // namespace glm
