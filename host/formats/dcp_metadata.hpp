#pragma once
// `.metadata` of torch.distributed.checkpoint: where each chunk of each tensor, and each byte object, lies.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/result.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

// `length` bytes at `offset` of DcpMetadata::files[file]: one complete torch.save blob. Several may share one place.
struct DcpItem {
  std::uint32_t file{};
  std::uint64_t offset{};
  std::uint64_t length{};
  friend bool operator==(const DcpItem&, const DcpItem&) = default;
};

struct DcpChunk {
  Box box;  // in the coordinates of the tensor; never empty unless the tensor is
  DcpItem item;
  friend bool operator==(const DcpChunk&, const DcpChunk&) = default;
};

// The chunks tile the tensor: no hole, no overlap.
struct DcpTensor {
  DType dtype{};
  Shape shape;
  std::vector<DcpChunk> chunks;  // by offsets
  friend bool operator==(const DcpTensor&, const DcpTensor&) = default;
};

struct DcpMetadata {
  std::vector<std::string> files;  // relative to the folder of `.metadata`, and staying inside it
  std::map<std::string, DcpTensor, std::less<>> tensors;
  std::map<std::string, DcpItem, std::less<>> objects;
};

// Parses a `.metadata` of any torch version since 2.1 and any Megatron-Core. Errors name `file` and the key: not such a
// pickle, a path that leaves the folder, transformed (compressed) items, chunks out of bounds, overlapping, missing.
Result<DcpMetadata> parse_dcp_metadata(std::string bytes, std::string_view file);

// The shortest `.metadata` that every torch since 2.3 and Megatron-Core load; sorted by key, so the same content gives
// the same bytes. The chunks must tile their tensors.
Result<std::string> write_dcp_metadata(const DcpMetadata& metadata);

}  // namespace weighbridge
