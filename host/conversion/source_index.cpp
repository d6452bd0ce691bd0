#include "conversion/source_index.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <map>

#include "formats/file_tree.hpp"
#include "formats/input_file.hpp"
#include "formats/strict_json.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxBytes = 1 << 30;

std::optional<StoredTensor> tensor_of(std::string_view name, const json::value& said, std::size_t files) {
  const auto* fields = said.if_array();
  if (!fields || fields->size() != 3 || !(*fields)[0].is_string() || !(*fields)[1].is_array() || !(*fields)[2].is_int64()) return {};
  const auto dtype = dtype_from_string((*fields)[0].get_string());
  if (!dtype || (*fields)[2].get_int64() < 0 || static_cast<std::size_t>((*fields)[2].get_int64()) >= files) return {};
  StoredTensor tensor{std::string{name}, *dtype, {}, {}};
  for (const auto& extent : (*fields)[1].get_array()) {
    if (!extent.is_int64() || extent.get_int64() < 0) return {};
    tensor.shape.push_back(extent.get_int64());
  }
  return element_count(tensor.shape) ? std::optional{std::move(tensor)} : std::nullopt;
}

}  // namespace

std::string source_index_text(const HuggingFaceRepository& repository) {
  json::array files;
  std::map<std::string, std::size_t> numbers;
  std::string tensors;  // written at once: a large model has too many for a tree of them
  for (const auto& [name, file] : repository.weight_map) {
    const auto found = repository.catalogue.tensors.find(name);
    if (found == repository.catalogue.tensors.end()) continue;
    const auto [number, fresh] = numbers.try_emplace(file, files.size());
    if (fresh) files.emplace_back(file);
    fmt::format_to(std::back_inserter(tensors), "{}{}:[\"{}\",[{}],{}]", tensors.empty() ? "" : ",", json::serialize(json::string_view{name}),
                   to_string(found->second.dtype), fmt::join(found->second.shape, ","), number->second);
  }
  return fmt::format("{{\"has_index\":{},\"metadata\":{},\"files\":{},\"tensors\":{{{}}}}}\n", repository.has_index,
                     json::serialize(repository.index_metadata), json::serialize(files), tensors);
}

Result<std::optional<SourceIndex>> read_source_index(const std::filesystem::path& folder) {
  const auto file = folder / kSourceIndex;
  if (!tree::is_file(file)) return std::optional<SourceIndex>{};
  const auto wrong = [&](std::string_view subject) {
    return Error{Error::Kind::format, file.string(), std::string{subject}, "is not what an import writes there",
                 "Remove the file, or take a complete copy of the checkpoint"};
  };
  auto text = read_whole_file(file, kMaxBytes);
  if (!text) return std::move(text).error();
  auto parsed = parse_strict_json(*text, file.string());
  if (!parsed) return std::move(parsed).error();
  const auto* root = parsed->if_object();
  const auto* files = root ? root->if_contains("files") : nullptr;
  const auto* tensors = root ? root->if_contains("tensors") : nullptr;
  const auto* metadata = root ? root->if_contains("metadata") : nullptr;
  const auto* has_index = root ? root->if_contains("has_index") : nullptr;
  if (!files || !files->is_array() || !tensors || !tensors->is_object() || !metadata || !metadata->is_object() || !has_index || !has_index->is_bool())
    return wrong("");
  SourceIndex index;
  index.shards.has_index = has_index->get_bool();
  index.shards.index_metadata = metadata->get_object();
  for (const auto& [name, said] : tensors->get_object()) {
    auto tensor = tensor_of(name, said, files->get_array().size());
    if (!tensor) return wrong(name);
    const auto* of = files->get_array()[static_cast<std::size_t>(said.get_array()[2].get_int64())].if_string();
    if (!of) return wrong("files");
    index.shards.weight_map.push_back({std::string{name}, std::string{*of}});
    index.tensors.tensors.emplace(std::string{name}, *std::move(tensor));
  }
  return std::optional{std::move(index)};
}

}  // namespace weighbridge
