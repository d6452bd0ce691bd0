#include "checkpoints/hugging_face_weight_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "formats/input_file.hpp"
#include "formats/safetensors.hpp"
#include "formats/torch_object.hpp"

namespace weighbridge {
namespace {

void sort_by_place(std::vector<StoredTensor>& tensors) {
  const auto place = [](const StoredTensor& t) {
    return std::tuple{t.extents.front().offset, std::string_view{t.name}};
  };
  std::sort(tensors.begin(), tensors.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

}  // namespace

Result<WeightFileContent> read_safetensors_weights(const std::filesystem::path& path, std::uint32_t file,
                                                   std::uint64_t max_header_bytes) {
  const auto input = InputFile::open(path);
  if (!input) return input.error();
  auto header = read_safetensors_header(*input, max_header_bytes);
  if (!header) return std::move(header).error();
  WeightFileContent content;
  content.tensors.reserve(header->tensors.size());
  for (auto& entry : header->tensors) {
    Extent extent{file, entry.begin, whole(entry.shape), row_major_strides(entry.shape)};
    content.tensors.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape), {std::move(extent)}});
  }
  sort_by_place(content.tensors);
  return content;
}

Result<WeightFileContent> read_torch_weights(const std::filesystem::path& path, std::uint32_t file) {
  const auto input = InputFile::open(path);
  if (!input) return input.error();
  const auto object = read_torch_object(*input);
  if (!object) return object.error();
  const auto refuse = [&](std::string subject, std::string problem) {
    return Error{Error::Kind::unsupported, path.string(), std::move(subject), std::move(problem),
                 "Save the model again with save_pretrained, or torch.save of its state_dict()"};
  };
  const auto root = object->root();
  if (!root.is(PickleKind::dict)) {
    return refuse({}, fmt::format("holds a {}, not a dict of tensors by name", to_string(root.kind())));
  }
  WeightFileContent content;
  std::set<std::string, std::less<>> names;
  const auto items = root.items();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const auto name = items[i].text();
    const auto* tensor = items[i + 1].tensor();
    if (!name)
      return refuse({}, fmt::format("has a key that is a {}, not a tensor's name", to_string(items[i].kind())));
    if (items[i + 1].is(PickleKind::dict) && !items[i + 1].items().empty()) {
      return refuse(std::string{*name}, "is a dict, so the file is a training checkpoint and no plain model");
    }
    if (!names.emplace(*name).second) return refuse(std::string{*name}, "occurs twice");
    if (!tensor) {
      content.skipped.emplace_back(*name);
      continue;
    }
    Extent extent{file, object->offset_of(*tensor), whole(tensor->shape), tensor->strides};
    content.tensors.push_back({std::string{*name}, tensor->dtype, tensor->shape, {std::move(extent)}});
  }
  sort_by_place(content.tensors);
  return content;
}

}  // namespace weighbridge
