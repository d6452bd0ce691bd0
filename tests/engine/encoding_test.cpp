// Decoded sources and encoded outputs through a whole run, at every seam that tiny windows make.

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/element.hpp"
#include "engine/run.hpp"
#include "engine/work_folder.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kRows = 7, kColumns = 12;

std::string random_bytes(std::size_t count, unsigned seed, unsigned mask = 0x7E) {
  std::mt19937 dice{seed};
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(dice() & mask);
  return bytes;
}

// What a code means, said once more without the tables of the code that is tested.
float value_of(Codec codec, int code) {
  if (codec == Codec::int4) return static_cast<float>(code - 8);
  const int mantissa_bits = codec == Codec::mxfp4 ? 1 : 3, bias = codec == Codec::mxfp4 ? 1 : 7, sign = codec == Codec::mxfp4 ? 8 : 128;
  const int magnitude = code % sign, exponent = magnitude >> mantissa_bits, mantissa = magnitude % (1 << mantissa_bits);
  const auto fraction = std::ldexp(static_cast<float>(mantissa), -mantissa_bits);
  const auto value = exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  return code >= sign ? -value : value;
}

// What each value of the encoded tensor is, one at a time.
std::vector<float> plain_values(const BlockScaled& form, const std::string& codes, const std::vector<float>& scales) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < kRows; ++row)
    for (std::int64_t column = 0; column < kColumns; ++column) {
      const auto index = row * kColumns + column;
      auto code = static_cast<std::uint8_t>(codes[static_cast<std::size_t>(bits(form.codec) == 8 ? index : index / 2)]);
      if (bits(form.codec) == 4) code = index % 2 == 0 ? code & 15 : code >> 4;
      const auto block = row / form.block_rows * form.block_grid_columns() + column / form.block_columns;
      values.push_back(value_of(form.codec, code) * scales[static_cast<std::size_t>(block)]);
    }
  return values;
}

template <class Value>
std::string bytes_of(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

class EncodingTest : public ::testing::TestWithParam<Codec> {
 protected:
  EncodingTest() {
    options.threads = 2;
    options.max_memory = std::uint64_t{2} << 30;
    options.overwrite = true;
    std::mt19937 dice{3};
    for (std::int64_t i = 0; i < form.scale_count(); ++i) scales.push_back(std::ldexp(1.0F, static_cast<int>(dice() % 9) - 4));
    codes = random_bytes(static_cast<std::size_t>(kRows * kColumns * bits(form.codec) / 8), 5, form.codec == Codec::fp8_e4m3 ? 0x7E : 0xFF);
    plan.sources = {folder.write("in/source", "head" + codes + bytes_of(scales))};
    plan.decoded = {{"w", form, {0, 4, DType::u8}, StoredRun{0, 4 + codes.size(), DType::f32}}};
  }

  std::string made(const std::string& file) {
    const auto report = run(plan, folder.path() / "out", options);
    if (!report) throw std::runtime_error(report.error().text());
    totals = report->encoding;
    return contents(folder.path() / "out").at(file);
  }

  const BlockScaled form{GetParam(), GetParam() == Codec::fp8_e4m3 ? 3 : 1, 4, {kRows, kColumns}};
  WorkFolder folder;
  Plan plan;
  RunOptions options;
  std::string codes;
  std::vector<float> scales;
  EncodingTotals totals;
};

TEST_P(EncodingTest, DecodesTransposedIntoAnotherType) {
  const auto values = plain_values(form, codes, scales);
  std::vector<std::uint16_t> expected;
  for (std::int64_t column = 0; column < kColumns; ++column)
    for (std::int64_t row = 0; row < kRows; ++row) expected.push_back(bf16_from_f32(values[static_cast<std::size_t>(row * kColumns + column)]));
  const Copy turned{1, 0, 0, DType::f32, ElementOperation::cast, 0, {{kColumns, 1, kRows}, {kRows, kColumns, 1}}};
  plan.files = {{"t", expected.size() * 2}};
  plan.tensors = {{"t", 0, 0, expected.size() * 2, DType::bf16, false, {turned}, {}}};
  for (const std::uint64_t window : {0, 2, 6, 50})
    for (const std::uint64_t scratch : {0, 4, 48}) {
      options.tuning.window = window;
      options.tuning.scratch = scratch;
      EXPECT_EQ(made("t"), bytes_of(expected)) << window << " " << scratch;
    }
}

TEST_P(EncodingTest, GivesUnchangedCodesAndScalesBack) {
  const Copy all{1, 0, 0, DType::f32, ElementOperation::none, 0, {{kRows * kColumns, 1, 1}}};
  const Encoding data{Encoding::Part::data, form, true, DType::f32, DType::f32, StoredRun{0, 4 + codes.size(), DType::f32}};
  auto scale_part = data;
  scale_part.part = Encoding::Part::scales;
  const auto scale_size = scales.size() * 4;
  plan.files = {{"w", codes.size() + scale_size}};
  plan.tensors = {{"w", 0, 0, codes.size(), DType::u8, false, {all}, std::make_shared<const Encoding>(data)},
                  {"w_scale", 0, codes.size(), scale_size, DType::f32, false, {all}, std::make_shared<const Encoding>(scale_part)}};
  for (const std::uint64_t window : {0, 190, 240, 400}) {  // a strip of values takes up to 144 of it
    options.tuning.window = window;
    EXPECT_EQ(made("w"), codes + bytes_of(scales)) << window;
    EXPECT_EQ(totals.blocks_kept, scales.size());
    EXPECT_EQ(totals.blocks_new, 0u);
    EXPECT_EQ(totals.largest_error, 0);
  }
  for (auto& tensor : plan.tensors) {
    auto encoding = *tensor.encoding;
    encoding.original.reset();
    tensor.encoding = std::make_shared<const Encoding>(std::move(encoding));
  }
  const auto anew = made("w");
  EXPECT_EQ(totals.blocks_new, scales.size());
  EXPECT_LT(totals.largest_error, 0.17);  // half a step of the coarsest codec
  EXPECT_EQ(anew.size(), codes.size() + scale_size);
}

TEST_P(EncodingTest, RefusesWhatLiesBeyondItsFile) {
  plan.decoded[0].scales->offset += 1;
  plan.files = {{"t", static_cast<std::uint64_t>(kRows * kColumns) * 4}};
  plan.tensors = {{"t", 0, 0, plan.files[0].size, DType::f32, false, {{1, 0, 0, DType::f32, ElementOperation::none, 0, {{kRows * kColumns, 1, 1}}}}}};
  const auto report = run(plan, folder.path() / "out", options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), testing::HasSubstr("are to be read and the file has"));
}

INSTANTIATE_TEST_SUITE_P(Codecs, EncodingTest, testing::Values(Codec::fp8_e4m3, Codec::mxfp4, Codec::int4),
                         [](const auto& instance) { return std::string{to_string(instance.param)}; });

}  // namespace
}  // namespace weighbridge
