#include <string>

#include <gtest/gtest.h>

#include "engine/crc_combination.hpp"
#include "engine/plain_execution.hpp"

namespace weighbridge {
namespace {

TEST(CombinedCrc32, JoinsAtEveryPlace) {
  const std::string text = "123456789";
  ASSERT_EQ(plain_crc32(text), 0xcbf43926);  // the check value of this CRC
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(combined_crc32(plain_crc32(text.substr(0, cut)), plain_crc32(text.substr(cut)), text.size() - cut),
              0xcbf43926)
        << cut;
}

TEST(CombinedCrc32, GoesFarBeyondFourGigabytes) {
  // Of 2^40 zero bytes, by doubling.
  std::uint32_t zeros = plain_crc32(std::string(1, '\0'));
  for (int i = 0; i < 20; ++i) zeros = combined_crc32(zeros, zeros, std::uint64_t{1} << i);
  EXPECT_EQ(zeros, plain_crc32(std::string(1 << 20, '\0')));
  EXPECT_EQ(zeros, 0xa738ea1c);  // zlib.crc32(bytes(1 << 20))
  for (int i = 20; i < 40; ++i) zeros = combined_crc32(zeros, zeros, std::uint64_t{1} << i);
  // The same in two unequal parts.
  std::uint32_t more = 0, length = 0;
  for (const auto part : {3u, 500u, 1000u})
    more = combined_crc32(more, plain_crc32(std::string(part, '\0')), part), length += part;
  EXPECT_EQ(combined_crc32(zeros, more, length), combined_crc32(more, zeros, std::uint64_t{1} << 40));
}

}  // namespace
}  // namespace weighbridge
