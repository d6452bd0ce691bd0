#pragma once
// Makes a part of a planned output tensor in memory: what a run writes, and what a comparison looks at.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "engine/block_encoder.hpp"
#include "engine/decoded_reader.hpp"
#include "engine/direct_io.hpp"
#include "engine/run.hpp"
#include "engine/tensor_copies.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Called before every read with its size in bytes; an error stops the reader and is what it returns.
using BeforeRead = std::function<Status(std::uint64_t)>;

// For one thread. Plan, files and tuning must outlive it; the plan must have passed check_plan.
class WindowReader {
 public:
  // `bounce`, `block` and `room` as of DirectReader.
  WindowReader(const Plan& plan, Files& files, const Tuning& tuning, BeforeRead before_read, std::span<std::byte> bounce = {},
               std::span<std::byte> block = {}, std::span<std::byte> room = {});

  // Puts bytes [begin, end) of tensor number `tensor` into `target`, which must have room for them. A window must not
  // cut an element. Windows of one tensor are best asked for in a row. `scratch` must hold an element. Of an encoded
  // tensor, `target` needs room for a strip of values behind the window.
  Status fill(std::size_t tensor, std::int64_t begin, std::int64_t end, std::span<std::byte> target,
              std::span<std::byte> scratch);

  const EncodingTotals& encoding_totals() const { return encoder_.totals(); }

 private:
  class FileSource : public ByteSource {
   public:
    FileSource(WindowReader& reader, std::uint32_t source_file);
    Status read(std::uint64_t offset, std::span<std::byte> into) override;
    bool keeps_blocks() const override;
    Status read_near(std::uint64_t offset, std::span<std::byte> into, std::uint64_t end) override;

   private:
    WindowReader& reader_;
    std::uint32_t source_file_;
  };

  Status assemble(std::int64_t begin, std::int64_t end, std::span<std::byte> target, std::span<std::byte> scratch);
  Status encode(const Encoding& encoding, std::int64_t begin, std::int64_t end, std::span<std::byte> target, std::span<std::byte> scratch);
  DecodedReader& decoded_source(const DecodedSource& source, std::uint32_t number, DType type);
  Status read_source(std::uint32_t source_file, std::uint64_t offset, std::span<std::byte> into);

  const Plan* plan_;
  const Tuning* tuning_;
  BeforeRead before_read_;
  DirectReader sources_;
  std::optional<std::size_t> tensor_;  // whose copies are prepared
  std::optional<TensorCopies> copies_;
  std::optional<std::pair<std::uint32_t, DecodedReader>> decoded_;  // the decoded source read last
  BlockEncoder encoder_;
};

}  // namespace weighbridge
