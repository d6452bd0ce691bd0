#include "engine/window_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "engine/block_codec.hpp"
#include "engine/gather.hpp"

namespace weighbridge {
namespace {

// `target` is what lies from byte `begin` on; windows may begin and end within an element.
void fill_padding(const OutputTensor& output, std::int64_t begin, std::span<std::byte> target) {
  if (output.filler == 0) {
    std::memset(target.data(), 0, target.size());
    return;
  }
  const auto size = static_cast<std::uint64_t>(bits(output.dtype)) / 8;
  for (std::size_t i = 0; i < target.size(); ++i)
    target[i] = static_cast<std::byte>(output.filler >> 8 * ((static_cast<std::uint64_t>(begin) + i) % size));
}

}  // namespace

WindowReader::FileSource::FileSource(WindowReader& reader, std::uint32_t source_file) : reader_{reader}, source_file_{source_file} {}

Status WindowReader::FileSource::read(std::uint64_t offset, std::span<std::byte> into) {
  return reader_.read_source(source_file_, offset, into);
}

bool WindowReader::FileSource::keeps_blocks() const { return reader_.sources_.keeps_blocks(); }

Status WindowReader::FileSource::read_near(std::uint64_t offset, std::span<std::byte> into, std::uint64_t end) {
  if (auto status = reader_.before_read_(into.size()); !status) return status;
  return reader_.sources_.read_near(reader_.plan_->sources[source_file_], offset, into, end, reader_.plan_->tensors[*reader_.tensor_].name);
}

WindowReader::WindowReader(const Plan& plan, Files& files, const Tuning& tuning, BeforeRead before_read, std::span<std::byte> bounce,
                           std::span<std::byte> block, std::span<std::byte> room)
    : plan_{&plan}, tuning_{&tuning}, before_read_{std::move(before_read)}, sources_{files, bounce, tuning.direct, block, room} {}

Status WindowReader::fill(std::size_t tensor, std::int64_t begin, std::int64_t end, std::span<std::byte> target,
                          std::span<std::byte> scratch) {
  const auto& output = plan_->tensors[tensor];
  if (tensor_ != tensor) {
    auto made = TensorCopies::make(output);
    if (!made) return made.error();
    copies_ = std::move(*made);
    tensor_ = tensor;
    decoded_.reset();
  }
  return output.encoding ? encode(*output.encoding, begin, end, target, scratch) : assemble(begin, end, target, scratch);
}

Status WindowReader::read_source(std::uint32_t source_file, std::uint64_t offset, std::span<std::byte> into) {
  const auto& path = plan_->sources[source_file];
  if (auto status = before_read_(into.size()); !status) return status;
  return sources_.read(path, offset, into, plan_->tensors[*tensor_].name);
}

DecodedReader& WindowReader::decoded_source(const DecodedSource& source, std::uint32_t number, DType type) {
  if (!decoded_ || decoded_->first != number || decoded_->second.type() != type)
    decoded_.emplace(number, DecodedReader{source, type, [this](std::uint32_t file, std::uint64_t offset, std::span<std::byte> into) {
                                             return read_source(file, offset, into);
                                           }});
  return decoded_->second;
}

Status WindowReader::assemble(std::int64_t begin, std::int64_t end, std::span<std::byte> target, std::span<std::byte> scratch) {
  const auto& output = plan_->tensors[*tensor_];
  if (output.padded) fill_padding(output, begin, target.first(static_cast<std::size_t>(end - begin)));
  const ReadLimits limits{static_cast<std::int64_t>(tuning_->run), static_cast<std::int64_t>(tuning_->gap)};
  const auto [first, last] = copies_->reaching(begin, end);
  const auto gathered = [&](const Nest& nest, const Element& element, ByteSource& source) {
    Status status = done();
    clip(nest, begin, end, [&](const Nest& part) {
      if (status) status = gather(part, element, source, limits, scratch, target.data(), begin);
    });
    return status;
  };
  for (auto i = first; i < last; ++i) {
    const auto& copy = copies_->all()[i];
    const auto* decoded = plan_->decoded_source(copy.source_file);
    if (decoded == nullptr) {
      FileSource source{*this, copy.source_file};
      if (auto status = gathered(copy.nest, copy.element, source); !status) return status;
    } else if (copy.element.rounds_f32()) {  // the decoder rounds on its way, which spares a pass
      auto& source = decoded_source(*decoded, copy.source_file, copy.element.target());
      if (auto status = gathered(over_elements_of(copy.nest, copy.nest.target_width), copy.element.of_rounded(), source); !status) return status;
    } else if (auto status = gathered(copy.nest, copy.element, decoded_source(*decoded, copy.source_file, DType::f32)); !status) {
      return status;
    }
  }
  return done();
}

// Strip by strip: the values are assembled behind the window, and what of their encoding lies in it is kept.
Status WindowReader::encode(const Encoding& encoding, std::int64_t begin, std::int64_t end, std::span<std::byte> target,
                            std::span<std::byte> scratch) {
  const auto shape = encoded_shape(encoding);
  const auto size = static_cast<std::size_t>(end - begin);
  // The window lies in memory as in its file, which need not be where a float may.
  const auto behind = (reinterpret_cast<std::uintptr_t>(target.data()) + size) % alignof(float);
  const auto aligned = size + (behind == 0 ? 0 : alignof(float) - behind);
  const auto strip_room = static_cast<std::size_t>(shape.strip_values) * sizeof(float);
  if (target.size() < aligned + strip_room)
    return Error{Error::Kind::usage, plan_->files[plan_->tensors[*tensor_].file].path.string(), plan_->tensors[*tensor_].name,
                 fmt::format("a strip of blocks takes {} bytes to encode", strip_room), "Give a larger --max-memory"};
  const auto strip_values = target.subspan(aligned, strip_room);
  const auto columns = encoding.form.columns();
  for (auto strip = begin / shape.strip_bytes; strip < shape.strips && strip * shape.strip_bytes < end; ++strip) {
    const auto rows = std::min(encoding.form.block_rows, encoding.form.rows() - strip * encoding.form.block_rows);
    const auto first = strip * encoding.form.block_rows * columns * static_cast<std::int64_t>(sizeof(float));
    const auto bytes = rows * columns * static_cast<std::int64_t>(sizeof(float));
    if (auto status = assemble(first, first + bytes, strip_values, scratch); !status) return status;
    std::vector<std::byte> original;
    if (encoding.original) {
      const auto width = static_cast<std::int64_t>(scale_bytes(encoding.scales_dtype)) * encoding.form.block_grid_columns();
      original.resize(static_cast<std::size_t>(width));
      if (auto status = read_source(encoding.original->source_file, encoding.original->offset + static_cast<std::uint64_t>(strip * width), original);
          !status)
        return status;
    }
    const std::span<const float> values{reinterpret_cast<const float*>(strip_values.data()), static_cast<std::size_t>(rows * columns)};
    const auto encoded = encoder_.encode(encoding, strip, values, original);
    const auto from = std::max(begin, strip * shape.strip_bytes);
    const auto to = std::min(end, strip * shape.strip_bytes + static_cast<std::int64_t>(encoded.size()));
    std::memcpy(target.data() + (from - begin), encoded.data() + (from - strip * shape.strip_bytes), static_cast<std::size_t>(to - from));
  }
  return done();
}

}  // namespace weighbridge
