#include "tensor/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weighbridge {
namespace {

TEST(Utf8, AcceptsEveryLength) {
  for (const std::string text : {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf",
                                 "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"})
    EXPECT_EQ(malformed_utf8(text), std::nullopt) << text;
}

TEST(Utf8, NamesTheFirstByteAtFault) {
  EXPECT_EQ(malformed_utf8("ab\xff"), 2);
  EXPECT_EQ(malformed_utf8("\x80"), 0);              // a continuation without a lead
  EXPECT_EQ(malformed_utf8("a\xc3"), 1);             // cut off
  EXPECT_EQ(malformed_utf8("\xc0\xaf"), 0);          // overlong
  EXPECT_EQ(malformed_utf8("\xe0\x9f\xbf"), 0);      // overlong
  EXPECT_EQ(malformed_utf8("\xf0\x8f\xbf\xbf"), 0);  // overlong
  EXPECT_EQ(malformed_utf8("\xed\xa0\x80"), 0);      // a surrogate
  EXPECT_EQ(malformed_utf8("\xf4\x90\x80\x80"), 0);  // above U+10FFFF
  EXPECT_EQ(malformed_utf8("z\xc3\xa9\xe2\x82"), 3);
}

}  // namespace
}  // namespace weighbridge
