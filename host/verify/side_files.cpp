#include "verify/side_files.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "checkpoints/config_document.hpp"
#include "conversion/reference.hpp"
#include "formats/file_tree.hpp"
#include "formats/input_file.hpp"
#include "verify/config_comparison.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

Difference file_difference(std::string name, std::string expected, std::string actual) {
  Difference made{};
  made.kind = DifferenceKind::file;
  made.name = std::move(name);
  made.expected = std::move(expected);
  made.actual = std::move(actual);
  return made;
}

Result<bool> same_bytes(const fs::path& one, const fs::path& other) {
  auto first = InputFile::open(one), second = InputFile::open(other);
  if (!first) return first.error();
  if (!second) return second.error();
  if (first->size() != second->size()) return false;
  std::array<char, 1 << 16> left{}, right{};
  for (std::uint64_t at = 0; at < first->size(); at += left.size()) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left.size(), first->size() - at));
    if (auto status = first->read(at, std::span{left}.first(size)); !status) return status.error();
    if (auto status = second->read(at, std::span{right}.first(size)); !status) return status.error();
    if (!std::equal(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(size), right.begin())) return false;
  }
  return true;
}

// As JSON field by field where both are that, else as bytes.
Status compare_file(const fs::path& expected, const fs::path& actual, const std::string& name, std::vector<Difference>& differences) {
  auto same = same_bytes(expected, actual);
  if (!same) return same.error();
  if (*same) return done();
  if (name.ends_with("config.json")) {
    const auto one = ConfigDocument::read(expected), other = ConfigDocument::read(actual);
    if (one && other) {
      auto fields = compare_json(one->root(), other->root(), name);
      std::ranges::move(fields, std::back_inserter(differences));
      return done();
    }
  }
  differences.push_back(file_difference(name, fmt::format("the {} bytes of {}", tree::file_size(expected), expected.string()),
                                        fmt::format("another content of {} bytes", tree::file_size(actual))));
  return done();
}

// A merge is "a b", or ["a", "b"].
bool same_merges(const boost::json::value& one, const boost::json::value& other) {
  const auto text = [](const boost::json::value& merge) {
    if (merge.is_string()) return std::string{merge.get_string()};
    if (!merge.is_array() || merge.get_array().size() != 2 || !merge.get_array()[0].is_string() || !merge.get_array()[1].is_string()) return boost::json::serialize(merge);
    return std::string{merge.get_array()[0].get_string()} + " " + std::string{merge.get_array()[1].get_string()};
  };
  if (!one.is_array() || !other.is_array()) return one == other;
  return std::ranges::equal(one.get_array(), other.get_array(), [&](const auto& a, const auto& b) { return text(a) == text(b); });
}

// What a tokenizer.json maps text to; the rest is how a program likes to write it.
Status compare_vocabulary(const fs::path& expected, const fs::path& actual, std::vector<Difference>& differences) {
  const auto one = ConfigDocument::read(expected), other = ConfigDocument::read(actual);
  if (!one) return one.error();
  if (!other) return other.error();
  for (const auto* part : {"model.vocab", "model.merges"}) {
    const auto* a = one->find(part);
    const auto* b = other->find(part);
    const auto says_nothing = [](const boost::json::value* value) { return value == nullptr || value->is_null() || (value->is_array() && value->get_array().empty()); };
    if (says_nothing(a) && says_nothing(b)) continue;
    if (a != nullptr && b != nullptr && same_merges(*a, *b)) continue;
    differences.push_back(file_difference("tokenizer.json", fmt::format("the {} of the Hugging Face tokenizer", part), fmt::format("another {}", part)));
  }
  return done();
}

}  // namespace

Result<std::vector<Difference>> compare_kept_files(const HuggingFaceRepository& repository, const MegatronCheckpoint& checkpoint, std::vector<std::string>& notes) {
  std::vector<Difference> differences;
  const auto& folder = checkpoint.location.folder;
  const auto kept = folder / kKeptFolder, tokenizer = folder / "tokenizer";
  const bool ours = tree::is_file(kept / "config.json");
  if (!ours && !tree::is_folder(tokenizer)) {
    notes.emplace_back("the Megatron checkpoint keeps no tokenizer and no side files; none are compared");
    return differences;
  }
  if (!ours) {
    const auto one = repository.folder / "tokenizer.json", other = tokenizer / "tokenizer.json";
    if (tree::is_file(one) && tree::is_file(other))
      if (auto status = compare_vocabulary(one, other, differences); !status) return status.error();
    notes.emplace_back("the tokenizer of the Megatron checkpoint was saved by another program; only its vocabulary and merges are compared");
    return differences;
  }
  if (auto status = compare_file(repository.folder / "config.json", kept / "config.json", "config.json", differences); !status) return status.error();
  for (const auto& file : repository.side_files) {
    const auto there = tree::is_file(tokenizer / file.path) ? tokenizer / file.path : kept / file.path;
    if (!tree::is_file(there)) {
      differences.push_back(file_difference(file.path.string(), "as in the Hugging Face folder", "not kept in the Megatron checkpoint"));
      continue;
    }
    if (auto status = compare_file(file.source, there, file.path.string(), differences); !status) return status.error();
  }
  return differences;
}

Result<std::vector<Difference>> compare_side_files(const HuggingFaceRepository& expected, const HuggingFaceRepository& actual) {
  std::vector<Difference> differences;
  auto fields = compare_json(expected.config.root(), actual.config.root(), "config.json");
  std::ranges::move(fields, std::back_inserter(differences));
  std::set<fs::path> known;
  for (const auto& file : expected.side_files) {
    known.insert(file.path);
    const auto other = std::ranges::find(actual.side_files, file.path, &CarriedFile::path);
    if (other == actual.side_files.end()) differences.push_back(file_difference(file.path.string(), "a file", "missing"));
    else if (auto status = compare_file(file.source, other->source, file.path.string(), differences); !status) return status.error();
  }
  for (const auto& file : actual.side_files)
    if (!known.contains(file.path)) differences.push_back(file_difference(file.path.string(), "no such file", "a file"));
  return differences;
}

}  // namespace weighbridge
