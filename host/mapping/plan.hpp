#pragma once
// A plan: what an executor needs to know and nothing else. It is complete before a byte is read: every output file's
// size, every literal byte and every strided copy are fixed, so the same plan gives the same bytes whatever runs it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mapping/codec.hpp"
#include "mapping/shared_bytes.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {

// Positions in files and in memory matter modulo this for transfers around the page cache.
inline constexpr std::uint64_t kPage = 4096;

// One level of a loop nest. Strides are in elements of the respective side and may be of any sign or zero.
struct Loop {
  std::int64_t extent{};
  std::int64_t source_stride{};
  std::int64_t target_stride{};
  friend bool operator==(const Loop&, const Loop&) = default;
};

// What happens to an element on its way. `none` moves bits; the others compute in float and round once (to nearest,
// ties to even).
enum class ElementOperation : std::uint8_t { none = 1, cast, add_constant };

// target[t0 + sum(i_k * target_stride_k)] = operation(source[s0 + sum(i_k * source_stride_k)]) for all 0 <= i_k < extent_k.
// Loops are ordered by descending target stride. Offsets are in bytes: of the source from the start of its file, of
// the target from the start of its output tensor.
struct Copy {
  std::uint32_t source_file{};  // index into Plan::sources; behind them, into Plan::decoded
  std::uint64_t source_offset{};
  std::uint64_t target_offset{};
  DType source_dtype{};
  ElementOperation operation{ElementOperation::none};
  double constant{};  // of add_constant
  std::vector<Loop> loops;
};

// A contiguous, row-major tensor in a source file.
struct StoredRun {
  std::uint32_t source_file{};  // index into Plan::sources
  std::uint64_t offset{};       // bytes
  DType dtype{};
};

// A source that is no file: the float32 values of a block-scaled tensor, row-major from offset 0, made as they are read.
struct DecodedSource {
  std::string name;
  BlockScaled form;
  StoredRun data;
  std::optional<StoredRun> scales;  // without them every scale is 1
};

// An output tensor that holds the codes or the scales of block-scaled values. Its copies then write the values, as a
// row-major float32 tensor of form.shape, and both parts are made of those.
struct Encoding {
  enum class Part : std::uint8_t { data = 1, scales } part{};
  BlockScaled form;
  bool scaled{true};                  // else every scale is 1 and there is no tensor of them
  DType scales_dtype{};
  DType held{};                       // in which the values are held where they come from
  std::optional<StoredRun> original;  // scales: a block that they give back exactly keeps its own
};

// One output tensor (or chunk of one): a contiguous, row-major run of bytes in one output file. The copies write each
// element exactly once; elements that no copy writes are padding and hold `filler` (see `padded`).
struct OutputTensor {
  std::string name;  // for progress and errors
  std::uint32_t file{};
  std::uint64_t offset{};
  std::uint64_t bytes{};
  DType dtype{};
  bool padded{};  // whether some elements are padding that no copy writes
  std::vector<Copy> copies;  // ordered by target offset
  std::shared_ptr<const Encoding> encoding{};  // null: the copies write the elements themselves
  std::uint64_t filler{};  // the bits of an element of padding
};

// The CRC-32 (zlib polynomial) of an output tensor's bytes, to be put little-endian into a literal at `position`.
struct ChecksumSlot {
  std::uint32_t tensor{};
  std::uint32_t position{};
};

// Bytes that are known beforehand but for the checksums in them: file headers, zip framing, pickles.
struct Literal {
  std::uint32_t file{};
  std::uint64_t offset{};
  SharedBytes bytes;
  std::vector<ChecksumSlot> checksums;
};

struct OutputFile {
  std::filesystem::path path;  // relative to the output folder; parents are made
  std::uint64_t size{};
};

// A whole file that is carried over unchanged (tokenizer, templates, code).
struct CarriedFile {
  std::filesystem::path source;
  std::filesystem::path path;  // relative to the output folder
};

struct Plan {
  std::vector<std::filesystem::path> sources;
  std::vector<DecodedSource> decoded;

  // What a copy's source_file names where that is no file; else null.
  const DecodedSource* decoded_source(std::uint32_t source_file) const {
    return source_file < sources.size() ? nullptr : &decoded.at(source_file - sources.size());
  }

  std::vector<OutputFile> files;
  std::vector<OutputTensor> tensors;  // ordered by file, then offset
  std::vector<Literal> literals;      // with the tensors they tile the files exactly
  std::vector<CarriedFile> carried;
};

}  // namespace weighbridge
