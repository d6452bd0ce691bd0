#pragma once
// Element operations: what happens to a run of elements on its way. Floating point results are rounded once, to
// nearest with ties to even; infinities, signed zeros and subnormals are kept; NaNs stay NaNs of the same sign.

#include <cstddef>
#include <cstdint>

#include "engine/instructions.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// One element operation between two types. Cheap to copy; may be used from several threads.
class Element {
 public:
  // An error (without file and subject) for an operation that is not defined between the two types.
  static Result<Element> make(ElementOperation operation, double constant, DType source, DType target);

  bool moves_bits() const noexcept { return moves_bits_; }  // source and target bytes are the same
  // Whether float32 values are rounded to a shorter type, and nothing else is done to them.
  bool rounds_f32() const noexcept;
  DType target() const noexcept { return target_; }
  Element of_rounded() const noexcept;  // what is left to do where the source gives the target's type: it moves bits
  // Converts `count` elements that lie one after the other; not for an operation that moves bits. The ranges must not
  // overlap; no alignment is needed.
  // The result is the same for any instructions.
  void convert(const std::byte* source, std::byte* target, std::size_t count,
               Instructions instructions = Instructions::best) const;

 private:
  Element(ElementOperation operation, double constant, DType source, DType target, bool moves_bits) noexcept;

  ElementOperation operation_{};
  double constant_{};
  DType source_{};
  DType target_{};
  bool moves_bits_{};
};

// The conversions themselves, on bit patterns.
std::uint16_t bf16_from_f32(float value);
std::uint16_t bf16_from_f64(double value);
std::uint16_t f16_from_f32(float value);
std::uint16_t f16_from_f64(double value);
float f32_from_bf16(std::uint16_t bits);
float f32_from_f16(std::uint16_t bits);

}  // namespace weighbridge
