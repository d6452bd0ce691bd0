#pragma once
// Writes values as protocol-2 pickles with the opcodes that torch.load(weights_only=True) accepts, deterministically.

#include <cstdint>
#include <span>
#include <string>

#include "formats/pickle_value.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// What a storage holds: that many elements of this type.
struct PickledStorage {
  DType dtype{};
  std::int64_t elements{};
};

// Tensors are written as views into storages[tensor.storage], whose key is that number in decimal. Repeated strings,
// globals and shared nodes are written once. Errors: a tensor of a type that torch does not have, nesting over 1000.
Result<std::string> write_pickle(PickleValue root, std::span<const PickledStorage> storages = {});

}  // namespace weighbridge
