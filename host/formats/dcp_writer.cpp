#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "formats/dcp_metadata.hpp"
#include "formats/pickle_emitter.hpp"
#include "formats/relative_path.hpp"
#include "formats/tiling.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kMetadata = "torch.distributed.checkpoint.metadata";

// So many that a large checkpoint's pickle, of more than 10 MB, need not be moved while it grows.
std::size_t expected_bytes(const DcpMetadata& metadata) {
  constexpr std::size_t kEntry = 300;
  auto entries = metadata.objects.size();
  for (const auto& [key, tensor] : metadata.tensors) entries += tensor.chunks.size();
  return entries * kEntry;
}

class MetadataWriter {
 public:
  explicit MetadataWriter(const DcpMetadata& metadata) : metadata_{metadata}, to_{expected_bytes(metadata)} {}

  std::string write() {
    instance(kMetadata, "Metadata");
    to_.empty_dict();
    to_.mark();
    to_.text("state_dict_metadata");
    to_.empty_dict();
    for (const auto& [key, tensor] : metadata_.tensors) {
      begin_entry();
      describe(key, tensor);
    }
    for (const auto& [key, item] : metadata_.objects) {
      begin_entry();
      to_.text(key, true);
      instance(kMetadata, "BytesStorageMetadata");
    }
    end_entries();
    to_.text("storage_data");
    to_.empty_dict();
    for (const auto& [key, tensor] : metadata_.tensors)
      for (const auto& chunk : tensor.chunks) {
        begin_entry();
        locate(key, &chunk.box.offsets, chunk.item);
      }
    for (const auto& [key, item] : metadata_.objects) {
      begin_entry();
      locate(key, nullptr, item);
    }
    end_entries();
    to_.set_items();
    to_.build();
    return to_.finish();
  }

 private:
  // Before each key and value of a big dict, which is filled batch by batch.
  void begin_entry() {
    if (entries_ == kPickleBatch) end_entries();
    if (entries_++ == 0) to_.mark();
  }
  void end_entries() {
    if (entries_ > 0) to_.set_items();
    entries_ = 0;
  }

  void instance(std::string_view module, std::string_view name) {
    to_.global(module, name);
    to_.empty_tuple();
    to_.new_object();
  }

  // torch.Size((d0, d1, …))
  void size(const Shape& shape) {
    to_.global("torch", "Size");
    if (shape.empty()) to_.empty_tuple();
    if (shape.size() > 3) to_.mark();
    for (const auto extent : shape) to_.integer(extent);
    if (!shape.empty()) to_.end_tuple(shape.size());
    to_.end_tuple(1);
    to_.reduce();
  }

  // A call whose value is the same everywhere.
  template <class Write>
  void shared(std::optional<std::uint32_t>& number, Write write) {
    if (number) return to_.recall(*number);
    write();
    to_.end_tuple(1);
    to_.reduce();
    number = to_.remember();
  }

  void describe(std::string_view key, const DcpTensor& tensor) {
    to_.text(key, true);
    instance(kMetadata, "TensorStorageMetadata");
    to_.empty_dict();
    to_.mark();
    to_.text("properties", true);
    instance(kMetadata, "TensorProperties");
    // dtype, layout, requires_grad, memory_format, pin_memory
    to_.mark();
    to_.global("torch", torch_name(tensor.dtype));
    shared(layout_, [&] {
      to_.global("torch.serialization", "_get_layout");
      to_.text("torch.strided");
    });
    to_.boolean(false);
    shared(memory_format_, [&] {
      to_.global(kMetadata, "_MEM_FORMAT_ENCODING");
      to_.integer(0);
    });
    to_.boolean(false);
    to_.end_tuple(5);
    to_.build();
    to_.text("size", true);
    size(tensor.shape);
    to_.text("chunks", true);
    to_.empty_list();
    if (!tensor.chunks.empty()) to_.mark();
    for (const auto& chunk : tensor.chunks) {
      instance(kMetadata, "ChunkStorageMetadata");
      to_.empty_dict();
      to_.mark();
      to_.text("offsets", true);
      size(chunk.box.offsets);
      to_.text("sizes", true);
      size(chunk.box.sizes);
      to_.set_items();
      to_.build();
    }
    if (!tensor.chunks.empty()) to_.appends();
    to_.set_items();
    to_.build();
  }

  void locate(std::string_view key, const Shape* offsets, const DcpItem& item) {
    instance(kMetadata, "MetadataIndex");
    to_.empty_dict();
    to_.mark();
    to_.text("fqn", true);
    to_.text(key, true);
    if (offsets) {
      to_.text("offset", true);
      size(*offsets);
    }
    to_.set_items();
    to_.build();
    instance("torch.distributed.checkpoint.filesystem", "_StorageInfo");
    to_.empty_dict();
    to_.mark();
    to_.text("relative_path", true);
    to_.text(metadata_.files[item.file], true);
    to_.text("offset", true);
    to_.integer(static_cast<std::int64_t>(item.offset));
    to_.text("length", true);
    to_.integer(static_cast<std::int64_t>(item.length));
    to_.set_items();
    to_.build();
  }

  const DcpMetadata& metadata_;
  PickleEmitter to_;
  std::size_t entries_{};
  std::optional<std::uint32_t> layout_, memory_format_;
};

Error refused(std::string_view key, std::string problem) {
  return {Error::Kind::mismatch, ".metadata", std::string{key}, std::move(problem),
          "Choose another layout of the checkpoint"};
}

std::optional<Error> fault_in(const DcpMetadata& metadata) {
  for (const auto& file : metadata.files)
    if (!stays_inside_folder(file)) return refused(file, "is not a path inside the folder of the checkpoint");
  for (const auto& [key, tensor] : metadata.tensors) {
    if (metadata.objects.contains(key)) return refused(key, "is both a tensor and an object");
    if (torch_name(tensor.dtype).empty())
      return refused(key, fmt::format("torch has no element type {}", to_string(tensor.dtype)));
    std::vector<Box> boxes;
    for (const auto& chunk : tensor.chunks) {
      boxes.push_back(chunk.box);
      if (chunk.item.file >= metadata.files.size()) return refused(key, "a chunk lies in no file");
    }
    if (auto problem = tiling_fault(tensor.shape, boxes)) return refused(key, std::move(*problem));
  }
  for (const auto& [key, item] : metadata.objects)
    if (item.file >= metadata.files.size()) return refused(key, "lies in no file");
  return std::nullopt;
}

}  // namespace

Result<std::string> write_dcp_metadata(const DcpMetadata& metadata) {
  if (auto fault = fault_in(metadata)) return std::move(*fault);
  return MetadataWriter{metadata}.write();
}

}  // namespace weighbridge
