#pragma once
// Finds the elements inside the torch.save blobs of a .distcp file.

#include <cstdint>
#include <string>
#include <vector>

#include "formats/dcp_metadata.hpp"
#include "formats/input_file.hpp"
#include "tensor/result.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

struct BlobTensor {
  DType dtype{};
  std::uint64_t offset{};  // bytes in the file, of the first element
  Shape strides;           // elements
};

// Reads the framing of one blob after another. A blob whose head (everything before its data, the pickle with dtype,
// shape and strides included) is byte for byte that of an earlier blob of the same length is known by it: one small
// read. Every other blob is parsed in full. So 100,000 chunks of a few shapes cost about one read each.
// Not for several threads at once.
class BlobReader {
 public:
  // The tensor in the blob at `item` of `file`, whose shape must be `sizes`. `key` names it in errors.
  Result<BlobTensor> read(const InputFile& file, const DcpItem& item, const Shape& sizes, const std::string& key);

 private:
  struct Known {
    std::uint64_t length{};
    Shape sizes;
    std::string head;  // the bytes before the data
    DType dtype{};
    std::uint64_t element_offset{};  // from the start of the blob
    Shape strides;
  };
  std::vector<Known> known_;  // the latest ones, newest last
};

}  // namespace weighbridge
