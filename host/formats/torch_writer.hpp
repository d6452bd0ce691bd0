#pragma once
// Writes what torch.load reads: small objects as bytes, and the framing of a big tensor whose bytes come later.

#include <span>
#include <string>

#include "formats/pickle_value.hpp"
#include "formats/pickle_writer.hpp"
#include "formats/torch_archive.hpp"

namespace weighbridge {

// A storage with its bytes, little-endian. Tensors of a value name it by its index.
struct StorageBytes {
  DType dtype{};
  std::string bytes;
};

// torch.save(root) as one byte string. Errors are those of write_pickle.
Result<std::string> write_torch_object(PickleValue root, std::span<const StorageBytes> storages = {},
                                       std::string_view prefix = "archive");

// torch.save(tensor) for a contiguous tensor of this dtype and shape, its bytes being external record 0 of the layout.
// The layout of an item in a .distcp file. Error: a type that torch does not have, a shape that overflows.
Result<ArchiveLayout> lay_out_torch_tensor(DType dtype, const Shape& shape);

// torch.save(root), where storage k is external record k, in this order.
Result<ArchiveLayout> lay_out_torch_object(PickleValue root, std::span<const PickledStorage> storages,
                                           std::string_view prefix = "archive");

}  // namespace weighbridge
