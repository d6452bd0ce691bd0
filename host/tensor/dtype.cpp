#include "tensor/dtype.hpp"

#include <array>
#include <bit>

namespace weighbridge {
namespace {

struct Row {
  DType dtype;
  int bits;
  std::string_view name, torch;
};

constexpr std::array kRows{
    Row{DType::boolean, 8, "BOOL", "bool"},
    Row{DType::f4, 4, "F4", "float4_e2m1fn_x2"},
    Row{DType::f6_e2m3, 6, "F6_E2M3", ""},
    Row{DType::f6_e3m2, 6, "F6_E3M2", ""},
    Row{DType::u8, 8, "U8", "uint8"},
    Row{DType::i8, 8, "I8", "int8"},
    Row{DType::f8_e5m2, 8, "F8_E5M2", "float8_e5m2"},
    Row{DType::f8_e4m3, 8, "F8_E4M3", "float8_e4m3fn"},
    Row{DType::f8_e8m0, 8, "F8_E8M0", "float8_e8m0fnu"},
    Row{DType::f8_e4m3fnuz, 8, "F8_E4M3FNUZ", "float8_e4m3fnuz"},
    Row{DType::f8_e5m2fnuz, 8, "F8_E5M2FNUZ", "float8_e5m2fnuz"},
    Row{DType::i16, 16, "I16", "int16"},
    Row{DType::u16, 16, "U16", "uint16"},
    Row{DType::f16, 16, "F16", "float16"},
    Row{DType::bf16, 16, "BF16", "bfloat16"},
    Row{DType::i32, 32, "I32", "int32"},
    Row{DType::u32, 32, "U32", "uint32"},
    Row{DType::f32, 32, "F32", "float32"},
    Row{DType::c64, 64, "C64", "complex64"},
    Row{DType::f64, 64, "F64", "float64"},
    Row{DType::i64, 64, "I64", "int64"},
    Row{DType::u64, 64, "U64", "uint64"},
};

const Row& row(DType dtype) { return kRows[static_cast<std::size_t>(dtype) - 1]; }

}  // namespace

int bits(DType dtype) { return row(dtype).bits; }
std::string_view to_string(DType dtype) { return row(dtype).name; }
std::string_view torch_name(DType dtype) { return row(dtype).torch; }

std::optional<DType> dtype_from_string(std::string_view name) {
  for (const auto& candidate : kRows)
    if (candidate.name == name) return candidate.dtype;
  return std::nullopt;
}

std::optional<DType> dtype_from_torch(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  for (const auto& candidate : kRows)
    if (!name.empty() && candidate.torch == name) return candidate.dtype;
  return std::nullopt;
}

std::optional<std::uint64_t> exact_bits(double number, DType dtype) {
  if (dtype == DType::f64) return std::bit_cast<std::uint64_t>(number);
  const auto narrow = static_cast<float>(number);
  const auto word = std::bit_cast<std::uint32_t>(narrow);
  if (static_cast<double>(narrow) != number) return std::nullopt;
  if (dtype == DType::f32) return word;
  if (dtype == DType::bf16) return word % 0x10000 == 0 ? std::optional<std::uint64_t>{word >> 16} : std::nullopt;
  if (dtype != DType::f16 || word % 0x2000 != 0) return std::nullopt;
  const auto sign = word >> 31 << 15, exponent = word >> 23 & 0xff;
  if (word << 1 == 0) return sign;
  if (exponent < 113 || exponent > 142) return std::nullopt;  // 2^-14 to 2^15
  return sign | (exponent - 112) << 10 | (word >> 13 & 0x3ff);
}

}  // namespace weighbridge
