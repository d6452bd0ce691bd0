#pragma once
// Where the elements of a tensor lie on disk. One shape for every storage: a safetensors tensor is one extent, a
// torch_dist tensor is one extent a chunk, a strided torch storage is an extent with its own strides.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensor/shape.hpp"

namespace weighbridge {

// The elements of `box` (coordinates of the whole tensor): element at box.offsets + i lies at byte
// offset + (sum over axes of i[a] * strides[a]) * element size of file `file`.
struct Extent {
  std::uint32_t file{};    // index into Catalogue::files
  std::uint64_t offset{};  // bytes
  Box box;
  Shape strides;           // elements
};

// The extents tile the tensor: no hole, no overlap (checked by whoever opened the checkpoint).
struct StoredTensor {
  std::string name;
  DType dtype{};
  Shape shape;
  std::vector<Extent> extents;
};

struct Catalogue {
  std::vector<std::filesystem::path> files;
  std::map<std::string, StoredTensor, std::less<>> tensors;
};

}  // namespace weighbridge
