#include "cli/amounts.hpp"

#include <gtest/gtest.h>

namespace weighbridge {
namespace {

TEST(Amounts, Bytes) {
  EXPECT_EQ(readable_bytes(0), "0 B");
  EXPECT_EQ(readable_bytes(999), "999 B");
  EXPECT_EQ(readable_bytes(1500), "1.50 kB");
  EXPECT_EQ(readable_bytes(16'060'000'000), "16.1 GB");
  EXPECT_EQ(readable_bytes(810'000'000'000), "810 GB");
  EXPECT_EQ(readable_bytes(999'999), "1.00 MB");
}

TEST(Amounts, Memory) {
  EXPECT_EQ(readable_memory(256 << 20), "256 MiB");
  EXPECT_EQ(readable_memory(1536), "1.50 KiB");
}

TEST(Amounts, Seconds) {
  EXPECT_EQ(readable_seconds(0.054), "0.05 s");
  EXPECT_EQ(readable_seconds(12.34), "12.3 s");
  EXPECT_EQ(readable_seconds(187.4), "3 min 07 s");
  EXPECT_EQ(readable_seconds(7500), "2 h 05 min");
  EXPECT_EQ(readable_seconds(1e300), "more than 30 years");
}

TEST(Amounts, Counts) {
  EXPECT_EQ(readable_count(1, "tensor"), "1 tensor");
  EXPECT_EQ(readable_count(0, "tensor"), "0 tensors");
}

}  // namespace
}  // namespace weighbridge
