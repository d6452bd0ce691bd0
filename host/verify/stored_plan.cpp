#include "verify/stored_plan.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/nest.hpp"

namespace weighbridge {
namespace {

std::string file_of(const std::vector<std::filesystem::path>& files, const Extent& extent) {
  return extent.file < files.size() ? files[extent.file].string() : std::string{};
}

// Where the first element of a box lies in the whole, row-major tensor; nothing if inside a byte or beyond all bounds.
std::optional<std::uint64_t> target_offset(const Box& box, const Shape& strides, DType dtype) {
  std::optional<std::int64_t> element = 0;
  for (std::size_t axis = 0; axis < strides.size() && element; ++axis) {
    const auto step = checked_multiply(box.offsets[axis], strides[axis]);
    element = step ? checked_add(*element, *step) : std::nullopt;
  }
  if (!element) return {};
  const auto first_bit = checked_multiply(*element, bits(dtype));
  if (!first_bit || *first_bit % 8 != 0) return {};
  return static_cast<std::uint64_t>(*first_bit / 8);
}

Result<Copy> copy_of(const StoredTensor& tensor, const Extent& extent, const std::string& file) {
  const auto strides = row_major_strides(tensor.shape);
  const auto rank = strides.size();
  if (extent.box.offsets.size() != rank || extent.box.sizes.size() != rank || extent.strides.size() != rank)
    return Error{Error::Kind::format, file, tensor.name, fmt::format("a part of it does not have its {} axes", rank),
                 "Take a complete copy of the checkpoint"};
  const auto levels = static_cast<std::size_t>(std::count_if(extent.box.sizes.begin(), extent.box.sizes.end(), [](auto n) { return n != 1; }));
  if (levels > Nest::kMaxDepth)
    return Error{Error::Kind::unsupported, file, tensor.name,
                 fmt::format("it has {} axes longer than 1, and at most {} can be read", levels, Nest::kMaxDepth),
                 "Reshape the tensor to fewer axes before it is read"};
  const auto offset = target_offset(extent.box, strides, tensor.dtype);
  if (!offset)
    return Error{Error::Kind::unsupported, file, tensor.name,
                 fmt::format("a part at {} of shape {} does not begin at a whole byte", to_string(extent.box.offsets),
                             to_string(extent.box.sizes)),
                 "Save the tensor in one piece"};
  Copy copy{extent.file, extent.offset, *offset, tensor.dtype, ElementOperation::none, 0, {}};
  for (std::size_t axis = 0; axis < rank; ++axis)
    if (extent.box.sizes[axis] != 1) copy.loops.push_back({extent.box.sizes[axis], extent.strides[axis], strides[axis]});
  return copy;
}

}  // namespace

Result<Plan> stored_plan(const std::vector<std::filesystem::path>& files, std::span<const StoredTensor> tensors, std::string file) {
  Plan plan;
  plan.sources = files;
  plan.files.push_back({std::move(file), 0});
  auto& size = plan.files[0].size;
  for (const auto& tensor : tensors) {
    const auto bytes = byte_count(tensor.shape, tensor.dtype);
    const auto total = bytes ? checked_add(*bytes, static_cast<std::int64_t>(size)) : std::nullopt;
    if (!total)
      return Error{Error::Kind::format, tensor.extents.empty() ? std::string{} : file_of(files, tensor.extents[0]), tensor.name,
                   fmt::format("{} elements of shape {} do not fill whole bytes of any file", to_string(tensor.dtype),
                               to_string(tensor.shape)),
                   "Take a complete copy of the checkpoint"};
    OutputTensor output{tensor.name, 0, size, static_cast<std::uint64_t>(*bytes), tensor.dtype, false, {}};
    for (const auto& extent : tensor.extents) {
      if (*bytes == 0) break;
      auto copy = copy_of(tensor, extent, file_of(files, extent));
      if (!copy) return copy.error();
      output.copies.push_back(std::move(*copy));
    }
    std::stable_sort(output.copies.begin(), output.copies.end(),
                     [](const Copy& a, const Copy& b) { return a.target_offset < b.target_offset; });
    plan.tensors.push_back(std::move(output));
    size = static_cast<std::uint64_t>(*total);
  }
  return plan;
}

}  // namespace weighbridge
