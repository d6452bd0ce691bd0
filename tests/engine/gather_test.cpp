// How sources are read: how often, in what pieces. That the bytes are right is for random_plan_test.cpp.
#include <cstring>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "engine/gather.hpp"
#include "engine/rearrange.hpp"

namespace weighbridge {
namespace {

// Holds the 16-bit numbers 0, 1, 2, … and notes what is read of them.
class Numbers : public ByteSource {
 public:
  Status read(std::uint64_t offset, std::span<std::byte> into) override {
    ++reads;
    bytes += into.size();
    smallest = std::min(smallest, into.size());
    if (reads == fail_at) return Error{Error::Kind::io, "numbers", "", "cannot read", "try again"};
    for (std::size_t i = 0; i < into.size(); ++i) {
      const auto at = offset + i;
      into[i] = static_cast<std::byte>(at % 2 == 0 ? at / 2 : at / 2 >> 8);
    }
    return done();
  }
  int reads{}, fail_at{-1};
  std::size_t bytes{}, smallest{~std::size_t{0}};
};

struct Gathered {
  Numbers source;
  std::vector<std::uint16_t> target;
  Status status{done()};
};

Gathered gathered(const std::vector<Loop>& loops, std::size_t target_elements, std::size_t scratch_bytes,
                  ReadLimits limits, int fail_at = -1) {
  const Copy copy{0, 0, 0, DType::u16, ElementOperation::none, 0, loops};
  const auto nest = nest_of(copy, DType::u16);
  const auto element = Element::make(ElementOperation::none, 0, DType::u16, DType::u16);
  Gathered result;
  result.source.fail_at = fail_at;
  result.target.resize(target_elements);
  std::vector<std::byte> scratch(scratch_bytes);
  result.status =
      gather(*nest, *element, result.source, limits, scratch, reinterpret_cast<std::byte*>(result.target.data()), 0);
  return result;
}

constexpr ReadLimits kUsual{64 << 10, 8 << 10};

TEST(Gather, ReadsAWholeTensorAtOnce) {
  const auto result = gathered({{1000, 50, 50}, {50, 1, 1}}, 50000, 64, kUsual);
  EXPECT_EQ(result.source.reads, 1);
  EXPECT_EQ(result.target[49999], 49999);
}

TEST(Gather, ReadsLongRunsInPlace) {
  const auto result = gathered({{2, 32768 + 7, 32768}, {32768, 1, 1}}, 65536, 64, kUsual);
  EXPECT_EQ(result.source.reads, 2);
  EXPECT_EQ(result.source.bytes, 131072u);
  EXPECT_EQ(result.target[32768], 32768 + 7);
}

TEST(Gather, ReadsRunsFarApartInPlace) {
  const auto result = gathered({{6, 10000, 100}, {100, 1, 1}}, 600, 1 << 20, kUsual);
  EXPECT_EQ(result.source.reads, 6);
  EXPECT_EQ(result.source.bytes, 1200u);
  EXPECT_EQ(result.target[599], 50099);
}

TEST(Gather, ReadsOverSmallGaps) {
  const auto result = gathered({{100, 600, 100}, {100, 1, 1}}, 10000, 1 << 20, kUsual);
  EXPECT_EQ(result.source.reads, 1);
  EXPECT_EQ(result.source.bytes, (99u * 600 + 100) * 2);
  EXPECT_EQ(result.target[9999], 59499);
}

TEST(Gather, TransposesInOnePassOverTheSource) {
  // 200 rows of 300 columns; scratch holds 10 rows.
  const auto result = gathered({{300, 1, 200}, {200, 300, 1}}, 60000, 6000, kUsual);
  EXPECT_EQ(result.source.reads, 20);
  EXPECT_EQ(result.source.bytes, 120000u);
  EXPECT_EQ(result.target[1], 300);
  EXPECT_EQ(result.target[200], 1);
  EXPECT_EQ(result.target[59999], 59999);
  EXPECT_EQ(result.target[137 * 200 + 42], 42 * 300 + 137);
}

TEST(Gather, TransposesSomeColumnsWithoutTheOthers) {
  // 64 of 20,000 columns: 128 bytes a row, 40 kB apart. All pieces fit scratch, so they are turned together.
  const auto result = gathered({{64, 1, 100}, {100, 20000, 1}}, 6400, 1 << 16, kUsual);
  EXPECT_EQ(result.source.reads, 100);
  EXPECT_EQ(result.source.bytes, 12800u);
  EXPECT_EQ(result.target[100], 1);
  EXPECT_EQ(result.target[99], static_cast<std::uint16_t>(99 * 20000));
}

TEST(Gather, ReadsWhatIsRepeatedOnce) {
  const auto result = gathered({{50, 0, 100}, {100, 1, 1}}, 5000, 1 << 12, kUsual);
  EXPECT_EQ(result.source.reads, 1);
  EXPECT_EQ(result.source.bytes, 200u);
  EXPECT_EQ(result.target[4999], 99);
}

TEST(Gather, ReadsBackwardsOnce) {
  const Copy copy{0, 1998, 0, DType::u16, ElementOperation::none, 0, {{1000, -1, 1}}};
  const auto nest = nest_of(copy, DType::u16);
  const auto element = Element::make(ElementOperation::none, 0, DType::u16, DType::u16);
  Numbers source;
  std::vector<std::uint16_t> target(1000);
  std::vector<std::byte> scratch(100);
  ASSERT_TRUE(gather(*nest, *element, source, kUsual, scratch, reinterpret_cast<std::byte*>(target.data()), 0));
  EXPECT_EQ(source.bytes, 2000u);
  EXPECT_EQ(source.reads, 20);
  EXPECT_EQ(target[0], 999);
  EXPECT_EQ(target[999], 0);
}

TEST(Gather, PassesErrorsOn) {
  for (const auto& loops : {std::vector<Loop>{{300, 1, 200}, {200, 300, 1}}, {{6, 10000, 100}, {100, 1, 1}}}) {
    const auto result = gathered(loops, 60000, 6000, kUsual, 3);
    ASSERT_FALSE(result.status);
    EXPECT_EQ(result.status.error().problem, "cannot read");
    EXPECT_EQ(result.source.reads, 3);
  }
}

template <class T>
void transposes(DType dtype) {
  constexpr std::int64_t kRows = 131, kColumns = 197;
  std::vector<T> source(kRows * kColumns), target(kRows * kColumns);
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<T>(i * 2654435761u >> 7);
  const Copy copy{0, 0, 0, dtype, ElementOperation::none, 0, {{kColumns, 1, kRows}, {kRows, kColumns, 1}}};
  const auto nest = nest_of(copy, dtype);
  const auto element = Element::make(ElementOperation::none, 0, dtype, dtype);
  const auto* from = reinterpret_cast<const std::byte*>(source.data());
  rearrange(*nest, *element, from, reinterpret_cast<std::byte*>(target.data()));
  for (std::int64_t row = 0; row < kRows; ++row)
    for (std::int64_t column = 0; column < kColumns; ++column)
      ASSERT_EQ(target[static_cast<std::size_t>(column * kRows + row)],
                source[static_cast<std::size_t>(row * kColumns + column)])
          << to_string(dtype) << ' ' << row << ' ' << column;
}

TEST(Rearrange, TransposesEveryWidth) {
  transposes<std::uint8_t>(DType::u8);
  transposes<std::uint16_t>(DType::bf16);
  transposes<std::uint32_t>(DType::f32);
  transposes<std::uint64_t>(DType::i64);
}

}  // namespace
}  // namespace weighbridge
