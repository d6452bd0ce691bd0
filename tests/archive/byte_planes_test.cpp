#include "formats/byte_planes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weighbridge {
namespace {

std::string split(std::string words, unsigned width) {
  std::string planes(words.size(), '?');
  split_planes(words, planes, width);
  return planes;
}

std::string join(std::string planes, unsigned width) {
  std::string words(planes.size(), '?');
  join_planes(planes, words, width);
  return words;
}

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text.push_back(static_cast<char>(value));
  return text;
}

TEST(BytePlanes, OfBfloat16AreExponentsThenMantissasAboveSigns) {
  // 1.0 = 3f80: exponent 7f; -2.0 = c000: exponent 80, sign; 1.9921875 = 3fff: exponent 7f, mantissa 7f.
  const auto words = bytes({0x80, 0x3f, 0x00, 0xc0, 0xff, 0x3f});
  const auto planes = bytes({0x7f, 0x80, 0x7f, 0x00, 0x01, 0xfe});
  EXPECT_EQ(split(words, 2), planes);
  EXPECT_EQ(join(planes, 2), words);
}

TEST(BytePlanes, OfFloat32AreFour) {
  // -1.0 = bf800000, 1.5 = 3fc00000: exponents 7f; then the mantissa from its top, the sign below it.
  const auto words = bytes({0x00, 0x00, 0x80, 0xbf, 0x00, 0x00, 0xc0, 0x3f});
  const auto planes = bytes({0x7f, 0x7f, 0x00, 0x80, 0x00, 0x00, 0x01, 0x00});
  EXPECT_EQ(split(words, 4), planes);
  EXPECT_EQ(join(planes, 4), words);
}

TEST(BytePlanes, OfWordsOfEightBytesAreEight) {
  const auto words = bytes({0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88});
  // 8807060504030201 turned left by one is 100e0c0a08060403.
  const auto planes = bytes({0x10, 0x0e, 0x0c, 0x0a, 0x08, 0x06, 0x04, 0x03});
  EXPECT_EQ(split(words, 8), planes);
  EXPECT_EQ(join(planes, 8), words);
}

TEST(BytePlanes, EveryWordComesBack) {
  std::string words;
  for (int value = 0; value < 65536; ++value) words += bytes({value & 0xff, value >> 8});
  for (const unsigned width : {2u, 4u, 8u}) EXPECT_EQ(join(split(words, width), width), words) << width;
}

}  // namespace
}  // namespace weighbridge
