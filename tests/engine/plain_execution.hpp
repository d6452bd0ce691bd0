#pragma once
// What a plan's tensors hold, found element by element from the words of mapping/plan.hpp alone: the yardstick for the
// engine. Slow and without any cleverness; shares no code with host/engine.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "mapping/plan.hpp"

namespace weighbridge {

struct FloatFormat {
  int precision;  // significant bits, the hidden one included
  int smallest;   // exponent of the smallest normal number
  int largest;    // exponent of the largest
};

inline FloatFormat float_format(DType dtype) {
  switch (dtype) {
    case DType::f16: return {11, -14, 15};
    case DType::bf16: return {8, -126, 127};
    case DType::f32: return {24, -126, 127};
    default: return {53, -1022, 1023};
  }
}

inline std::uint64_t stored_bits(const std::string& bytes, std::uint64_t offset, int width) {
  std::uint64_t value = 0;
  for (int i = 0; i < width; ++i) value |= std::uint64_t{static_cast<unsigned char>(bytes.at(offset + i))} << (8 * i);
  return value;
}

// The value of a floating point element; its NaNs are not told apart.
inline double plain_value(std::uint64_t bits, DType dtype) {
  const auto format = float_format(dtype);
  const int width = weighbridge::bits(dtype);
  const int fraction_bits = format.precision - 1;
  const auto fraction = bits & ((std::uint64_t{1} << fraction_bits) - 1);
  const auto exponent =
      static_cast<int>(bits >> fraction_bits & ((std::uint64_t{1} << (width - format.precision)) - 1));
  const double sign = bits >> (width - 1) & 1 ? -1 : 1;
  if (exponent == format.largest + format.largest + 1)
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(static_cast<double>(fraction), format.smallest - fraction_bits);
  return sign * std::ldexp(static_cast<double>(fraction | std::uint64_t{1} << fraction_bits),
                           exponent - format.largest - fraction_bits);
}

// The element nearest to a value that is no NaN, ties to even.
inline std::uint64_t plain_bits(double value, DType dtype) {
  const auto format = float_format(dtype);
  const int width = weighbridge::bits(dtype);
  const int fraction_bits = format.precision - 1;
  const std::uint64_t sign = std::signbit(value) ? std::uint64_t{1} << (width - 1) : 0;
  const auto infinity = static_cast<std::uint64_t>(2 * format.largest + 1) << fraction_bits;
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return sign | infinity;
  if (magnitude == 0) return sign;
  const int exponent = std::max(std::ilogb(magnitude), format.smallest);
  // In units of the last place; a carry out of the fraction moves into the exponent as it should.
  const auto units = static_cast<std::uint64_t>(std::nearbyint(std::ldexp(magnitude, fraction_bits - exponent)));
  const std::uint64_t bits = units + (static_cast<std::uint64_t>(exponent - format.smallest) << fraction_bits);
  return sign | (bits >= infinity ? infinity : bits);
}

inline std::uint64_t plain_operation(std::uint64_t bits, const Copy& copy, DType target) {
  if (copy.operation == ElementOperation::none) return bits;
  double value = plain_value(bits, copy.source_dtype);
  if (copy.operation == ElementOperation::add_constant) {
    if (copy.source_dtype == DType::f64 || target == DType::f64)
      value += copy.constant;
    else
      value = static_cast<float>(value) + static_cast<float>(copy.constant);
  }
  return plain_bits(value, target);
}

// The bytes of one output tensor. Types of fewer than 8 bits must be copied with byte-sized elements in view: this
// moves their bits one element at a time within the bytes.
inline std::string plain_tensor(const OutputTensor& tensor, const std::vector<std::string>& sources) {
  std::string out(tensor.bytes, '\0');
  for (const auto& copy : tensor.copies) {
    const int from_bits = bits(copy.source_dtype), to_bits = bits(tensor.dtype);
    std::vector<std::int64_t> index(copy.loops.size(), 0);
    bool any = true;
    for (const auto& loop : copy.loops) any = any && loop.extent > 0;
    while (any) {
      std::int64_t from = 0, to = 0;
      for (std::size_t k = 0; k < index.size(); ++k) {
        from += index[k] * copy.loops[k].source_stride;
        to += index[k] * copy.loops[k].target_stride;
      }
      const auto& source = sources.at(copy.source_file);
      if (from_bits < 8) {
        for (int bit = 0; bit < from_bits; ++bit) {
          const auto at = static_cast<std::int64_t>(copy.source_offset) * 8 + from * from_bits + bit;
          const auto put = static_cast<std::int64_t>(copy.target_offset) * 8 + to * to_bits + bit;
          if (source.at(static_cast<std::size_t>(at / 8)) >> (at % 8) & 1)
            out.at(static_cast<std::size_t>(put / 8)) |= static_cast<char>(1 << (put % 8));
        }
      } else {
        const auto value = stored_bits(
            source, static_cast<std::uint64_t>(static_cast<std::int64_t>(copy.source_offset) + from * from_bits / 8),
            from_bits / 8);
        const auto result = plain_operation(value, copy, tensor.dtype);
        for (int i = 0; i < to_bits / 8; ++i)
          out.at(static_cast<std::size_t>(static_cast<std::int64_t>(copy.target_offset) + to * to_bits / 8 + i)) =
              static_cast<char>(result >> (8 * i));
      }
      auto k = index.size();
      while (k > 0 && ++index[k - 1] == copy.loops[k - 1].extent) index[--k] = 0;
      if (k == 0) break;
    }
  }
  return out;
}

// The CRC-32 of zip and zlib, bit by bit.
inline std::uint32_t plain_crc32(const std::string& bytes) {
  std::uint32_t remainder = 0xffffffff;
  for (const char byte : bytes) {
    remainder ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return ~remainder;
}

// The files of a plan, carried ones aside.
inline std::vector<std::string> plain_files(const Plan& plan, const std::vector<std::string>& sources) {
  std::vector<std::string> files, tensors;
  for (const auto& file : plan.files) files.emplace_back(file.size, '\0');
  for (const auto& tensor : plan.tensors) {
    tensors.push_back(plain_tensor(tensor, sources));
    files.at(tensor.file).replace(tensor.offset, tensor.bytes, tensors.back());
  }
  for (const auto& literal : plan.literals) {
    auto bytes = literal.bytes.text();
    for (const auto& slot : literal.checksums)
      for (unsigned i = 0; i < 4; ++i)
        bytes.at(slot.position + i) = static_cast<char>(plain_crc32(tensors.at(slot.tensor)) >> (8 * i));
    files.at(literal.file).replace(literal.offset, bytes.size(), bytes);
  }
  return files;
}

}  // namespace weighbridge
