#pragma once
// Element types, named as safetensors names them.

#include <cstdint>
#include <optional>
#include <string_view>

namespace weighbridge {

// In ascending order of the safetensors reference, whose writer sorts by it. Values cross the plugin ABI
// (weighbridge/abi.h, WB_DTYPE_*): never renumber.
enum class DType : std::uint8_t {
  boolean = 1, f4, f6_e2m3, f6_e3m2, u8, i8, f8_e5m2, f8_e4m3, f8_e8m0, f8_e4m3fnuz, f8_e5m2fnuz,
  i16, u16, f16, bf16, i32, u32, f32, c64, f64, i64, u64,
};

int bits(DType dtype);                                    // of one element: 4, 6, 8, 16, 32 or 64
std::string_view to_string(DType dtype);                  // "BF16", as safetensors writes it
std::optional<DType> dtype_from_string(std::string_view); // the inverse; nothing for an unknown name
std::string_view torch_name(DType dtype);                 // "bfloat16"; empty where torch has no such type
std::optional<DType> dtype_from_torch(std::string_view);  // accepts "bfloat16" and "torch.bfloat16"
// The bits of a number in F16 (normal numbers only), BF16, F32 or F64; nothing where the type does not hold it exactly.
std::optional<std::uint64_t> exact_bits(double number, DType dtype);

}  // namespace weighbridge
