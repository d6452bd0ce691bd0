#include "formats/torch_types.hpp"

#include <array>
#include <utility>

namespace weighbridge {
namespace {

constexpr std::array<std::pair<DType, std::string_view>, 11> kStorageClasses{{
    {DType::f64, "DoubleStorage"},
    {DType::f32, "FloatStorage"},
    {DType::f16, "HalfStorage"},
    {DType::bf16, "BFloat16Storage"},
    {DType::i64, "LongStorage"},
    {DType::i32, "IntStorage"},
    {DType::i16, "ShortStorage"},
    {DType::i8, "CharStorage"},
    {DType::u8, "ByteStorage"},
    {DType::boolean, "BoolStorage"},
    {DType::c64, "ComplexFloatStorage"},
}};

}  // namespace

std::string_view torch_storage_class(DType dtype) {
  for (const auto& [candidate, name] : kStorageClasses)
    if (candidate == dtype) return name;
  return {};
}

std::optional<DType> dtype_of_storage_class(std::string_view name) {
  for (const auto& [dtype, candidate] : kStorageClasses)
    if (candidate == name) return dtype;
  return std::nullopt;
}

bool torch_can_hold(DType dtype) { return bits(dtype) % 8 == 0 && !torch_name(dtype).empty(); }

}  // namespace weighbridge
