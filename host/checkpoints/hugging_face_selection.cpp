#include "checkpoints/hugging_face_selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>
#include <string_view>

#include "checkpoints/python_json.hpp"
#include "formats/file_tree.hpp"
#include "formats/input_file.hpp"
#include "formats/weight_index.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{64} << 20;

// The names one format goes by.
struct Naming {
  WeightFormat format;
  const char* stem;
  const char* extension;
  std::string single() const { return fmt::format("{}.{}", stem, extension); }
  std::string index() const { return single() + ".index.json"; }
};

constexpr std::array kNamings{Naming{WeightFormat::safetensors, "model", "safetensors"},
                              Naming{WeightFormat::torch, "pytorch_model", "bin"}};

Result<std::set<std::string>> names_in(const fs::path& folder) {
  const auto entries = tree::list(folder);
  if (!entries) return entries.error();
  std::set<std::string> names;
  for (const auto& entry : *entries)
    if (!entry.folder) names.insert(entry.path.filename().string());
  return names;
}

Result<WeightSelection> from_index(const fs::path& folder, const Naming& naming) {
  WeightSelection selection;
  selection.format = naming.format;
  selection.index = folder / naming.index();
  const auto text = read_whole_file(selection.index, kMaxIndexBytes);
  if (!text) return text.error();
  auto index = parse_weight_index(*text, selection.index.string());
  if (!index) return std::move(index).error();
  selection.index_metadata = std::move(index->metadata);
  std::set<std::string> files;
  for (const auto& [tensor, file] : index->weight_map) files.insert(file);
  selection.files.assign(files.begin(), files.end());
  // The reader sorts names; a second look at the text tells their order.
  const auto ordered = parse_python_json(*text, selection.index);
  if (!ordered) return ordered.error();
  for (const auto& entry : ordered->root.at("weight_map").get_object()) {
    selection.weight_map.push_back({std::string{entry.key()}, entry.value().get_string().c_str()});
  }
  if (selection.files.empty()) {
    return Error{Error::Kind::mismatch, selection.index.string(), "weight_map", "names no tensor",
                 "Download the index again"};
  }
  return selection;
}

// A set "stem-00001-of-00003.extension" without an index.
Result<WeightSelection> from_set(const fs::path& folder, const Naming& naming, const std::set<std::string>& names) {
  WeightSelection selection;
  selection.format = naming.format;
  const std::regex pattern{fmt::format(R"({}-(\d{{5}})-of-(\d{{5}})\.{})", naming.stem, naming.extension)};
  std::map<std::string, std::set<int>> members;  // count as written -> numbers
  for (const auto& name : names) {
    std::smatch match;
    if (!std::regex_match(name, match, pattern)) continue;
    members[match[2]].insert(std::stoi(match[1]));
    selection.files.push_back(name);
  }
  if (members.empty()) return selection;
  if (members.size() > 1) {
    return Error{Error::Kind::mismatch, folder.string(), selection.files.back(),
                 fmt::format("belongs to another set of shards than {}, and there is no {} to tell which counts",
                             selection.files.front(), naming.index()),
                 "Remove the shards of the stale set or restore the index"};
  }
  const auto& [count, numbers] = *members.begin();
  const int first = *numbers.begin() == 0 ? 0 : 1;
  std::vector<std::string> missing;
  // A claimed count is at most 99999.
  for (int i = first; i < first + std::stoi(count); ++i) {
    if (!numbers.contains(i))
      missing.push_back(fmt::format("{}-{:05d}-of-{}.{}", naming.stem, i, count, naming.extension));
  }
  if (!missing.empty()) {
    return Error{Error::Kind::mismatch, folder.string(), missing.front(),
                 fmt::format("{} of {} shards are missing: {}", missing.size(), std::stoi(count), name_some(missing)),
                 "Download the missing files"};
  }
  return selection;
}

bool is_loose_safetensors(const std::string& name) {
  return name.ends_with(".safetensors") && !name.starts_with("adapter_");
}

}  // namespace

Result<WeightSelection> select_weights(const fs::path& folder) {
  const auto names = names_in(folder);
  if (!names) return names.error();
  for (const auto& naming : kNamings) {
    const bool single = names->contains(naming.single());
    if (names->contains(naming.index())) {
      auto selection = from_index(folder, naming);
      if (!selection || !single || selection->files == std::vector{naming.single()}) return selection;
      return Error{
          Error::Kind::mismatch, folder.string(), naming.single(),
          fmt::format("stands beside {}, which names other files ({})", naming.index(), name_some(selection->files)),
          "Remove whichever of the two is stale"};
    }
    if (single) {
      WeightSelection selection;
      selection.format = naming.format;
      selection.files = {naming.single()};
      return selection;
    }
    auto selection = from_set(folder, naming, *names);
    if (!selection || !selection->files.empty()) return selection;
  }
  WeightSelection selection;
  std::copy_if(names->begin(), names->end(), std::back_inserter(selection.files), is_loose_safetensors);
  return selection;
}

std::vector<std::string> missing_files(const fs::path& folder, const std::vector<std::string>& files) {
  std::vector<std::string> missing;
  std::copy_if(files.begin(), files.end(), std::back_inserter(missing),
               [&](const std::string& file) { return !tree::exists(folder / file); });
  return missing;
}

Error no_weights(const fs::path& folder) {
  const auto names = names_in(folder);
  if (!names) return names.error();
  if (names->contains("adapter_config.json")) {
    return {Error::Kind::unsupported, folder.string(), "adapter_config.json", "is an adapter (LoRA), not a whole model",
            "Merge it into its base model and convert the result"};
  }
  struct Other {
    std::string_view extension;
    std::string_view format;
  };
  constexpr std::array<Other, 7> kOthers{{{".gguf", "GGUF"},
                                          {".pth", "the publisher's own"},
                                          {".msgpack", "Flax"},
                                          {".h5", "TensorFlow"},
                                          {".onnx", "ONNX"},
                                          {".bin", "an unknown .bin"},
                                          {".pt", "an unknown .pt"}}};
  for (const auto& other : kOthers) {
    for (const auto& name : *names) {
      if (!name.ends_with(other.extension)) continue;
      return {Error::Kind::unsupported, folder.string(), name,
              fmt::format("has weights only in {} format", other.format),
              "Use the model's safetensors or pytorch_model.bin files"};
    }
  }
  return {Error::Kind::mismatch, folder.string(), "model.safetensors",
          "has no weights: neither model.safetensors, model.safetensors.index.json nor pytorch_model.bin",
          "Download the model's weights into the folder"};
}

std::string name_some(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  const auto shown = std::min(kShown, names.size());
  auto text = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace weighbridge
