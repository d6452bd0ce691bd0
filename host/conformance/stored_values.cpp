#include "conformance/stored_values.hpp"

#include <span>

#include "formats/input_file.hpp"
#include "verify/element_value.hpp"

namespace weighbridge {

Result<const std::string*> StoredValues::content(std::uint32_t file) {
  const auto [found, fresh] = contents_.try_emplace(file);
  if (!fresh) return &found->second;
  auto input = InputFile::open(catalogue_.files[file]);
  if (!input) return input.error();
  found->second.resize(input->size());
  if (auto status = input->read(0, std::span{found->second.data(), found->second.size()}); !status)
    return status.error();
  return &found->second;
}

Status StoredValues::each(const StoredTensor& tensor, const std::function<void(const Shape&, std::uint64_t)>& visit) {
  const auto size = static_cast<std::uint64_t>(bits(tensor.dtype) / 8);
  for (const auto& extent : tensor.extents) {
    const auto bytes = content(extent.file);
    if (!bytes) return bytes.error();
    const auto count = element_count(extent.box.sizes).value_or(0);
    for (std::int64_t i = 0; i < count; ++i) {
      auto at = coordinates_of(i, extent.box.sizes);
      std::int64_t element = 0;
      for (std::size_t axis = 0; axis < at.size(); ++axis) {
        element += at[axis] * extent.strides[axis];
        at[axis] += extent.box.offsets[axis];
      }
      const auto offset = extent.offset + static_cast<std::uint64_t>(element) * size;
      if (offset + size > (*bytes)->size())
        return Error{Error::Kind::format, catalogue_.files[extent.file].string(), tensor.name,
                     "lies beyond the end of its file", "Report it"};
      visit(at, element_bits(tensor.dtype, reinterpret_cast<const std::byte*>((*bytes)->data() + offset), 0));
    }
  }
  return done();
}

}  // namespace weighbridge
