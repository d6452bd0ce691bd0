#pragma once
// The safetensors format: u64 header length, JSON header, data. Reading checks all that the reference reader checks
// (and duplicate keys, which it does not); writing gives the bytes that the reference writer gives.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "formats/input_file.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

struct SafetensorsEntry {
  std::string name;
  DType dtype{};
  Shape shape;
  std::uint64_t begin{};  // bytes, absolute in the file
  std::uint64_t end{};
  friend bool operator==(const SafetensorsEntry&, const SafetensorsEntry&) = default;
};

using SafetensorsMetadata = std::map<std::string, std::string>;

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;  // ordered by their place in the file, then as in the header
  SafetensorsMetadata metadata;           // `__metadata__`; empty if absent
  std::uint64_t data_start{};             // bytes from the start of the file
};

// The reference reader refuses longer headers; some published files have them.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

// Reads the header and proves that the tensors tile the rest of the file: no hole, no overlap, no trailing byte, every
// tensor as long as its dtype and shape say. Reads no tensor data. Errors name the file and the tensor.
Result<SafetensorsHeader> read_safetensors_header(const InputFile& file,
                                                  std::uint64_t max_header = kMaxSafetensorsHeader);

struct SafetensorsTensor {
  std::string name;
  DType dtype{};
  Shape shape;
};

enum class SafetensorsOrder {
  reference = 1,  // by descending dtype, then name: what the reference writer does
  given,
};

// A file laid out before its data exists: `header` is its first bytes, tensors[i] begins at offsets[i].
struct SafetensorsLayout {
  std::string header;
  std::vector<std::uint64_t> offsets;  // bytes, absolute in the file; in the order of the tensors given
  std::uint64_t file_size{};
};

// Errors (naming no file): two tensors of one name, a shape whose bytes overflow or do not fill whole bytes.
Result<SafetensorsLayout> lay_out_safetensors(std::span<const SafetensorsTensor> tensors,
                                              const SafetensorsMetadata& metadata = {{"format", "pt"}},
                                              SafetensorsOrder order = SafetensorsOrder::reference);

}  // namespace weighbridge
