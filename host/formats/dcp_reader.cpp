#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "formats/byte_order.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/format_error.hpp"
#include "formats/pickle_reader.hpp"
#include "formats/relative_path.hpp"
#include "formats/tiling.hpp"

namespace weighbridge {
namespace {

// What torch looks items up by: the key and, for a chunk of a tensor, its offsets.
std::string place_name(std::string_view key, const Shape* offsets) {
  std::string name{key};
  name.push_back('\0');
  if (!offsets) return name;
  name.push_back('+');
  for (const auto offset : *offsets) append_little_endian(name, offset);
  return name;
}

class MetadataReader {
 public:
  MetadataReader(PickleValue root, std::string_view file) : root_{root}, file_{file} {}

  Result<DcpMetadata> read() {
    const auto items = root_.find("state_dict_metadata"), storage = root_.find("storage_data");
    if (!items || !storage || !items->is(PickleKind::dict) || !storage->is(PickleKind::dict))
      return damaged(file_, {},
                     "is not the metadata of a distributed checkpoint: state_dict_metadata or storage_data is missing");
    if (auto status = read_storage(*storage); !status) return std::move(status).error();
    const auto pairs = items->items();
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
      const auto key = pairs[i].text();
      if (!key) return damaged(file_, "state_dict_metadata", "holds a key that is not a string");
      if (metadata_.tensors.contains(*key) || metadata_.objects.contains(*key))
        return damaged(file_, *key, "is listed twice");
      auto status = pairs[i + 1].find("chunks") ? read_tensor(*key, pairs[i + 1]) : read_object(*key);
      if (!status) return std::move(status).error();
    }
    return std::move(metadata_);
  }

 private:
  Status read_storage(PickleValue storage) {
    const auto pairs = storage.items();
    items_.reserve(pairs.size() / 2);
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
      const auto key = pairs[i].find("fqn");
      const auto name = key ? key->text() : std::nullopt;
      if (!name) return damaged(file_, "storage_data", "holds an entry without a name");
      const auto offset = pairs[i].find("offset").value_or(PickleValue{});
      const auto offsets = offset.shape();
      if (!offsets && !offset.is_none())
        return damaged(file_, *name, "the offset of an entry is not a list of whole numbers");
      auto item = read_item(*name, pairs[i + 1]);
      if (!item) return std::move(item).error();
      if (!items_.emplace(place_name(*name, offsets ? &*offsets : nullptr), *item).second)
        return damaged(file_, *name, "storage_data lists one of its parts twice");
    }
    return done();
  }

  Result<DcpItem> read_item(std::string_view key, PickleValue info) {
    const auto text = info.find("relative_path").value_or(PickleValue{}).text();
    const auto offset = info.find("offset").value_or(PickleValue{}).integer(),
               length = info.find("length").value_or(PickleValue{}).integer();
    if (!text || !offset || !length || *offset < 0 || *length < 0 || !checked_add(*offset, *length))
      return damaged(file_, key, "its place in a file is not given as relative_path, offset and length");
    const auto transforms = info.find("transform_descriptors");
    if (transforms && transforms->size() > 0)
      return not_supported(file_, key,
                           fmt::format("is stored transformed ({})", transforms->items()[0].text().value_or("unknown")),
                           "Save the checkpoint again without compression or other stream transforms");
    auto known = files_.find(*text);
    if (known == files_.end()) {
      if (!stays_inside_folder(*text))
        return Error{Error::Kind::format, std::string{file_}, std::string{key},
                     fmt::format("is said to lie in '{}', which is not inside the folder of the checkpoint", *text),
                     "Get the checkpoint from a source that you trust"};
      known = files_.emplace(*text, static_cast<std::uint32_t>(metadata_.files.size())).first;
      metadata_.files.emplace_back(*text);
    }
    return DcpItem{known->second, static_cast<std::uint64_t>(*offset), static_cast<std::uint64_t>(*length)};
  }

  Status read_object(std::string_view key) {
    const auto item = items_.find(place_name(key, nullptr));
    if (item == items_.end()) return damaged(file_, key, "storage_data has no entry for it");
    metadata_.objects.emplace_hint(metadata_.objects.end(), key, item->second);
    return done();
  }

  Status read_tensor(std::string_view key, PickleValue value) {
    DcpTensor tensor;
    const auto dtype = dtype_of(value);
    auto shape = value.find("size").value_or(PickleValue{}).shape();
    if (!shape || dtype.module() != "torch") return damaged(file_, key, "its dtype or size is missing");
    const auto known = dtype_from_torch(dtype.name());
    if (!known)
      return not_supported(file_, key, fmt::format("has the element type torch.{}", dtype.name()),
                           "Save it in another element type");
    tensor.dtype = *known;
    if (shape->size() > kMostAxes) return damaged(file_, key, fmt::format("has {} axes; at most {} are possible", shape->size(), kMostAxes));
    tensor.shape = std::move(*shape);

    std::vector<Box> boxes;
    for (const auto chunk : value.find("chunks")->items()) {
      auto offsets = chunk.find("offsets").value_or(PickleValue{}).shape(),
           sizes = chunk.find("sizes").value_or(PickleValue{}).shape();
      if (!offsets || !sizes) return damaged(file_, key, "a chunk has no offsets or sizes");
      boxes.push_back({std::move(*offsets), std::move(*sizes)});
    }
    if (auto problem = tiling_fault(tensor.shape, boxes)) return damaged(file_, key, std::move(*problem));
    const bool empty = element_count(tensor.shape) == 0;
    for (auto& box : boxes) {
      const auto item = items_.find(place_name(key, &box.offsets));
      // Ranks without a share of the tensor may have chunks without elements; only an empty tensor needs them.
      if (!empty && element_count(box.sizes) == 0) continue;
      if (item == items_.end())
        return damaged(file_, key,
                       fmt::format("storage_data has no entry for its chunk at {}", to_string(box.offsets)));
      tensor.chunks.push_back({std::move(box), item->second});
    }
    std::sort(tensor.chunks.begin(), tensor.chunks.end(),
              [](const auto& a, const auto& b) { return a.box.offsets < b.box.offsets; });
    metadata_.tensors.emplace_hint(metadata_.tensors.end(), key, std::move(tensor));
    return done();
  }

  // The state of TensorProperties is a tuple that begins with the dtype, or a dict.
  static PickleValue dtype_of(PickleValue tensor) {
    const auto properties = tensor.find("properties").value_or(PickleValue{});
    if (properties.state().is(PickleKind::tuple) && !properties.state().items().empty()) {
      if (const auto first = properties.state().items()[0]; first.is(PickleKind::global)) return first;
    }
    return properties.find("dtype").value_or(PickleValue{});
  }

  PickleValue root_;
  std::string_view file_;
  DcpMetadata metadata_;
  std::unordered_map<std::string_view, std::uint32_t> files_;
  std::unordered_map<std::string, DcpItem> items_;
};

}  // namespace

Result<DcpMetadata> parse_dcp_metadata(std::string bytes, std::string_view file) {
  PickleOptions options;
  options.globals = PickleGlobals::dcp_metadata();
  const auto document = read_pickle(std::move(bytes), options, file, {});
  if (!document) return document.error();
  return MetadataReader{document->root, file}.read();
}

}  // namespace weighbridge
