#include "checkpoints/hugging_face_repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "checkpoints/hugging_face_selection.hpp"
#include "checkpoints/hugging_face_side_files.hpp"
#include "checkpoints/hugging_face_weight_file.hpp"
#include "formats/file_tree.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

Result<ConfigDocument> read_config(const fs::path& folder) {
  std::error_code error;
  if (!tree::is_folder(folder)) {
    return Error{Error::Kind::io,
                 folder.string(),
                 {},
                 tree::exists(folder) ? "is not a folder" : "is not there",
                 "Give the folder that holds the model's config.json"};
  }
  if (const auto listed = tree::list(folder); !listed) return listed.error();  // an archive may be damaged
  const auto config = folder / "config.json";
  // A link to nothing is left to the reader, which names it.
  if (tree::exists(config) || fs::is_symlink(config, error)) return ConfigDocument::read(config);
  if (tree::exists(folder / "adapter_config.json")) return no_weights(folder);
  for (const char* sign : {"latest_checkpointed_iteration.txt", "run_config.yaml", ".metadata"}) {
    if (tree::exists(folder / sign)) {
      return Error{Error::Kind::mismatch, folder.string(), "config.json",
                   fmt::format("is not there, but {} is: this is a Megatron checkpoint", sign),
                   "Give it as --megatron-path, and the Hugging Face folder as --hf-model"};
    }
  }
  return Error{Error::Kind::io, folder.string(), "config.json", "is not there",
               "Download config.json into the folder, or give the folder that holds it"};
}

// Which file the index gives a tensor to.
using Owners = std::map<std::string, std::string, std::less<>>;

Status add_file(HuggingFaceRepository& repository, const std::string& name, const OpenHuggingFace& options,
                const Owners& owners) {
  auto& catalogue = repository.catalogue;
  const auto path = repository.folder / name;
  const auto number = static_cast<std::uint32_t>(catalogue.files.size());
  auto content = repository.format == WeightFormat::safetensors
                     ? read_safetensors_weights(path, number, options.max_header_bytes)
                     : read_torch_weights(path, number);
  if (!content) return std::move(content).error();
  catalogue.files.push_back(path);
  WeightFile file{name, {}};
  std::vector<std::string> copies;
  std::vector<std::string> unlisted;
  for (auto& tensor : content->tensors) {
    const auto owner = owners.find(tensor.name);
    if (owner != owners.end() && owner->second != name) {
      copies.push_back(tensor.name);
      continue;
    }
    if (const auto other = catalogue.tensors.find(tensor.name); other != catalogue.tensors.end()) {
      const auto& first = catalogue.files[other->second.extents.front().file];
      return Error{Error::Kind::mismatch, path.string(), tensor.name,
                   "is also in " + first.filename().string() + ", and no index says which of the two counts",
                   "Remove the stale file, or add an index that names the right one"};
    }
    if (owner == owners.end()) {
      if (repository.has_index) unlisted.push_back(tensor.name);
      repository.weight_map.push_back({tensor.name, name});
    }
    file.tensors.push_back(tensor.name);
    auto key = tensor.name;
    catalogue.tensors.emplace(std::move(key), std::move(tensor));
  }
  repository.weight_files.push_back(std::move(file));
  const auto note = [&](const std::vector<std::string>& names, const char* what) {
    if (!names.empty()) repository.notes.push_back(fmt::format("{}: {}: {}", name, what, name_some(names)));
  };
  note(copies, "tensors ignored because the index takes them from other files");
  note(unlisted, "tensors read although the index does not list them");
  note(content->skipped, "entries that are no tensors and are not converted");
  return done();
}

