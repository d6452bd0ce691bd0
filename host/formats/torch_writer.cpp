#include "formats/torch_writer.hpp"

#include <utility>

#include <fmt/format.h>

namespace weighbridge {
namespace {

// The records in PyTorch's order, without those that describe its own layout and that no reader needs.
std::vector<ArchiveRecord> records_of(std::string pickle, std::vector<ArchiveRecord> storages) {
  std::vector<ArchiveRecord> records;
  records.push_back({"data.pkl", std::move(pickle), false, 0});
  records.push_back({"byteorder", "little", false, 0});
  for (std::size_t k = 0; k < storages.size(); ++k) {
    storages[k].name = fmt::format("data/{}", k);
    records.push_back(std::move(storages[k]));
  }
  records.push_back({"version", "3\n", false, 0});
  return records;
}

}  // namespace

Result<std::string> write_torch_object(PickleValue root, std::span<const StorageBytes> storages,
                                       std::string_view prefix) {
  std::vector<PickledStorage> described;
  std::vector<ArchiveRecord> data;
  for (const auto& storage : storages) {
    described.push_back({storage.dtype, static_cast<std::int64_t>(storage.bytes.size()) * 8 / bits(storage.dtype)});
    data.push_back({{}, storage.bytes, false, 0});
  }
  auto pickle = write_pickle(root, described);
  if (!pickle) return std::move(pickle).error();
  auto layout = lay_out_torch_archive(records_of(std::move(*pickle), std::move(data)), prefix);
  return layout.literals.front().bytes.text();  // nothing is external, so there is one run
}

Result<ArchiveLayout> lay_out_torch_object(PickleValue root, std::span<const PickledStorage> storages,
                                           std::string_view prefix) {
  std::vector<ArchiveRecord> data;
  for (std::size_t k = 0; k < storages.size(); ++k) {
    const auto bytes = byte_count({storages[k].elements}, storages[k].dtype);
    if (!bytes)
      return Error{Error::Kind::unsupported,
                   {},
                   fmt::format("storage {}", k),
                   "its bytes cannot be counted in 63 bits",
                   "Store smaller tensors"};
    data.push_back({{}, {}, true, static_cast<std::uint64_t>(*bytes)});
  }
  auto pickle = write_pickle(root, storages);
  if (!pickle) return std::move(pickle).error();
  return lay_out_torch_archive(records_of(std::move(*pickle), std::move(data)), prefix);
}

Result<ArchiveLayout> lay_out_torch_tensor(DType dtype, const Shape& shape) {
  const auto elements = element_count(shape);
  if (!elements || !byte_count(shape, dtype))
    return Error{Error::Kind::unsupported,
                 {},
                 to_string(shape),
                 "a tensor of this shape has no number of bytes below 2^63",
                 "Store smaller tensors"};
  PickleArena arena;
  const PickledStorage storage{dtype, *elements};
  return lay_out_torch_object(arena.tensor({dtype, shape, row_major_strides(shape), 0, 0}), {&storage, 1});
}

}  // namespace weighbridge
