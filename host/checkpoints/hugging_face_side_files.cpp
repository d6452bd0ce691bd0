#include "checkpoints/hugging_face_side_files.hpp"
#include "formats/file_tree.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 100'000;
constexpr int kMaxDepth = 16;

bool is_one_of(std::string_view name, const auto& names) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool ends_with_one_of(std::string_view name, const auto& endings) {
  return std::any_of(std::begin(endings), std::end(endings), [&](auto ending) { return name.ends_with(ending); });
}

bool starts_with_one_of(std::string_view name, const auto& beginnings) {
  return std::any_of(std::begin(beginnings), std::end(beginnings), [&](auto b) { return name.starts_with(b); });
}

// What tools leave in a folder; not worth a word.
bool is_litter(std::string_view name, bool directory) {
  constexpr std::array<std::string_view, 5> kFolders{".git", ".cache", ".huggingface", "__pycache__",
                                                     ".ipynb_checkpoints"};
  constexpr std::array<std::string_view, 3> kEndings{".lock", ".incomplete", ".tmp"};
  return directory ? is_one_of(name, kFolders) : name == ".DS_Store" || ends_with_one_of(name, kEndings);
}

bool is_training_state(std::string_view stem) {
  constexpr std::array<std::string_view, 6> kBeginnings{"optimizer",     "scheduler", "scaler",
                                                        "training_args", "rng_state", "random_states"};
  return starts_with_one_of(stem, kBeginnings);
}

// Why a file is not carried; empty if it is.
std::string reason_against(const fs::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 12> kWeights{".safetensors", ".bin",       ".pth", ".ckpt",
                                                      ".gguf",        ".ggml",      ".h5",  ".msgpack",
                                                      ".onnx",        ".onnx_data", ".ot",  ".tflite"};
  constexpr std::array<std::string_view, 4> kIndexes{".safetensors.index.json", ".bin.index.json",
                                                     ".msgpack.index.json", ".h5.index.json"};
  constexpr std::array<std::string_view, 3> kWeightStems{"model", "pytorch_model", "consolidated"};
  const bool torch = name.ends_with(".pt");
  if (is_training_state(name) && (torch || ends_with_one_of(name, kWeights))) return "training state";
  // Other .pt files are small things that a processor loads, such as the voices of a speaking model.
  if (ends_with_one_of(name, kWeights) || (torch && starts_with_one_of(name, kWeightStems))) {
    return "weights other than those converted";
  }
  if (ends_with_one_of(name, kIndexes)) return "an index of weights other than those converted";
  return {};
}

bool is_training_folder(std::string_view name) {
  for (std::string_view beginning : {"checkpoint-", "global_step"}) {
    if (name.starts_with(beginning) && name.size() > beginning.size() &&
        std::all_of(name.begin() + static_cast<std::ptrdiff_t>(beginning.size()), name.end(),
                    [](unsigned char c) { return std::isdigit(c); })) {
      return true;
    }
  }
  return false;
}

bool lies_in(const fs::path& folder, const fs::path& file) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
}

// models--org--name/blobs/<hash>, wherever the cache is.
bool is_hub_blob(const fs::path& file) {
  const auto blobs = file.parent_path();
  return blobs.filename() == "blobs" && blobs.parent_path().filename().string().starts_with("models--");
}

class Search {
 public:
  Search(fs::path root, const std::set<std::string>& weights) : root_{std::move(root)}, weights_{weights} {}

  Status visit(const fs::path& folder, int depth) {
    if (depth > kMaxDepth) {
      left_out(folder, "too many levels of folders");
      return done();
    }
    const auto entries = tree::list(folder, kMaxFiles - seen_);
    if (!entries) return entries.error();
    seen_ += entries->size();
    for (const auto& entry : *entries) {
      auto status = entry.link ? link(entry.path) : plain(entry, depth);
      if (!status) return status;
    }
    return done();
  }

  SideFiles found;

 private:
  std::string name_of(const fs::path& path) const { return path.lexically_relative(root_).generic_string(); }
  void left_out(const fs::path& path, std::string reason) {
    found.left_out.push_back({name_of(path), std::move(reason)});
  }

  Status plain(const tree::Entry& entry, int depth) {
    const auto name = entry.path.filename().string();
    if (entry.folder) {
      if (is_litter(name, true)) return done();
      if (is_training_folder(name)) {
        left_out(entry.path, "a training checkpoint of its own");
        return done();
      }
      return visit(entry.path, depth + 1);
    }
    if (!entry.file) {
      left_out(entry.path, "not a regular file");
      return done();
    }
    consider(entry.path, entry.path);
    return done();
  }

  Status link(const fs::path& path) {
    const auto name = name_of(path);
    if (name == "config.json" || weights_.contains(name) || is_litter(path.filename().string(), false)) return done();
    std::error_code error;
    const auto target = fs::canonical(path, error);
    if (error) {
      std::error_code ignored;
      return Error{Error::Kind::io,
                   path.string(),
                   {},
                   "is a link to " + fs::read_symlink(path, ignored).string() + ", which is not there",
                   "Download the file again, or remove the link"};
    }
    if (!fs::is_regular_file(target, error)) {
      left_out(path, "a link to something other than a file");
    } else if (!lies_in(root_, target) && !is_hub_blob(target)) {
      left_out(path, "a link out of the folder, to " + target.string());
    } else {
      consider(path, target);
    }
    return done();
  }

  void consider(const fs::path& path, const fs::path& source) {
    const auto name = name_of(path);
    if (name == "config.json" || weights_.contains(name) || is_litter(path.filename().string(), false)) return;
    if (auto reason = reason_against(path); !reason.empty()) {
      left_out(path, std::move(reason));
    } else {
      found.carried.push_back({source, name});
    }
  }

  fs::path root_;
  const std::set<std::string>& weights_;
  std::size_t seen_ = 0;
};

}  // namespace

Result<SideFiles> find_side_files(const fs::path& folder, const std::set<std::string>& weights) {
  const auto root = tree::canonical(folder);
  if (root.empty()) return Error{Error::Kind::io, folder.string(), {}, "cannot be found", "Check the folder's name"};
  Search search{root, weights};
  if (auto status = search.visit(root, 0); !status) return std::move(status).error();
  auto found = std::move(search.found);
  std::sort(found.carried.begin(), found.carried.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::sort(found.left_out.begin(), found.left_out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

}  // namespace weighbridge