// Tensors that the index lists and no file holds.
Status check_index(HuggingFaceRepository& repository, bool strict) {
  std::vector<std::string> missing;
  std::string file;
  std::erase_if(repository.weight_map, [&](const WeightLocation& location) {
    if (repository.catalogue.tensors.contains(location.tensor)) return false;
    if (missing.empty()) file = location.file;
    missing.push_back(location.tensor);
    return true;
  });
  if (missing.empty()) return done();
  if (strict) {
    const auto others = missing.size() > 1 ? "; nor are " + name_some({missing.begin() + 1, missing.end()}) : "";
    return Error{Error::Kind::mismatch, (repository.folder / file).string(), missing.front(),
                 "is listed in the index but not in this file" + others,
                 "Download the file and the index again, or pass --not-strict to go on without"};
  }
  repository.notes.push_back("tensors of the index that are in no file: " + name_some(missing));
  return done();
}

void note_total_size(HuggingFaceRepository& repository) {
  const auto* declared = repository.index_metadata.if_contains("total_size");
  if (!declared || !declared->is_number()) return;
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : repository.catalogue.tensors)
    bytes += byte_count(tensor.shape, tensor.dtype).value_or(0);
  if (declared->to_number<double>() != static_cast<double>(bytes)) {
    repository.notes.push_back(fmt::format("the index declares a total_size of {} bytes, but its tensors have {}",
                                           python_json(*declared), bytes));
  }
}

void note_tokenizer(HuggingFaceRepository& repository) {
  const std::set<std::string> tokenizers{"tokenizer.json", "tokenizer.model", "vocab.json",    "vocab.txt",
                                         "spiece.model",   "tekken.json",     "tiktoken.model"};
  const auto is_tokenizer = [&](const CarriedFile& file) {
    const auto name = file.path.string();
    return tokenizers.contains(name) || name.ends_with(".tiktoken") || name.ends_with(".bpe.model");
  };
  if (std::none_of(repository.side_files.begin(), repository.side_files.end(), is_tokenizer)) {
    repository.notes.push_back("there is no tokenizer.json nor another tokenizer in " + repository.folder.string());
  }
}

Status read_weights(HuggingFaceRepository& repository, WeightSelection selection, const OpenHuggingFace& options) {
  repository.format = selection.format;
  repository.has_index = !selection.index.empty();
  repository.index_metadata = std::move(selection.index_metadata);
  repository.weight_map = std::move(selection.weight_map);
  if (!options.weights && (repository.has_index || selection.files.empty())) return done();
  if (selection.files.empty()) return no_weights(repository.folder);
  if (const auto missing = missing_files(repository.folder, selection.files); !missing.empty()) {
    const auto& by = repository.has_index ? selection.index : repository.folder;
    return Error{Error::Kind::mismatch, by.string(), missing.front(),
                 fmt::format("{} of {} weight files are missing: {}", missing.size(), selection.files.size(),
                             name_some(missing)),
                 "Download the missing files into the folder"};
  }
  Owners owners;
  for (const auto& [tensor, file] : repository.weight_map) owners.emplace(tensor, file);
  for (const auto& file : selection.files) {
    if (auto status = add_file(repository, file, options, owners); !status) return status;
  }
  if (auto status = check_index(repository, options.strict); !status) return status;
  note_total_size(repository);
  return done();
}

}  // namespace

Result<HuggingFaceRepository> HuggingFaceRepository::open(const fs::path& folder, const OpenHuggingFace& options) {
  HuggingFaceRepository repository;
  repository.folder = folder;
  auto config = read_config(folder);
  if (!config) return std::move(config).error();
  repository.config = *std::move(config);
  auto selection = select_weights(folder);
  if (!selection) return std::move(selection).error();
  std::set<std::string> converted{selection->files.begin(), selection->files.end()};
  if (!selection->index.empty()) converted.insert(selection->index.filename().string());
  if (auto status = read_weights(repository, *std::move(selection), options); !status) return std::move(status).error();

  auto side = find_side_files(folder, converted);
  if (!side) return std::move(side).error();
  repository.side_files = std::move(side->carried);
  repository.left_out = std::move(side->left_out);
  note_tokenizer(repository);
  return repository;
}

}  // namespace weighbridge
