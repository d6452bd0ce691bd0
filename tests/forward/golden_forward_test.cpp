// verify --forward on the golden checkpoints, judged by logits that transformers computed.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>

#include "checkpoints/megatron_checkpoint.hpp"
#include "cli/program_run.hpp"

namespace weighbridge {
namespace {

using test::golden;
using test::run_weighbridge;
using test::TemporaryFolder;
using Words = std::vector<std::string>;

test::Ran import(const std::string& name, const std::filesystem::path& megatron) {
  return run_weighbridge({"import", "--hf-model", golden(name + "/hf"), "--megatron-path", megatron, "--no-progress"});
}

test::Ran check(const std::string& name, const std::filesystem::path& megatron, const Words& more) {
  Words words{"verify", "--forward", "--hf-model", golden(name + "/hf"), "--megatron-path", megatron};
  words.insert(words.end(), more.begin(), more.end());
  return run_weighbridge(words);
}

double number(const boost::json::value& value) { return value.is_string() ? 1e300 : value.to_number<double>(); }

class GoldenForward : public testing::TestWithParam<std::string> {};

TEST_P(GoldenForward, BothSidesGiveTheLogitsOfTransformers) {
  const TemporaryFolder folder;
  const auto imported = import(GetParam(), folder / "megatron");
  ASSERT_EQ(imported.code, 0) << imported.err;
  const auto ran = check(GetParam(), folder / "megatron", {"--json", "--expected", golden(GetParam() + "/expected/logits.safetensors")});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  const auto report = boost::json::parse(ran.out);
  EXPECT_EQ(report.at("same"), true);
  EXPECT_TRUE(report.at("parting").is_null());
  EXPECT_GE(report.at("layers").as_array().size(), 3U);  // the embedding and two layers
  for (const auto* side : {"hugging_face", "megatron"}) {
    EXPECT_LT(number(report.at("expected").at(side).at("relative")), 1e-4) << side;
    EXPECT_EQ(report.at("expected").at(side).at("same_choice"), 12) << side;
  }
}

class SidesAlone : public testing::TestWithParam<std::string> {};  // where no logits are expected

TEST_P(SidesAlone, Agree) {
  const TemporaryFolder folder;
  const auto imported = import(GetParam(), folder / "megatron");
  ASSERT_EQ(imported.code, 0) << imported.err;
  const auto ran = check(GetParam(), folder / "megatron", {"--json"});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_LT(number(boost::json::parse(ran.out).at("logits").at("relative")), 1e-4);
}

std::string spelt(const testing::TestParamInfo<std::string>& tested) {
  std::string name = tested.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
// Every case of tests/golden that holds logits.
std::vector<std::string> cases_with_logits() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{golden("")})
    if (std::filesystem::exists(entry.path() / "expected/logits.safetensors")) found.push_back(entry.path().filename());
  std::ranges::sort(found);
  return found;
}
INSTANTIATE_TEST_SUITE_P(Cases, GoldenForward, testing::ValuesIn(cases_with_logits()), spelt);
INSTANTIATE_TEST_SUITE_P(Quantised, SidesAlone, testing::Values("deepseek-v3-fp8", "deepseek-v32-fp8", "kimi-k2-fp8", "kimi-k2-int4", "gpt-oss-mxfp4", "minimax-m2-fp8"), spelt);
INSTANTIATE_TEST_SUITE_P(Remote, SidesAlone, testing::Values("mimo", "mimo-v2-flash", "step35", "gemma4", "bailing-v2", "sarvam-moe"), spelt);
INSTANTIATE_TEST_SUITE_P(LanguageModels, SidesAlone, testing::Values("qwen3-vl", "gemma3-vl"), spelt);

// Lets gate and up of one layer change places in the stacked linear_fc1 of a checkpoint.
void exchange_gate_and_up(const std::filesystem::path& megatron, std::int64_t layer) {
  const auto location = locate_megatron(megatron);
  ASSERT_TRUE(location);
  const auto checkpoint = MegatronCheckpoint::open(*location);
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  const auto& tensor = checkpoint->catalogue.tensors.at("decoder.layers.mlp.linear_fc1.weight");
  ASSERT_EQ(tensor.shape.size(), 3U);
  const auto half = tensor.shape[1] / 2, size = static_cast<std::int64_t>(bits(tensor.dtype)) / 8;
  const auto place = [&](std::int64_t row, std::int64_t column) {
    for (const auto& extent : tensor.extents) {
      const Shape at{layer - extent.box.offsets[0], row - extent.box.offsets[1], column - extent.box.offsets[2]};
      bool inside = true;
      std::int64_t element = 0;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        inside = inside && at[axis] >= 0 && at[axis] < extent.box.sizes[axis];
        element += at[axis] * extent.strides[axis];
      }
      if (inside) return std::pair{extent.file, static_cast<std::int64_t>(extent.offset) + element * size};
    }
    throw std::runtime_error("no extent holds the element");
  };
  std::map<std::uint32_t, std::string> files;
  for (std::uint32_t i = 0; i < checkpoint->catalogue.files.size(); ++i) files[i] = test::content(checkpoint->catalogue.files[i]);
  for (std::int64_t row = 0; row < half; ++row)
    for (std::int64_t column = 0; column < tensor.shape[2]; ++column) {
      const auto [one_file, one] = place(row, column);
      const auto [other_file, other] = place(row + half, column);
      for (std::int64_t byte = 0; byte < size; ++byte)
        std::swap(files[one_file][static_cast<std::size_t>(one + byte)], files[other_file][static_cast<std::size_t>(other + byte)]);
    }
  for (const auto& [number, bytes] : files)
    std::ofstream{checkpoint->catalogue.files[number], std::ios::binary}.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class ExchangedHalves : public testing::TestWithParam<std::int64_t> {};

TEST_P(ExchangedHalves, AreFoundInTheirLayer) {
  const TemporaryFolder folder;
  ASSERT_EQ(import("llama3", folder / "megatron").code, 0);
  ASSERT_NO_FATAL_FAILURE(exchange_gate_and_up(folder / "megatron", GetParam()));
  const auto told = check("llama3", folder / "megatron", {});
  EXPECT_EQ(told.code, 1);
  EXPECT_THAT(told.out, testing::HasSubstr("The sides part at layer " + std::to_string(GetParam()) + ":"));
  EXPECT_THAT(told.out, testing::HasSubstr("The sides do not compute the same"));
  const auto ran = check("llama3", folder / "megatron", {"--json", "--expected", golden("llama3/expected/logits.safetensors")});
  EXPECT_EQ(ran.code, 1);
  const auto report = boost::json::parse(ran.out);
  EXPECT_EQ(report.at("parting"), GetParam());
  EXPECT_LT(number(report.at("expected").at("hugging_face").at("relative")), 1e-4);
  EXPECT_GT(number(report.at("expected").at("megatron").at("relative")), 1e-3);
}
INSTANTIATE_TEST_SUITE_P(Layers, ExchangedHalves, testing::Values(0, 1));

class RankFiles : public testing::TestWithParam<std::string> {};

// Megatron-LM's arguments have no place for windows and rotary bases by layer, nor for caps of logits.
TEST_P(RankFiles, AreRunToo) {
  const TemporaryFolder folder;
  const auto imported = run_weighbridge({"import", "--hf-model", golden(GetParam() + "/hf"), "--megatron-path", folder / "ranks", "--ckpt-format", "torch", "--tp",
                                         "2", "--pp", "2", "--no-progress"});
  ASSERT_EQ(imported.code, 0) << imported.err;
  const auto ran = check(GetParam(), folder / "ranks", {"--json", "--expected", golden(GetParam() + "/expected/logits.safetensors")});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  const auto report = boost::json::parse(ran.out);
  EXPECT_LT(number(report.at("expected").at("megatron").at("relative")), 1e-4);
  const auto said = boost::json::serialize(report.at("notes"));
  EXPECT_EQ(said.find("do not say") != std::string::npos, GetParam() == "gemma3") << said;
}
INSTANTIATE_TEST_SUITE_P(Cases, RankFiles, testing::Values("llama3", "gemma3"), spelt);

TEST(ForwardOptionsOfVerify, AreChecked) {
  const auto megatron = golden("llama3/megatron");
  const auto beyond = check("llama3", megatron, {"--tokens", "1,40"});
  EXPECT_EQ(beyond.code, 2);
  EXPECT_THAT(beyond.err, testing::HasSubstr("40 is no token of a vocabulary of 40"));
  const auto alone = run_weighbridge({"verify", "--tokens", "1", "--hf-model", golden("llama3/hf"), "--megatron-path", megatron});
  EXPECT_NE(alone.code, 0);
  EXPECT_THAT(alone.err, testing::HasSubstr("--forward"));
  const auto no_logits = check("llama3", megatron, {"--expected", golden("llama3/hf/model-00001-of-00003.safetensors")});
  EXPECT_EQ(no_logits.code, 1);
  EXPECT_THAT(no_logits.err, testing::HasSubstr("has no input_ids"));
}

TEST(ForwardOptionsOfVerify, TokensMayBeGiven) {
  const auto ran = check("llama3", golden("llama3/megatron"), {"--tokens", "1,2,39", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(boost::json::serialize(boost::json::parse(ran.out).at("tokens")), "[1,3]");
}

// Sanitizers keep shadows of all memory that is touched, which no budget covers.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr const char* kEnough = "400MiB";
#else
constexpr const char* kEnough = "40MiB";
#endif

TEST(ForwardOptionsOfVerify, MemoryIsKeptTo) {
  const auto little = check("llama3", golden("llama3/megatron"), {"--max-memory", "1MiB"});
  EXPECT_EQ(little.code, 2);
  EXPECT_THAT(little.err, testing::HasSubstr("--max-memory"));
  EXPECT_EQ(check("llama3", golden("llama3/megatron"), {"--max-memory", kEnough}).code, 0);
}

}  // namespace
}  // namespace weighbridge
