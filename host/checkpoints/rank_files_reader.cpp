#include "checkpoints/rank_files_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "checkpoints/megatron_arguments.hpp"
#include "checkpoints/megatron_document.hpp"
#include "formats/file_tree.hpp"
#include "formats/torch_object.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolder = "mp_rank_";
constexpr std::string_view kFile = "model_optim_rng.pt";
constexpr int kMaxDepth = 16;

Error broken(const fs::path& file, std::string subject, std::string problem, std::string remedy = "Take a complete copy of the checkpoint") {
  return Error{Error::Kind::format, file.string(), std::move(subject), std::move(problem), std::move(remedy)};
}

// "mp_rank_01_002" holds 1 and 2; nothing for a name that is not of this form.
std::optional<std::vector<std::int64_t>> numbers_of(std::string_view name) {
  if (!name.starts_with(kFolder)) return {};
  name.remove_prefix(kFolder.size());
  std::vector<std::int64_t> numbers;
  while (true) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || number < 0 || number > 65535) return {};
    numbers.push_back(number);
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    if (name.empty()) break;
    if (name.front() != '_') return {};
    name.remove_prefix(1);
  }
  return numbers.size() <= 3 ? std::optional{numbers} : std::nullopt;
}

// Names without what wrappers (DDP, Float16Module) put before them.
std::string_view unwrapped(std::string_view name) {
  constexpr std::string_view kWrapper = "module.";
  while (name.starts_with(kWrapper)) name.remove_prefix(kWrapper.size());
  return name;
}

std::int64_t count_tensors(PickleValue value, int depth) {
  if (value.tensor()) return 1;
  if (depth > kMaxDepth) return 0;
  std::int64_t count = 0;
  for (const auto& item : value.items()) count += count_tensors(item, depth + 1);
  return count;
}

// What one file holds.
struct Opened {
  fs::path file;
  std::vector<std::int64_t> numbers;
  std::map<std::string, StoredTensor> tensors;  // by "model0.decoder.…"
  std::size_t chunks{};
};

class Reader {
 public:
  Reader(const MegatronLocation& location, const OpenMegatron& options) : options_{options} { checkpoint_.location = location; }

  Result<MegatronCheckpoint> run() {
    if (auto status = list_files(); !status) return status.error();
    for (auto& opened : opened_)
      if (auto status = read(opened); !status) return status.error();
    if (auto status = settle_sizes(); !status) return status.error();
    if (auto status = check_complete(); !status) return status.error();
    for (auto& opened : opened_) {
      const auto folder = opened.file.parent_path().filename().string();
      for (auto& [name, tensor] : opened.tensors) {
        tensor.name = folder + "/" + name;
        auto key = tensor.name;
        checkpoint_.catalogue.tensors.emplace(std::move(key), std::move(tensor));
      }
    }
    return std::move(checkpoint_);
  }

 private:
  Status list_files() {
    const auto entries = tree::list(checkpoint_.location.folder);
    if (!entries) return entries.error();
    for (const auto& entry : *entries)
      if (auto numbers = numbers_of(entry.path.filename().string())) opened_.push_back({entry.path / kFile, *std::move(numbers), {}, 0});
    if (opened_.empty()) return broken(checkpoint_.location.folder, "mp_rank_*", "has no rank folder with a readable name");
    std::ranges::sort(opened_, {}, &Opened::numbers);
    for (const auto& opened : opened_)
      if (opened.numbers.size() != opened_.front().numbers.size())
        return broken(opened.file, "", fmt::format("has a rank folder of another layout than {}", opened_.front().file.parent_path().filename().string()),
                      "Keep one checkpoint a folder");
    return done();
  }

  Status read(Opened& opened) {
    auto file = InputFile::open(opened.file);
    if (!file) return std::move(file).error();
    auto globals = PickleGlobals::megatron();
    globals.set_unknown(PickleGlobals::Unknown::keep);
    auto object = read_torch_object(*file, TorchOptions{std::move(globals), 1ull << 30, true});
    if (!object) return std::move(object).error();
    if (!object->note.empty()) checkpoint_.notes.push_back(object->note);
    const auto root = object->root();
    if (!root.is(PickleKind::dict)) return broken(opened.file, "", "holds no dict");
    const bool first = checkpoint_.catalogue.files.empty();
    const auto number = static_cast<std::uint32_t>(checkpoint_.catalogue.files.size());
    checkpoint_.catalogue.files.push_back(opened.file);
    if (auto status = read_state(root, opened.file, first); !status) return status;
    count_training(root, opened.file);
    if (const auto model = root.find("model")) {
      opened.chunks = 1;
      return add_tensors(*model, "model.", *object, number, opened);
    }
    while (const auto model = root.find(fmt::format("model{}", opened.chunks))) {
      if (auto status = add_tensors(*model, fmt::format("model{}.", opened.chunks), *object, number, opened); !status) return status;
      ++opened.chunks;
    }
    if (opened.chunks == 0) return broken(opened.file, "model", "is missing, and so is model0", "Give a checkpoint that was saved with its weights");
    return done();
  }

