#include "tensor/printable.hpp"

#include <gtest/gtest.h>

#include "tensor/result.hpp"

namespace weighbridge {
namespace {

TEST(Printable, LeavesTextAlone) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("model.layers.0.mlp [3, 4] 'x' \\ ~"), "model.layers.0.mlp [3, 4] 'x' \\ ~");
  EXPECT_EQ(printable("Größe, 模型, 🙂"), "Größe, 模型, 🙂");
}

TEST(Printable, SpellsOutWhatTerminalsObey) {
  EXPECT_EQ(printable("\x1b[2J\r\n\t\x7f"), "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(printable(std::string_view{"a\0b", 3}), "a\\x00b");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");                // CSI in one character
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");      // from here on right to left
}

TEST(Printable, SpellsOutWhatIsNoUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                    // cut off
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half a surrogate pair
}

TEST(Printable, CutsTheMiddleOut) {
  EXPECT_EQ(printable("0123456789abcdef", 8), "012345…ef");
  EXPECT_EQ(printable("0123456789", 10), "0123456789");
  EXPECT_EQ(printable("ääääääääää", 8), "äää…ä");
}

TEST(Printable, IsWhatErrorsSay) {
  const Error error{Error::Kind::format, "a\nb", std::string(5000, 'w'), "is\x1b wrong", "Do better"};
  EXPECT_EQ(error.text(), "a\\x0ab: " + std::string(1536, 'w') + "…" + std::string(512, 'w') + ": is\\x1b wrong. Do better.");
}

}  // namespace
}  // namespace weighbridge
