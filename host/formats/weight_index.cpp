#include "formats/weight_index.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "formats/format_error.hpp"
#include "formats/input_file.hpp"
#include "formats/relative_path.hpp"
#include "formats/strict_json.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxIndexFile = std::uint64_t{1} << 30;

// The text of a value, indented by 2 and with sorted keys, as Python's json.dumps(indent=2, sort_keys=True) but for
// escapes beyond ASCII. Values come from a parser that bounds their depth.
void write_indented(std::string& to, const json::value& value, std::size_t depth) {
  const auto new_line = [&](std::size_t level) { to.append("\n").append(level * 2, ' '); };
  if (const auto* object = value.if_object(); object && !object->empty()) {
    std::vector<const json::key_value_pair*> sorted;
    for (const auto& pair : *object) sorted.push_back(&pair);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
    to += '{';
    for (const auto* pair : sorted) {
      new_line(depth + 1);
      to.append(json::serialize(pair->key())).append(": ");
      write_indented(to, pair->value(), depth + 1);
      to += ',';
    }
    to.back() = '\n';
    to.append(depth * 2, ' ').append("}");
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    to += '[';
    for (const auto& item : *array) {
      new_line(depth + 1);
      write_indented(to, item, depth + 1);
      to += ',';
    }
    to.back() = '\n';
    to.append(depth * 2, ' ').append("]");
  } else {
    to += json::serialize(value);
  }
}

}  // namespace

Result<WeightIndex> parse_weight_index(std::string_view text, std::string_view file) {
  auto parsed = parse_strict_json(text, file);
  if (!parsed) return std::move(parsed).error();
  auto* root = parsed->if_object();
  if (!root) return damaged(file, {}, "is not a JSON object");
  auto* map = root->if_contains("weight_map");
  if (!map || !map->is_object()) return damaged(file, "weight_map", "is missing or not an object of names and files");

  WeightIndex index;
  for (const auto& [key, value] : map->get_object()) {
    const std::string name{key.data(), key.size()};
    const auto* shard = value.if_string();
    if (!shard) return damaged(file, name, "weight_map gives no file name for it, but another kind of value");
    const std::string path{shard->data(), shard->size()};
    if (!stays_inside_folder(path))
      return Error{Error::Kind::format, std::string{file}, name,
                   fmt::format("weight_map names the file '{}', which is not inside the folder of the index", path),
                   "Get the checkpoint from a source that you trust, or correct the path to one relative to the index"};
    index.weight_map.emplace(name, path);
  }
  if (auto* metadata = root->if_contains("metadata")) {
    if (metadata->is_object())
      index.metadata = metadata->get_object();
    else if (!metadata->is_null())
      return damaged(file, "metadata", "is not an object");
  }
  return index;
}

Result<WeightIndex> read_weight_index(const std::filesystem::path& path) {
  auto text = read_whole_file(path, kMaxIndexFile);
  if (!text) return std::move(text).error();
  return parse_weight_index(*text, path.string());
}

std::string write_weight_index(const WeightIndex& index, std::uint64_t total_size) {
  json::object metadata = index.metadata;
  metadata["total_size"] = total_size;
  json::object map;
  map.reserve(index.weight_map.size());
  for (const auto& [name, shard] : index.weight_map) map.emplace(name, shard);
  std::string text;
  write_indented(text, json::object{{"metadata", std::move(metadata)}, {"weight_map", std::move(map)}}, 0);
  return text + '\n';
}

}  // namespace weighbridge