  // What every file must say alike.
  Status read_state(PickleValue root, const fs::path& file, bool first) {
    std::optional<std::int64_t> iteration;
    if (const auto said = root.find("iteration")) iteration = said->integer();
    std::optional<double> version;
    if (const auto said = root.find("checkpoint_version")) version = said->integer() ? static_cast<double>(*said->integer()) : said->real();
    boost::json::object document;
    std::optional<Error> unreadable;
    ParallelLayout layout;
    const auto arguments = root.find("args");
    const bool has_arguments = arguments && !arguments->is_none();
    if (has_arguments) {
      layout = layout_from_arguments(*arguments);
      auto made = document_from_arguments(*arguments, file.string());
      if (!made) {
        unreadable = std::move(made).error();
      } else {
        document = std::move(made->document);
        if (first) {
          checkpoint_.assumed = std::move(made->assumed);
          for (auto& note : made->notes) checkpoint_.notes.push_back(std::move(note));
        }
      }
    }
    if (first) {
      if (options_.configuration && unreadable) return *unreadable;
      if (options_.configuration && !has_arguments)
        return Error{Error::Kind::mismatch, file.string(), "args", "is missing", "Give --hf-model: its config.json takes the place of the configuration"};
      if (version.value_or(0) < 2 && has_arguments)
        return Error{Error::Kind::unsupported, file.string(), "checkpoint_version",
                     fmt::format("is {}; before 2.0 query, key and value rows lay in another order", version.value_or(0)),
                     "Load it with Megatron-LM and save it again"};
      checkpoint_.iteration = iteration;
      checkpoint_.checkpoint_version = version;
      checkpoint_.document = std::move(document);
      if (has_arguments) checkpoint_.flavor = MegatronFlavor::megatron_lm;
      stated_ = layout;
      has_arguments_ = has_arguments;
      return done();
    }
    const auto& other = checkpoint_.catalogue.files.front();
    if (iteration != checkpoint_.iteration)
      return Error{Error::Kind::mismatch, file.string(), "iteration",
                   fmt::format("is {}, but {} says {}", iteration.value_or(-1), other.string(), checkpoint_.iteration.value_or(-1)),
                   "Copy the rank files of one iteration"};
    if (document != checkpoint_.document || has_arguments != has_arguments_)
      return Error{Error::Kind::mismatch, file.string(), "args", fmt::format("disagree with those of {}{}", other.string(), first_difference(document)),
                   "Copy the rank files of one checkpoint"};
    return done();
  }

  std::string first_difference(const boost::json::object& document) const {
    for (const auto& [name, value] : checkpoint_.document) {
      const auto* here = document.if_contains(name);
      if (!here || *here != value) return fmt::format(" about {}", std::string_view(name));
    }
    return {};
  }

  void count_training(PickleValue root, const fs::path& file) {
    auto& other = checkpoint_.other;
    if (const auto optimizer = root.find("optimizer"); optimizer && !optimizer->is_none()) {
      other.optimizer_tensors += count_tensors(*optimizer, 0);
      ++other.optimizer_objects;
    }
    if (const auto scheduler = root.find("opt_param_scheduler"); scheduler && !scheduler->is_none()) ++other.optimizer_objects;
    if (root.find("rng_state")) ++other.random_states;
    if (root.find("rerun_state_machine")) ++other.rerun_states;
    if (tree::exists(file.parent_path() / "distrib_optim.pt")) ++other.optimizer_objects;
  }

