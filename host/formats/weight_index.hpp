#pragma once
// model.safetensors.index.json and pytorch_model.bin.index.json: which file holds which tensor.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "tensor/result.hpp"

namespace weighbridge {

struct WeightIndex {
  std::map<std::string, std::string> weight_map;  // tensor name -> file, relative to the folder of the index
  boost::json::object metadata;                   // as found, `total_size` included; kept for rewriting
};

// Errors: not JSON, a key given twice, no weight_map, a file name that is not a string or leaves the folder.
Result<WeightIndex> parse_weight_index(std::string_view json, std::string_view file);
Result<WeightIndex> read_weight_index(const std::filesystem::path& path);

// Indented by 2, keys sorted, newline at the end, as transformers writes it. metadata.total_size becomes `total_size`
// (bytes of all tensors, headers not counted); the other metadata keys are kept in sorted order.
std::string write_weight_index(const WeightIndex& index, std::uint64_t total_size);

}  // namespace weighbridge
