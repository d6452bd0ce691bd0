#pragma once
// How torch names element types in pickles. Private to this room.

#include <optional>
#include <string_view>

#include "tensor/dtype.hpp"

namespace weighbridge {

// The class of `torch` that holds elements of this type ("BFloat16Storage"); empty for the newer types, whose storages
// are a `torch.storage.UntypedStorage` counted in bytes and whose tensors carry their dtype (_rebuild_tensor_v3).
std::string_view torch_storage_class(DType dtype);
std::optional<DType> dtype_of_storage_class(std::string_view name);

// Whether torch.save can hold tensors of this type one element an element: not the 4- and 6-bit types.
bool torch_can_hold(DType dtype);

}  // namespace weighbridge
