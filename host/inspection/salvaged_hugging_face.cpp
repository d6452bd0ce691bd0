#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "checkpoints/hugging_face_selection.hpp"
#include "checkpoints/hugging_face_weight_file.hpp"
#include "formats/file_tree.hpp"
#include "formats/safetensors.hpp"
#include "formats/weight_index.hpp"
#include "inspection/salvaged.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

bool holds_weights(std::string_view name) {
  const bool safetensors = name.ends_with(".safetensors") && !name.starts_with("adapter_");
  return safetensors || (name.starts_with("pytorch_model") && name.ends_with(".bin"));
}

std::string several(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

class Salvage {
 public:
  explicit Salvage(const fs::path& folder) : folder_{folder} {}

  Salvaged run(const Error& reason) {
    read_config();
    for (const auto* index : {"model.safetensors.index.json", "pytorch_model.bin.index.json"}) read_index(index);
    std::set<std::string> files;
    if (const auto entries = tree::list(folder_))
      for (const auto& entry : *entries)
        if (holds_weights(entry.path.filename().string())) files.insert(entry.path.filename().string());
    for (const auto& [file, tensors] : listed_) files.insert(file);
    for (const auto& file : files) read_weights(file);
    unlisted();
    // What the names alone tell: a set with missing members, two sets at once.
    if (const auto selection = select_weights(folder_); !selection && !broken_) defect(selection.error());
    if (!broken_) defect(reason);
    return std::move(result_);
  }

 private:
  void defect(std::string file, std::string subject, std::string problem, std::string remedy) {
    broken_ = true;
    result_.findings.push_back(
        {Finding::Kind::defect, std::move(file), std::move(subject), std::move(problem), std::move(remedy)});
  }
  // Files are named relative to the folder.
  void defect(const Error& error) {
    auto found = defect_of(error);
    if (const fs::path path{found.file}; path.parent_path() == folder_) found.file = path.filename().string();
    defect(std::move(found.file), std::move(found.subject), std::move(found.problem), std::move(found.remedy));
  }

  void read_config() {
    auto config = ConfigDocument::read(folder_ / "config.json");
    if (config)
      result_.config = *std::move(config);
    else
      defect(config.error());
  }

  void read_index(const std::string& name) {
    if (!tree::exists(folder_ / name)) return;
    result_.has_index = true;
    const auto index = read_weight_index(folder_ / name);
    if (!index) return defect(index.error());
    for (const auto& [tensor, file] : index->weight_map) {
      listed_[file].push_back(tensor);
      owner_.emplace(tensor, file);
    }
  }

  void read_weights(const std::string& name) {
    const auto path = folder_ / name;
    const auto& expected = listed_[name];
    if (!tree::exists(path))
      return defect(name, {},
                    fmt::format("is missing; the index has {} in it: {}", several(expected.size(), "tensor"),
                                name_some(expected)),
                    "Download it into the folder");
    result_.weight_files.push_back(name);
    const auto number = static_cast<std::uint32_t>(result_.catalogue.files.size());
    auto content = name.ends_with(".bin") ? read_torch_weights(path, number)
                                          : read_safetensors_weights(path, number, kMaxSafetensorsHeader);
    if (!content) return defect(content.error());
    result_.catalogue.files.push_back(path);
    std::set<std::string> here;
    for (auto& tensor : content->tensors) {
      here.insert(tensor.name);
      const auto owner = owner_.find(tensor.name);
      if (owner != owner_.end() && owner->second != name) continue;
      if (owner == owner_.end()) unlisted_[name].push_back(tensor.name);
      const auto other = result_.catalogue.tensors.find(tensor.name);
      if (other != result_.catalogue.tensors.end()) {
        defect(name, tensor.name,
               fmt::format("is also in {}, and no index says which of the two counts",
                           result_.catalogue.files[other->second.extents.front().file].filename().string()),
               "Remove the stale file");
        continue;
      }
      auto key = tensor.name;
      result_.catalogue.tensors.emplace(std::move(key), std::move(tensor));
    }
    std::vector<std::string> absent;
    std::ranges::copy_if(expected, std::back_inserter(absent),
                         [&](const auto& tensor) { return !here.contains(tensor); });
    if (!absent.empty())
      defect(name, absent.front(),
             fmt::format("lacks {} that the index has in it: {}", several(absent.size(), "tensor"), name_some(absent)),
             "Download the file and the index again");
  }

  void unlisted() {
    if (owner_.empty()) return;
    for (const auto& [file, tensors] : unlisted_)
      result_.findings.push_back({Finding::Kind::oddity,
                                  file,
                                  {},
                                  fmt::format("holds {} that the index does not list: {}",
                                              several(tensors.size(), "tensor"), name_some(tensors)),
                                  {}});
  }

  const fs::path& folder_;
  std::map<std::string, std::vector<std::string>> listed_, unlisted_;  // by file
  std::map<std::string, std::string> owner_;                           // by tensor
  Salvaged result_;
  bool broken_{};
};

}  // namespace

Salvaged salvage_hugging_face(const fs::path& folder, const Error& reason) { return Salvage{folder}.run(reason); }

}  // namespace weighbridge
