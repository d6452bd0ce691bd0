#pragma once
// The arithmetic of block-scaled values: scales, and one value at a time.

#include <cstddef>
#include <cstdint>
#include <span>

#include "mapping/codec.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {

// Bytes of one scale, and what they say. F32, BF16, F16; F8_E8M0 and U8 hold the exponent of a power of two (255: NaN).
std::size_t scale_bytes(DType type);
float scale_from_bytes(DType type, const std::byte* bytes);
void scale_to_bytes(float scale, DType type, std::byte* bytes);  // to nearest; exponents as nearest_scale rounds them

// One value of a code, and the code whose value times `scale` is nearest. Beyond the largest code: the largest.
// FP8: ties to even. MXFP4: ties to the smaller magnitude. INT4: ties to even.
float decoded_value(Codec codec, std::uint8_t code, float scale);
std::uint8_t encode_value(Codec codec, float value, float scale);

// The scale that a block whose largest magnitude is `largest` gets, as `type` can hold it: largest / 448 (FP8),
// largest / 6 rounded up to a power of two (MXFP4), largest / 7 (INT4); 1 for a block of zeros (INT4: 1e-10).
float nearest_scale(Codec codec, float largest, DType type);

// `values` of a block, row after row `pitch` apart, are exactly what codes times `scale` give after rounding to `held`,
// the type in which the model holds them: then the block has not changed since it was decoded.
bool gives_back(Codec codec, const float* values, std::int64_t rows, std::int64_t columns, std::int64_t pitch, float scale, DType held);

}  // namespace weighbridge
