#include "checkpoints/torch_dist_blob.hpp"

#include <fmt/format.h>

#include "formats/torch_object.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kMaxKnown = 64;
constexpr std::uint64_t kMaxHead = 1 << 16;  // bytes; PyTorch's is 704

Error wrong_blob(const InputFile& file, const std::string& key, std::string problem) {
  return Error{Error::Kind::format, file.name(), key, std::move(problem), "Take a complete copy of the checkpoint"};
}

}  // namespace

Result<BlobTensor> BlobReader::read(const InputFile& file, const DcpItem& item, const Shape& sizes,
                                    const std::string& key) {
  for (auto known = known_.rbegin(); known != known_.rend(); ++known) {
    if (known->length != item.length || known->sizes != sizes) continue;
    auto head = file.read(item.offset, known->head.size());
    if (!head) return std::move(head).error();
    if (*head == known->head && item.offset + item.length <= file.size())
      return BlobTensor{known->dtype, item.offset + known->element_offset, known->strides};
  }
  auto object = read_torch_object(file, item.offset, item.length, {}, key);
  if (!object) return std::move(object).error();
  const auto* tensor = object->root().tensor();
  if (!tensor)
    return wrong_blob(
        file, key,
        fmt::format("the item at byte {} holds a {}, not a tensor", item.offset, to_string(object->root().kind())));
  if (tensor->shape != sizes)
    return wrong_blob(file, key,
                      fmt::format("the item at byte {} holds a tensor of shape {}, .metadata says {}", item.offset,
                                  to_string(tensor->shape), to_string(sizes)));
  if (bits(tensor->dtype) < 8)
    return Error{Error::Kind::unsupported, file.name(), key,
                 fmt::format("holds {} elements, which share bytes", to_string(tensor->dtype)),
                 "Save the checkpoint in another precision"};
  const BlobTensor found{tensor->dtype, object->offset_of(*tensor), tensor->strides};
  const auto& storage = object->storages.at(tensor->storage);
  const auto head_size = storage.offset - item.offset;
  if (storage.offset >= item.offset && head_size > 0 && head_size <= kMaxHead) {
    auto head = file.read(item.offset, head_size);
    if (!head) return std::move(head).error();
    if (known_.size() == kMaxKnown) known_.erase(known_.begin());
    known_.push_back({item.length, sizes, *std::move(head), found.dtype, found.offset - item.offset, found.strides});
  }
  return found;
}

}  // namespace weighbridge
