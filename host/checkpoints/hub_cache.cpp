#include "checkpoints/hub_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <vector>

#include "checkpoints/hugging_face_selection.hpp"
#include "formats/file_tree.hpp"
#include "formats/input_file.hpp"
#include "formats/relative_path.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCachePrefix = "models--";
constexpr std::uint64_t kMaxReferenceBytes = 4096;

// A variable that is set and not empty; "~/x" is inside the home folder.
fs::path from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) return {};
  const std::string_view text{value};
  const char* home = std::getenv("HOME");
  if (home && (text == "~" || text.starts_with("~/"))) return fs::path{std::string{home} + std::string{text.substr(1)}};
  return text;
}

bool is_word(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && !text.starts_with('.') && std::all_of(text.begin(), text.end(), fits) &&
         text.find("..") == std::string_view::npos;
}

// "org/name", or the bare "name" of the hub's first models.
bool is_hub_id(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return is_word(text);
  return is_word(text.substr(0, slash)) && is_word(text.substr(slash + 1));
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(),
                                          [](unsigned char c) { return std::isdigit(c) || (c >= 'a' && c <= 'f'); });
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

struct Request {
  std::string id;
  std::string revision;
  fs::path folder;  // models--org--name
  bool weights;

  std::string download() const {
    const auto at = revision == "main" ? std::string{} : " --revision " + revision;
    return fmt::format("Download it with: hf download {}{}", id, at);
  }
  Error refuse(fs::path file, std::string subject, std::string problem) const {
    return {Error::Kind::io, file.string(), std::move(subject), std::move(problem), download()};
  }
};

Result<std::string> commit_of(const Request& request) {
  if (is_commit(request.revision)) return request.revision;
  std::error_code error;
  const auto reference = request.folder / "refs" / request.revision;
  if (!stays_inside_folder(request.revision)) {
    return Error{
        Error::Kind::usage, {}, request.revision, "is no branch, tag or commit", "Give a revision of " + request.id};
  }
  if (!fs::is_regular_file(reference, error)) {
    return request.refuse(request.folder, request.revision, "is no revision of " + request.id + " in the local cache");
  }
  auto text = read_whole_file(reference, kMaxReferenceBytes);
  if (!text) return std::move(text).error();
  while (!text->empty() && std::isspace(static_cast<unsigned char>(text->back()))) text->pop_back();
  if (!is_word(*text)) return request.refuse(reference, request.revision, "does not hold a commit hash");
  return text;
}

// A snapshot holds what was asked for, which may be less than a model.
Status check_complete(const Request& request, const fs::path& snapshot) {
  const auto incomplete = [&](const std::vector<std::string>& missing) {
    return request.refuse(snapshot, missing.front(),
                          fmt::format("is not in this incomplete snapshot of {} ({} missing: {})", request.id,
                                      missing.size(), name_some(missing)));
  };
  if (const auto config = missing_files(snapshot, {"config.json"}); !config.empty()) {
    std::error_code error;
    if (fs::exists(snapshot / "adapter_config.json", error)) return no_weights(snapshot);
    return incomplete(config);
  }
  if (!request.weights) return done();
  const auto selection = select_weights(snapshot);
  if (!selection) {
    auto error = selection.error();
    // A set with missing members is one that was not downloaded in full.
    if (error.kind == Error::Kind::mismatch) error.remedy = request.download();
    return error;
  }
  if (selection->files.empty()) {
    auto error = no_weights(snapshot);
    if (error.kind == Error::Kind::mismatch) return incomplete({"model.safetensors"});
    return error;
  }
  const auto missing = missing_files(snapshot, selection->files);
  return missing.empty() ? done() : Status{incomplete(missing)};
}

Result<ResolvedModel> find_snapshot(const Request& request) {
  std::error_code error;
  if (!fs::is_directory(request.folder, error)) {
    return request.refuse({}, request.id,
                          "is neither a folder nor in the local cache " + request.folder.parent_path().string());
  }
  auto commit = commit_of(request);
  if (!commit) return std::move(commit).error();
  const auto snapshot = request.folder / "snapshots" / *commit;
  if (!fs::is_directory(snapshot, error)) {
    return request.refuse(request.folder, *commit,
                          "is a revision of " + request.id + " without files in the local cache");
  }
  if (auto status = check_complete(request, snapshot); !status) return std::move(status).error();
  return ResolvedModel{snapshot, request.id, *std::move(commit)};
}

}  // namespace

fs::path hub_cache_folder() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (auto path = from_environment(name); !path.empty()) return path;
  }
  if (auto home = from_environment("HF_HOME"); !home.empty()) return home / "hub";
  auto cache = from_environment("XDG_CACHE_HOME");
  if (cache.empty()) cache = from_environment("HOME") / ".cache";
  return cache / "huggingface" / "hub";
}

Result<ResolvedModel> resolve_model(std::string_view model, const ResolveModel& options) {
  const auto revision = options.revision.empty() ? std::string{"main"} : options.revision;
  fs::path path{model};
  std::error_code error;
  if (tree::is_folder(path)) {
    if (!path.has_filename()) path = path.parent_path();
    const auto name = path.filename().string();
    if (!name.starts_with(kCachePrefix) || !fs::is_directory(path / "snapshots", error))
      return ResolvedModel{model, {}, {}};
    // Ids themselves may contain "--", so that this is a guess; it only words the download command.
    const auto id = replace_all(name.substr(kCachePrefix.size()), "--", "/");
    return find_snapshot({id, revision, path, options.weights});
  }
  if (tree::exists(path)) {
    return Error{Error::Kind::io,
                 path.string(),
                 {},
                 "is a file, not a folder",
                 "Give the folder that holds the model's config.json"};
  }
  if (!is_hub_id(model)) {
    return Error{Error::Kind::io, path.string(), {}, "is not there", "Give a folder, or a hub id such as org/name"};
  }
  const auto folder = options.cache / (std::string{kCachePrefix} + replace_all(std::string{model}, "/", "--"));
  return find_snapshot({std::string{model}, revision, folder, options.weights});
}

}  // namespace weighbridge
