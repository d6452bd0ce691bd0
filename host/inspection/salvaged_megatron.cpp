#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "checkpoints/hugging_face_selection.hpp"
#include "checkpoints/run_config.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/file_tree.hpp"
#include "formats/input_file.hpp"
#include "formats/torch_object.hpp"
#include "inspection/salvaged.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxMetadata = 1u << 30;

class Salvage {
 public:
  explicit Salvage(const MegatronLocation& location) : location_{location} {}

  Salvaged run(const Error& reason) {
    if (const auto file = location_.folder / "run_config.yaml"; tree::exists(file)) {
      auto document = read_run_config(file);
      if (document)
        result_.config = ConfigDocument{*std::move(document)};
      else
        defect(document.error());
    }
    if (location_.storage == MegatronStorage::torch)
      rank_files();
    else
      chunks();
    if (!broken_) defect(reason);
    return std::move(result_);
  }

 private:
  void defect(std::string file, std::string subject, std::string problem, std::string remedy) {
    broken_ = true;
    result_.findings.push_back(
        {Finding::Kind::defect, std::move(file), std::move(subject), std::move(problem), std::move(remedy)});
  }
  void defect(const Error& error) {
    auto found = defect_of(error);
    const auto relative = fs::path{found.file}.lexically_relative(location_.folder);
    if (!relative.empty() && *relative.begin() != "..") found.file = relative.string();
    defect(std::move(found.file), std::move(found.subject), std::move(found.problem), std::move(found.remedy));
  }

  // What .metadata says, held against the sizes of the files.
  void chunks() {
    const auto path = location_.folder / ".metadata";
    auto bytes = read_whole_file(path, kMaxMetadata);
    if (!bytes) return defect(bytes.error());
    const auto metadata = parse_dcp_metadata(*std::move(bytes), path.string());
    if (!metadata) return defect(metadata.error());
    std::vector<std::uint64_t> sizes(metadata->files.size()), needed(metadata->files.size());
    std::vector<bool> there(metadata->files.size());
    std::map<std::uint32_t, std::vector<std::string>> beyond;
    for (std::size_t i = 0; i < metadata->files.size(); ++i) {
      const auto file = location_.folder / metadata->files[i];
      sizes[i] = tree::file_size(file);
      there[i] = tree::is_file(file);
      if (there[i]) result_.weight_files.push_back(metadata->files[i]);
      result_.catalogue.files.push_back(file);
    }
    for (const auto& [key, tensor] : metadata->tensors) {
      StoredTensor stored{key, tensor.dtype, tensor.shape, {}};
      for (const auto& [box, item] : tensor.chunks) {
        stored.extents.push_back({item.file, item.offset, box, row_major_strides(box.sizes)});
        needed[item.file] = std::max(needed[item.file], item.offset + item.length);
        auto& names = beyond[item.file];
        if (item.offset + item.length > sizes[item.file] && (names.empty() || names.back() != key))
          names.push_back(key);
      }
      if (!key.starts_with("optimizer.") && !key.starts_with("chained_"))
        result_.catalogue.tensors.emplace(key, std::move(stored));
    }
    for (const auto& [file, names] : beyond) {
      if (names.empty()) continue;
      const auto some = fmt::format("{} tensor{}: {}", names.size(), names.size() == 1 ? "" : "s", name_some(names));
      if (!there[file])
        defect(metadata->files[file], {}, fmt::format("is missing; .metadata has parts in it of {}", some),
               "Copy the file into the folder");
      else
        defect(metadata->files[file], {},
               fmt::format("has {} bytes, of which .metadata needs {}; cut off are parts of {}", sizes[file],
                           needed[file], some),
               "Copy the file again");
    }
  }

  void rank_files() {
    if (const auto entries = tree::list(location_.folder))
      for (const auto& entry : *entries)
        if (entry.path.filename().string().starts_with("mp_rank_")) rank_file(entry.path);
  }

  void rank_file(const fs::path& folder) {
    const auto path = folder / "model_optim_rng.pt";
    auto file = InputFile::open(path);
    if (!file) return defect(file.error());
    auto globals = PickleGlobals::megatron();
    globals.set_unknown(PickleGlobals::Unknown::keep);
    const auto object = read_torch_object(*file, TorchOptions{std::move(globals), 1ull << 30});
    if (!object) return defect(object.error());
    const auto number = static_cast<std::uint32_t>(result_.catalogue.files.size());
    result_.catalogue.files.push_back(path);
    result_.weight_files.push_back(folder.filename().string() + "/model_optim_rng.pt");
    const auto root = object->root();
    for (int chunk = -1; chunk < 64; ++chunk) {
      const auto name = chunk < 0 ? std::string{"model"} : fmt::format("model{}", chunk);
      const auto model = root.is(PickleKind::dict) ? root.find(name) : std::nullopt;
      if (!model) {
        if (chunk >= 0) break;
        continue;
      }
      add_tensors(*model, folder.filename().string() + "/" + name + ".", *object, number);
      if (chunk < 0) break;
    }
  }

  void add_tensors(PickleValue model, const std::string& prefix, const TorchObject& object, std::uint32_t file) {
    const auto items = model.items();
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const auto name = items[i].text();
      const auto* tensor = items[i + 1].tensor();
      if (!name || tensor == nullptr || name->find("_extra_state") != std::string_view::npos) continue;
      const auto key = prefix + std::string{*name};
      StoredTensor stored{key, tensor->dtype, tensor->shape, {}};
      stored.extents.push_back({file, object.offset_of(*tensor), whole(tensor->shape), tensor->strides});
      result_.catalogue.tensors.emplace(key, std::move(stored));
    }
  }

  const MegatronLocation& location_;
  Salvaged result_;
  bool broken_{};
};

}  // namespace

Salvaged salvage_megatron(const MegatronLocation& location, const Error& reason) {
  return Salvage{location}.run(reason);
}

}  // namespace weighbridge
