#include "checkpoints/hugging_face_shards.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace weighbridge {
namespace {

using Positions = std::vector<std::size_t>;

std::string numbered(std::string_view stem, std::size_t number, std::size_t count) {
  return fmt::format("{}-{:05d}-of-{:05d}.safetensors", stem, number, count);
}

// "model" of "model-00001-of-00003.safetensors"; nothing for a name of another form.
std::optional<std::string> stem_of_numbered(std::string_view file) {
  constexpr std::string_view kForm = "-00000-of-00000.safetensors";
  if (file.size() <= kForm.size()) return std::nullopt;
  const auto tail = file.substr(file.size() - kForm.size());
  const bool matches = std::equal(tail.begin(), tail.end(), kForm.begin(), [](char found, char form) {
    return form == '0' ? found >= '0' && found <= '9' : found == form;
  });
  if (!matches) return std::nullopt;
  return std::string{file.substr(0, file.size() - kForm.size())};
}

// huggingface_hub's split_torch_state_dict_into_shards.
std::vector<Positions> split(const std::vector<SizedTensor>& tensors, const Positions& positions, std::uint64_t limit) {
  std::vector<Positions> shards;
  Positions current;
  std::uint64_t current_bytes = 0;
  for (const auto at : positions) {
    const auto bytes = tensors[at].bytes;
    if (bytes > limit) {
      shards.push_back({at});  // the shard under way stays open, and comes later
      continue;
    }
    if (bytes > limit - current_bytes) {
      shards.push_back(std::exchange(current, {}));
      current_bytes = 0;
    }
    current.push_back(at);
    current_bytes += bytes;
  }
  if (!current.empty()) shards.push_back(std::move(current));
  return shards;
}

// Tensors by reference file, and those that the reference does not place.
struct Placement {
  std::map<std::string, Positions> files;  // every file of the reference, empty ones too
  Positions surplus;
};

Placement place(const std::vector<SizedTensor>& tensors, const ReferenceShards& reference, std::uint64_t limit) {
  std::map<std::string_view, std::string> listed;
  Placement placement;
  for (const auto& [tensor, file] : reference.weight_map) {
    auto name = safetensors_name(file);
    placement.files.try_emplace(name);
    listed.emplace(tensor, std::move(name));
  }
  std::map<std::string, std::uint64_t> bytes;
  const std::string* first = nullptr;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto at = listed.find(tensors[i].name);
    if (at == listed.end()) continue;
    placement.files[at->second].push_back(i);
    bytes[at->second] += tensors[i].bytes;
    if (!first) first = &at->second;
  }
  const std::string* nearest = first;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (const auto at = listed.find(tensors[i].name); at != listed.end()) {
      nearest = &at->second;
    } else if (auto& held = bytes[*nearest]; held <= limit && tensors[i].bytes <= limit - held) {
      placement.files[*nearest].push_back(i);
      held += tensors[i].bytes;
    } else {
      placement.surplus.push_back(i);
    }
  }
  for (auto& [file, positions] : placement.files) std::sort(positions.begin(), positions.end());
  return placement;
}

}  // namespace

std::string safetensors_name(const std::string& reference_file) {
  constexpr std::string_view kExtension = ".safetensors", kTorchExtension = ".bin", kTorchStem = "pytorch_model";
  if (reference_file.ends_with(kExtension)) return reference_file;
  auto name = reference_file;
  if (name.ends_with(kTorchExtension)) name.resize(name.size() - kTorchExtension.size());
  const auto slash = name.rfind('/');
  const auto base = slash == std::string::npos ? 0 : slash + 1;
  if (std::string_view{name}.substr(base).starts_with(kTorchStem)) name.replace(base, kTorchStem.size(), "model");
  return name.append(kExtension);
}

std::vector<Shard> split_by_size(const std::vector<SizedTensor>& tensors, std::uint64_t max_shard_size) {
  Positions all(tensors.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  auto parts = split(tensors, all, max_shard_size);
  std::vector<Shard> shards;
  for (auto& part : parts) {
    auto name = parts.size() == 1 ? "model.safetensors" : numbered("model", shards.size() + 1, parts.size());
    shards.push_back({std::move(name), std::move(part)});
  }
  return shards;
}

std::vector<Shard> split_by_reference(const std::vector<SizedTensor>& tensors, const ReferenceShards& reference,
                                      std::uint64_t max_shard_size) {
  auto placement = place(tensors, reference, max_shard_size);
  std::set<std::string> changed;  // stems of numbered sets that lose or gain a file
  std::string main_stem;          // of the set that surplus files join
  std::vector<Shard> shards;
  for (auto& [file, positions] : placement.files) {
    const auto stem = stem_of_numbered(file);
    if (stem && main_stem.empty()) main_stem = *stem;
    if (!positions.empty()) {
      shards.push_back({file, std::move(positions)});
    } else if (stem) {
      changed.insert(*stem);
    }
  }
  if (!placement.surplus.empty()) {
    if (main_stem.empty()) {
      main_stem = "model";
      // A lone model.safetensors that grows becomes the first of a set.
      for (auto& shard : shards) {
        if (shard.file == "model.safetensors") shard.file = numbered(main_stem, 0, 0);
      }
    }
    changed.insert(main_stem);
    for (auto& part : split(tensors, placement.surplus, max_shard_size)) {
      shards.push_back({numbered(main_stem, 0, 0), std::move(part)});
    }
  }
  for (const auto& stem : changed) {
    std::vector<Shard*> members;
    for (auto& shard : shards) {
      if (stem_of_numbered(shard.file) == stem) members.push_back(&shard);
    }
    const bool alone = members.size() == 1 && shards.size() == 1 && stem == "model";
    for (std::size_t i = 0; i < members.size(); ++i) {
      members[i]->file = alone ? "model.safetensors" : numbered(stem, i + 1, members.size());
    }
  }
  return shards;
}

}  // namespace weighbridge
