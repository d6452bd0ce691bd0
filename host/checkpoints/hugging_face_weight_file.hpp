#pragma once
// One file of Hugging Face weights: which tensors it holds and where.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

struct WeightFileContent {
  std::vector<StoredTensor> tensors;  // by offset, then name; one extent each, with the file number given
  std::vector<std::string> skipped;   // entries of a torch state dict that are no tensors
};

// Both check the whole header or pickle against the size of the file; no tensor data is read. `file` is the index that
// the extents name. Errors: io, format, unsupported (an element type that safetensors lacks).
Result<WeightFileContent> read_safetensors_weights(const std::filesystem::path& path, std::uint32_t file,
                                                   std::uint64_t max_header_bytes);

// A state dict: tensors by name. Views keep their strides; tensors that share a storage share its bytes.
Result<WeightFileContent> read_torch_weights(const std::filesystem::path& path, std::uint32_t file);

}  // namespace weighbridge
