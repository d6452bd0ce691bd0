#include "mapping/copies.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace weighbridge {

bool computes(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

namespace {

// Whether elements become others of that type by a cast or, with `adds`, by a sum.
bool converts(DType from, DType to, bool adds) {
  const auto whole = [](DType dtype) { return dtype == DType::i32 || dtype == DType::i64; };
  return (computes(from) && computes(to)) || (!adds && whole(from) && whole(to));
}

}  // namespace

Status append_copies(const StridedMap& map, const StoredTensor& source, DType dtype, double addend,
                     std::vector<Copy>& copies) {
  auto operation = ElementOperation::none;
  if (addend != 0) operation = ElementOperation::add_constant;
  else if (source.dtype != dtype) operation = ElementOperation::cast;
  if (operation != ElementOperation::none && !converts(source.dtype, dtype, addend != 0))
    return Error{Error::Kind::unsupported, "", source.name,
                 fmt::format("elements of type {} cannot become {}", to_string(source.dtype), to_string(dtype)),
                 "Convert between F16, BF16, F32 and F64, or between I32 and I64, only; without --torch-dtype types stay as they are"};
  const auto source_bytes = static_cast<std::uint64_t>(bits(source.dtype)) / 8;
  const auto target_bytes = static_cast<std::uint64_t>(bits(dtype)) / 8;
  if (source_bytes == 0 || target_bytes == 0)
    return Error{Error::Kind::unsupported, "", source.name,
                 fmt::format("elements of type {} are smaller than a byte", to_string(source.dtype)),
                 "Convert a checkpoint whose tensors are not packed below 8 bits an element"};
  const auto inverse = map.inverse();
  for (const auto& extent : source.extents) {
    auto maps = place_target(inverse, source.shape, extent.box, extent.strides, 0);
    if (!maps)
      return Error{Error::Kind::unsupported, "", source.name, "its chunks fall into more than 65,536 strided pieces",
                   "Rewrite the checkpoint with fewer chunks"};
    for (const auto& placed : *maps) {
      auto part = placed.inverse();
      simplify(part);
      copies.push_back({extent.file, extent.offset + static_cast<std::uint64_t>(part.source_base) * source_bytes,
                        static_cast<std::uint64_t>(part.target_base) * target_bytes, source.dtype, operation, addend,
                        std::move(part.loops)});
    }
  }
  return done();
}

void order_copies(std::vector<Copy>& copies) { std::ranges::stable_sort(copies, {}, &Copy::target_offset); }

}  // namespace weighbridge
