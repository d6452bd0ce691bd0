// The program on the golden checkpoints, judged by what Megatron-Bridge made of them.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "cli/program_run.hpp"
#include "formats/safetensors.hpp"
#include "verify/compare.hpp"

namespace weighbridge {
namespace {

using test::files_of;
using test::golden;
using test::run_weighbridge;
using test::TemporaryFolder;

class GoldenConversion : public testing::TestWithParam<std::string> {
 protected:
  void import(const std::filesystem::path& destination, const std::string& threads = "2") {
    const auto ran = run_weighbridge({"import", "--hf-model", golden(GetParam() + "/hf"), "--megatron-path", destination,
                                      "--threads", threads, "--no-progress"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
  }
  TemporaryFolder folder;
};

// The parameters that the case expects, by live name or key of torch_dist, where they lie in their one file.
Catalogue expected_parameters(const std::filesystem::path& file) {
  const auto input = InputFile::open(file);
  if (!input) throw std::runtime_error(input.error().text());
  const auto header = read_safetensors_header(*input);
  if (!header) throw std::runtime_error(header.error().text());
  Catalogue catalogue;
  catalogue.files.push_back(file);
  for (const auto& entry : header->tensors) {
    catalogue.tensors[entry.name] = {
        entry.name, entry.dtype, entry.shape, {{0, entry.begin, whole(entry.shape), row_major_strides(entry.shape)}}};
  }
  return catalogue;
}

TEST_P(GoldenConversion, ImportsEveryParameterAsExpected) {
  ASSERT_NO_FATAL_FAILURE(import(folder / "megatron"));
  const auto actual = open_any(folder / "megatron");
  ASSERT_TRUE(actual) << actual.error().text();
  const auto expected = expected_parameters(golden(GetParam() + "/expected/parameters.safetensors"));
  ASSERT_GE(expected.tensors.size(), 12U);
  const auto comparison = compare(expected, actual->catalogue(), {}, Naming::megatron);
  ASSERT_TRUE(comparison) << comparison.error().text();
  EXPECT_EQ(comparison->tensors, static_cast<std::int64_t>(expected.tensors.size()));
  EXPECT_TRUE(comparison->same()) << to_text(*comparison);
}

TEST_P(GoldenConversion, ExportsTheSourceByteForByte) {
  std::filesystem::path megatron = golden(GetParam() + "/megatron");
  // Where the case holds no checkpoint of Megatron-Bridge's, our own import, proven above, is exported.
  if (!std::filesystem::exists(megatron)) {
    megatron = folder / "megatron";
    ASSERT_NO_FATAL_FAILURE(import(megatron));
  }
  const auto ran = run_weighbridge({"export", "--megatron-path", megatron, "--hf-model", golden(GetParam() + "/hf"),
                                    "--hf-path", folder / "hf", "--no-progress"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto expected = files_of(golden(GetParam() + "/hf"));
  ASSERT_GE(expected.size(), 3U);
  EXPECT_THAT(files_of(folder / "hf"), testing::ContainerEq(expected));
}

TEST_P(GoldenConversion, ExportsTheTensorsWithoutAReference) {
  std::filesystem::path megatron = golden(GetParam() + "/megatron");
  if (!std::filesystem::exists(megatron)) {
    megatron = folder / "megatron";
    ASSERT_NO_FATAL_FAILURE(import(megatron));
  }
  const auto ran = run_weighbridge({"export", "--megatron-path", megatron, "--hf-path", folder / "hf", "--no-progress"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(std::filesystem::exists(folder / "hf/config.json"));
  const auto compared = run_weighbridge({"compare", golden(GetParam() + "/hf"), folder / "hf", "--no-progress"});
  EXPECT_EQ(compared.code, 0) << compared.out << compared.err;
}

TEST_P(GoldenConversion, ThreadsChangeNoByte) {
  ASSERT_NO_FATAL_FAILURE(import(folder / "one", "1"));
  ASSERT_NO_FATAL_FAILURE(import(folder / "two", "2"));
  const auto one = files_of(folder / "one");
  ASSERT_GE(one.size(), 4U);
  EXPECT_THAT(files_of(folder / "two"), testing::ContainerEq(one));
}

TEST_P(GoldenConversion, ComesBackAndSaysSo) {
  const auto ran = run_weighbridge(
      {"roundtrip", "--hf-model", golden(GetParam() + "/hf"), "--work-dir", folder.path(), "--json"});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  const auto report = boost::json::parse(ran.out);
  EXPECT_EQ(report.at("same"), true);
  EXPECT_GE(report.at("comparison").at("equal").to_number<int>(), 14);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenConversion,
                         testing::Values("llama3", "llama3-tied", "llama2-mha-fp16", "llama-bias", "mistral", "qwen2",
                                         "qwen2-tied", "qwen3", "qwen3-tied", "qwen3-moe", "gpt-oss", "deepseek-v3", "qwen3-next",
                                         "qwen35", "nemotron3", "falcon-h1", "gemma3", "gemma4", "qwen3-vl", "gemma3-vl", "qwen2-audio"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(GoldenCases, DryRunWritesNothing) {
  const TemporaryFolder folder;
  const auto ran = run_weighbridge({"import", "--hf-model", golden("llama3/hf"), "--megatron-path", folder / "out",
                                    "--dry-run", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(boost::json::parse(ran.out).at("command"), "plan");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace weighbridge
