#pragma once
// The stream of pickles and storages that torch.save wrote before torch 1.6. Private to this room.

#include <cstdint>
#include <string>

#include "formats/torch_object.hpp"

namespace weighbridge {

Result<TorchObject> read_torch_stream(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                      const TorchOptions& options, const std::string& subject);

}  // namespace weighbridge
