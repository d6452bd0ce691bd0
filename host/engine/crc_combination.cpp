#include "engine/crc_combination.hpp"

#include <array>

namespace weighbridge {
namespace {

// A CRC-32 is a polynomial over GF(2) modulo this one, highest power in the lowest bit. Appending n bytes to a message
// multiplies its checksum by x^(8n).
constexpr std::uint32_t kPolynomial = 0xedb88320;
constexpr std::uint32_t kOne = 0x80000000;

constexpr std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  std::uint32_t sum = 0;
  for (auto power = kOne; power != 0; power >>= 1) {
    if (a & power) sum ^= b;
    b = (b >> 1) ^ (b & 1 ? kPolynomial : 0);  // times x
  }
  return sum;
}

// x to the power 2^i.
constexpr auto kSquares = [] {
  std::array<std::uint32_t, 67> squares{};
  squares[0] = kOne >> 1;
  for (std::size_t i = 1; i < squares.size(); ++i) squares[i] = product(squares[i - 1], squares[i - 1]);
  return squares;
}();

}  // namespace

std::uint32_t combined_crc32(std::uint32_t a, std::uint32_t b, std::uint64_t length_of_b) {
  std::uint32_t shift = kOne;
  for (std::size_t i = 3; length_of_b != 0; ++i, length_of_b >>= 1)
    if (length_of_b & 1) shift = product(kSquares[i], shift);
  return product(shift, a) ^ b;
}

}  // namespace weighbridge
