#include "mapping/codec.hpp"

#include <array>
#include <utility>

namespace weighbridge {
namespace {

constexpr std::array kNames{std::pair{Codec::fp8_e4m3, std::string_view{"fp8_e4m3"}},
                            std::pair{Codec::mxfp4, std::string_view{"mxfp4"}},
                            std::pair{Codec::int4, std::string_view{"int4"}}};

}  // namespace

std::optional<Codec> codec_from_name(std::string_view name) {
  for (const auto& [codec, known] : kNames)
    if (known == name) return codec;
  return std::nullopt;
}

std::string_view to_string(Codec codec) {
  for (const auto& [known, name] : kNames)
    if (known == codec) return name;
  return "unknown";
}

int bits(Codec codec) { return codec == Codec::fp8_e4m3 ? 8 : 4; }

std::int64_t BlockScaled::columns() const { return shape.empty() ? 1 : shape.back(); }
std::int64_t BlockScaled::rows() const { return element_count(shape).value_or(0) / columns(); }
std::int64_t BlockScaled::block_grid_columns() const { return (columns() - 1) / block_columns + 1; }
std::int64_t BlockScaled::scale_count() const { return ((rows() - 1) / block_rows + 1) * block_grid_columns(); }

bool holds_values(Codec codec, DType type) {
  switch (codec) {
    case Codec::fp8_e4m3: return type == DType::f8_e4m3;
    case Codec::mxfp4: return type == DType::u8 || type == DType::i8;
    case Codec::int4: return type == DType::i32;
  }
  return false;
}

bool holds_scales(Codec codec, DType type) {
  const bool exponent = type == DType::f8_e8m0 || type == DType::u8;
  const bool real = type == DType::f32 || type == DType::bf16 || type == DType::f16;
  switch (codec) {
    case Codec::fp8_e4m3: return real || type == DType::f8_e8m0;
    case Codec::mxfp4: return exponent;
    case Codec::int4: return real;
  }
  return false;
}

}  // namespace weighbridge
