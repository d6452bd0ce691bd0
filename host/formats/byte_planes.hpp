#pragma once
// Floating point numbers as planes of their bytes: what repeats (exponents) apart from what does not (mantissas).

#include <span>

namespace weighbridge {

// Words of `width` bytes (2, 4 or 8; little-endian, a whole number of them) become `width` planes of one byte of every
// word, each rotated to the left by one bit first: the sign leaves the top of the word for its bottom, so that of bfloat16
// the first plane is the exponent and the second the mantissa above the sign. `planes` has the size of `words`.
void split_planes(std::span<const char> words, std::span<char> planes, unsigned width);
// The inverse.
void join_planes(std::span<const char> planes, std::span<char> words, unsigned width);

}  // namespace weighbridge