  Status add_tensors(PickleValue model, const std::string& prefix, const TorchObject& object, std::uint32_t file, Opened& opened) {
    if (!model.is(PickleKind::dict)) return broken(opened.file, prefix.substr(0, prefix.size() - 1), "is no state dict");
    const auto items = model.items();
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const auto name = items[i].text();
      if (!name) continue;
      if (name->find("_extra_state") != std::string_view::npos) {
        ++checkpoint_.other.extra_states;
        continue;
      }
      const auto* tensor = items[i + 1].tensor();
      if (!tensor) {
        if (items[i + 1].is(PickleKind::dict))
          return Error{Error::Kind::unsupported, opened.file.string(), std::string{*name},
                       "is a dict within the state dict: names of before Megatron-Core", "Load it with Megatron-LM of its time and save it as Megatron-Core model"};
        continue;  // a buffer that was never set
      }
      StoredTensor stored{{}, tensor->dtype, tensor->shape, {}};
      stored.extents.push_back({file, object.offset_of(*tensor), whole(tensor->shape), tensor->strides});
      opened.tensors.emplace(prefix + std::string{unwrapped(*name)}, std::move(stored));
    }
    return done();
  }

  bool has_embedding(const Opened& opened) const {
    return std::ranges::any_of(opened.tensors, [](const auto& entry) { return entry.first.ends_with("embedding.word_embeddings.weight"); });
  }

  // Sizes by the names of the folders and what args say of them.
  Status settle_sizes() {
    std::vector<std::int64_t> sizes(opened_.front().numbers.size(), 0);
    for (const auto& opened : opened_)
      for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] = std::max(sizes[i], opened.numbers[i] + 1);
    auto& layout = ranks_.layout;
    layout = stated_;
    if (auto status = check_sizes(layout); !status)
      return broken(opened_.front().file, fmt::format("args, {}", status.error().subject), status.error().problem);
    const auto claim = [&](std::int64_t found, std::int64_t& size, const char* what) -> Status {
      if (has_arguments_ && size > found)
        return Error{Error::Kind::io, checkpoint_.location.folder.string(), "rank files",
                     fmt::format("are of {} {} ranks, but args say {}", found, what, size), "Copy the rank files that are missing"};
      if (has_arguments_ && size != found)
        return broken(checkpoint_.location.folder, "rank files", fmt::format("are of {} {} ranks, but args say {}", found, what, size));
      size = found;
      return done();
    };
    if (auto status = claim(sizes[0], layout.tensor, "tensor-parallel"); !status) return status;
    std::int64_t pipeline = 1, expert = 1;
    if (sizes.size() == 3) {
      pipeline = sizes[1];
      expert = sizes[2];
    } else if (sizes.size() == 2) {
      // A second number is a stage or an expert rank. Every stage but the first lacks the embedding, most of the time.
      const bool stages = has_arguments_ ? stated_.pipeline > 1 : !std::ranges::all_of(opened_, [&](const auto& opened) { return has_embedding(opened); });
      (stages ? pipeline : expert) = sizes[1];
    }
    if (auto status = claim(pipeline, layout.pipeline, "pipeline"); !status) return status;
    if (auto status = claim(expert, layout.expert, "expert-parallel"); !status) return status;
    const auto chunks = static_cast<std::int64_t>(opened_.front().chunks);
    for (const auto& opened : opened_)
      if (static_cast<std::int64_t>(opened.chunks) != chunks)
        return broken(opened.file, "model", fmt::format("has {} chunks of layers, but {} has {}", opened.chunks, opened_.front().file.string(), chunks));
    if (auto status = check_sizes(layout); !status) return broken(checkpoint_.location.folder, "rank files", status.error().problem);
    layout.virtual_pipeline = chunks > 1 ? std::optional{chunks} : std::nullopt;
    return done();
  }

  Status check_complete() {
    auto files = files_of_stage(ranks_.layout);
    if (!files) {
      auto failure = files.error();
      failure.file = checkpoint_.location.folder.string();
      failure.remedy = "Save it again with --ckpt-format torch_dist";
      return failure;
    }
    ranks_.ranks = *std::move(files);
    std::set<std::string> there;
    for (const auto& opened : opened_) there.insert(opened.file.parent_path().filename().string());
    for (std::int64_t stage = 0; stage < ranks_.layout.pipeline; ++stage)
      for (const auto& rank : ranks_.ranks) {
        const auto name = rank_folder(ranks_.layout, rank, stage);
        if (!there.contains(name))
          return Error{Error::Kind::io, (checkpoint_.location.folder / name / kFile).string(), {}, "is missing: the other rank files need it",
                       "Copy the rank files that are missing"};
      }
    checkpoint_.ranks = ranks_;
    return done();
  }

  OpenMegatron options_;
  MegatronCheckpoint checkpoint_;
  std::vector<Opened> opened_;
  ParallelLayout stated_;
  bool has_arguments_{};
  RankFiles ranks_;
};

}  // namespace

std::string RankFiles::prefix(const FileRank& rank, const Cell& cell) const {
  const auto folder = rank_folder(layout, rank, cell.stage);
  return layout.virtual_pipeline ? fmt::format("{}/model{}.", folder, cell.chunk) : folder + "/model.";
}

Result<MegatronCheckpoint> open_rank_files(const MegatronLocation& location, const OpenMegatron& options) {
  return Reader{location, options}.run();
}

}  // namespace weighbridge
