#include "checkpoints/megatron_location.hpp"

#include <fmt/format.h>
#include <charconv>

#include <boost/json/object.hpp>
#include <set>

#include "formats/file_tree.hpp"
#include "formats/input_file.hpp"
#include "formats/strict_json.hpp"
#include "formats/torch_object.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxSmallFile = 1 << 20;  // bytes of a tracker or of metadata.json

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return {};
  return value;
}

// "iter_0000012" is 12; more digits than seven are fine, fewer are what people make by hand.
std::optional<std::int64_t> iteration_of(const std::string& name) {
  if (!name.starts_with("iter_")) return {};
  return whole_number(std::string_view{name}.substr(5));
}

std::string folder_name(const fs::path& path) {
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

// Names of the entries of a folder, sorted.
Result<std::set<std::string>> entries(const fs::path& folder) {
  const auto listed = tree::list(folder);
  if (!listed) return listed.error();
  std::set<std::string> names;
  for (const auto& entry : *listed) names.insert(entry.path.filename().string());
  return names;
}

bool any_starts_with(const std::set<std::string>& names, std::string_view prefix) {
  const auto found = names.lower_bound(std::string(prefix));
  return found != names.end() && found->starts_with(prefix);
}

Error unsupported(const fs::path& folder, std::string_view format, std::string problem, std::string remedy) {
  return Error{Error::Kind::unsupported, folder.string(), std::string(format), std::move(problem), std::move(remedy)};
}

// Whether this iteration folder is torch_dist or rank files; if not, the error that names what it is.
Status check_format(const fs::path& folder, const std::set<std::string>& names) {
  if (!names.contains("metadata.json")) {
    if (any_starts_with(names, "mp_rank_")) return done();
    return unsupported(
        folder, "fsdp_dtensor",
        "has .metadata but no metadata.json: a checkpoint in the fsdp_dtensor format, or a torch_dist one "
        "whose saving did not finish",
        "Save it again with the checkpoint format torch_dist, or take an iteration that is complete");
  }
  const auto file = (folder / "metadata.json").string();
  auto text = read_whole_file(file, kMaxSmallFile);
  if (!text) return std::move(text).error();
  auto json = parse_strict_json(*text, file);
  if (!json) return std::move(json).error();
  const auto* object = json->if_object();
  const auto* backend = object ? object->if_contains("sharded_backend") : nullptr;
  if (!backend || !backend->is_string())
    return Error{Error::Kind::format, file, "sharded_backend", "is missing or no text",
                 "Take a complete copy of the checkpoint"};
  if (backend->get_string() != "torch_dist")
    return unsupported(folder, std::string_view(backend->get_string()),
                       fmt::format("metadata.json names the storage '{}', only torch_dist is read",
                                   std::string_view(backend->get_string())),
                       "Save it again with the checkpoint format torch_dist");
  if (!names.contains(".metadata"))
    return Error{Error::Kind::io,
                 (folder / ".metadata").string(),
                 {},
                 "is missing beside metadata.json",
                 "Copy the checkpoint again; tools that copy * leave files out whose names start with a dot"};
  return done();
}

bool is_iteration_folder(const std::set<std::string>& names) {
  return names.contains("metadata.json") || names.contains(".metadata") || any_starts_with(names, "mp_rank_");
}

MegatronStorage storage_of(const std::set<std::string>& names) {
  return names.contains("metadata.json") ? MegatronStorage::torch_dist : MegatronStorage::torch;
}

struct Choice {
  std::string folder;
  std::string reason;  // "latest_train_state.pt (step 3)", for messages
};

// The iteration that a Megatron-Bridge tracker names.
Result<Choice> from_train_state(const fs::path& tracker) {
  auto file = InputFile::open(tracker);
  if (!file) return std::move(file).error();
  auto object = read_torch_object(*file);
  if (!object) return std::move(object).error();
  const Error broken{Error::Kind::format, tracker.string(), "step", "is no single 64-bit integer",
                     "Name the iteration folder itself"};
  const auto step = object->root().find("step");
  const auto* tensor = step ? step->tensor() : nullptr;
  if (!tensor || tensor->dtype != DType::i64 || element_count(tensor->shape) != 1) return broken;
  auto bytes = file->read(object->offset_of(*tensor), 8);
  if (!bytes) return std::move(bytes).error();
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>((*bytes)[i]);
  if (value > 9'999'999'999) return broken;
  return Choice{iteration_folder(static_cast<std::int64_t>(value)), fmt::format("latest_train_state.pt (step {})", value)};
}

Result<Choice> from_text_tracker(const fs::path& tracker) {
  auto text = read_whole_file(tracker, kMaxSmallFile);
  if (!text) return std::move(text).error();
  std::string_view word = *text;
  while (!word.empty() && static_cast<unsigned char>(word.back()) <= ' ') word.remove_suffix(1);
  while (!word.empty() && static_cast<unsigned char>(word.front()) <= ' ') word.remove_prefix(1);
  const auto reason = fmt::format("latest_checkpointed_iteration.txt ('{}')", word.substr(0, 40));
  if (word == "release") return Choice{"release", reason};
  const auto number = whole_number(word);
  if (!number)
    return Error{Error::Kind::format, tracker.string(), std::string(word.substr(0, 40)),
                 "is neither a number nor the word 'release'",
                 "Write the wanted iteration into it, or name its folder"};
  return Choice{iteration_folder(*number), reason};
}

Result<Choice> choose(const fs::path& root, const std::set<std::string>& names) {
  if (names.contains("latest_train_state.pt")) return from_train_state(root / "latest_train_state.pt");
  if (names.contains("latest_checkpointed_iteration.txt"))
    return from_text_tracker(root / "latest_checkpointed_iteration.txt");
  std::optional<std::pair<std::int64_t, std::string>> latest;
  for (const auto& name : names)
    if (const auto number = iteration_of(name); number && (!latest || *number > latest->first))
      latest.emplace(*number, name);
  if (latest) return Choice{latest->second, "the largest iter_*"};
  if (names.contains("release")) return Choice{"release", "the folder release"};
  if (names.contains("context") && names.contains("weights"))
    return unsupported(root, "NeMo 2", "is a NeMo 2 checkpoint (folders context and weights)",
                       "Export it with NeMo, or import the original model again");
  return Error{Error::Kind::io,
               root.string(),
               {},
               "is no Megatron checkpoint: looked for .metadata, metadata.json, mp_rank_*, latest_train_state.pt, "
               "latest_checkpointed_iteration.txt, iter_NNNNNNN and release",
               "Give the folder that Megatron saved to, or one of its iteration folders"};
}

}  // namespace

Result<MegatronLocation> locate_megatron(const fs::path& path) {
  if (!tree::is_folder(path))
    return Error{Error::Kind::io,
                 path.string(),
                 {},
                 tree::exists(path) ? "is no folder" : "does not exist",
                 "Give the folder that Megatron saved to, or one of its iteration folders"};
  auto names = entries(path);
  if (!names) return std::move(names).error();
  if (is_iteration_folder(*names)) {
    if (auto status = check_format(path, *names); !status) return std::move(status).error();
    return MegatronLocation{path, iteration_of(folder_name(path)), storage_of(*names)};
  }
  auto choice = choose(path, *names);
  if (!choice) return std::move(choice).error();
  const auto folder = path / choice->folder;
  if (!tree::is_folder(folder))
    return Error{Error::Kind::io,
                 folder.string(),
                 {},
                 fmt::format("is missing, but {} names it", choice->reason),
                 "Name an iteration folder that exists, or copy the missing one"};
  auto inside = entries(folder);
  if (!inside) return std::move(inside).error();
  if (!is_iteration_folder(*inside))
    return Error{Error::Kind::io,
                 folder.string(),
                 {},
                 "holds no checkpoint: looked for .metadata, metadata.json and mp_rank_*",
                 "Take an iteration that was saved completely"};
  if (auto status = check_format(folder, *inside); !status) return std::move(status).error();
  return MegatronLocation{folder, iteration_of(choice->folder), storage_of(*inside)};
}

}  // namespace weighbridge
