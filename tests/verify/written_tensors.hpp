#pragma once
// Catalogues over bytes that a test wrote itself.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/temporary_folder.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge::test {

// Little-endian 16-bit elements.
inline std::string words(const std::vector<std::uint16_t>& values) {
  std::string bytes;
  for (const auto value : values) {
    bytes += static_cast<char>(value & 0xff);
    bytes += static_cast<char>(value >> 8);
  }
  return bytes;
}

// One file, "NAME.bin", of that content; tensors are added to it.
inline Catalogue catalogue_of(const TemporaryFolder& folder, const std::string& name, const std::string& content) {
  return {{folder.write(name + ".bin", content)}, {}};
}

inline void add(Catalogue& catalogue, StoredTensor tensor) { catalogue.tensors.emplace(tensor.name, std::move(tensor)); }

// A tensor in one row-major piece.
inline StoredTensor plain(const std::string& name, DType dtype, const Shape& shape, std::uint64_t offset = 0) {
  return {name, dtype, shape, {{0, offset, whole(shape), row_major_strides(shape)}}};
}

}  // namespace weighbridge::test
