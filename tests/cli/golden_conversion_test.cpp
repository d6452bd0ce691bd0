// The program on the golden checkpoints, judged by what Megatron-Bridge made of them or by layouts that are written out.

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

using Words = std::vector<std::string>;

class GoldenConversion : public testing::TestWithParam<std::string> {
 protected:
  void import(const std::filesystem::path& hf, const std::filesystem::path& destination,
              const std::string& threads = "2") {
    const auto ran = run_weighbridge(
        {"import", "--hf-model", hf, "--megatron-path", destination, "--threads", threads, "--no-progress"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
  }
  void export_to(const std::filesystem::path& destination, const std::filesystem::path& megatron, const Words& more) {
    Words words{"export", "--megatron-path", megatron, "--hf-path", destination, "--no-progress"};
    words.insert(words.end(), more.begin(), more.end());
    const auto ran = run_weighbridge(words);
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  // The words that make an export store its weights as the source does.
  Words with_the_storage_of_the_source(Words words) const {
    if (test::content(source / "config.json").find("\"quantization_config\"") != std::string::npos)
      words.insert(words.end(), {"--quantize", "reference"});
    return words;
  }
  void expect_the_parameters_in(const std::filesystem::path& megatron) const;

  const std::filesystem::path source = golden(GetParam() + "/hf");
  TemporaryFolder folder;
};
class GoldenRoundTrip : public GoldenConversion {};  // of sources in plain tensors
class GoldenStorage : public GoldenConversion {};    // of quantised sources

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

void GoldenConversion::expect_the_parameters_in(const std::filesystem::path& megatron) const {
  const auto actual = open_any(megatron);
  ASSERT_TRUE(actual) << actual.error().text();
  const auto expected = expected_parameters(golden(GetParam() + "/expected/parameters.safetensors"));
  ASSERT_GE(expected.tensors.size(), 8U);
  const auto comparison = compare(expected, actual->catalogue(), {}, Naming::megatron);
  ASSERT_TRUE(comparison) << comparison.error().text();
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : expected.tensors) bytes += *byte_count(tensor.shape, tensor.dtype);
  EXPECT_EQ(comparison->bytes, static_cast<std::uint64_t>(bytes));
  EXPECT_TRUE(comparison->same()) << to_text(*comparison);
}

TEST_P(GoldenConversion, ImportsEveryParameterAsExpected) {
  ASSERT_NO_FATAL_FAILURE(import(source, folder / "megatron"));
  expect_the_parameters_in(folder / "megatron");
}

TEST_P(GoldenConversion, ExportsTheSourceByteForByte) {
  std::filesystem::path megatron = golden(GetParam() + "/megatron");
  // Where the case holds no checkpoint of Megatron-Bridge's, our own import, proven above, is exported.
  if (!std::filesystem::exists(megatron)) {
    megatron = folder / "megatron";
    ASSERT_NO_FATAL_FAILURE(import(source, megatron));
  }
  ASSERT_NO_FATAL_FAILURE(export_to(folder / "hf", megatron, with_the_storage_of_the_source({"--hf-model", source})));
  const auto expected = files_of(source);
  ASSERT_GE(expected.size(), 3U);
  EXPECT_THAT(files_of(folder / "hf"), testing::ContainerEq(expected));
}

TEST_P(GoldenConversion, ExportsTheTensorsWithoutAReference) {
  std::filesystem::path megatron = golden(GetParam() + "/megatron");
  if (!std::filesystem::exists(megatron)) {
    megatron = folder / "megatron";
    ASSERT_NO_FATAL_FAILURE(import(source, megatron));
  }
  ASSERT_NO_FATAL_FAILURE(export_to(folder / "hf", megatron, with_the_storage_of_the_source({})));
  EXPECT_TRUE(std::filesystem::exists(folder / "hf/config.json"));
  const auto compared = run_weighbridge({"compare", source, folder / "hf", "--weights-only", "--no-progress"});
  EXPECT_EQ(compared.code, 0) << compared.out << compared.err;
}

TEST_P(GoldenConversion, ThreadsChangeNoByte) {
  ASSERT_NO_FATAL_FAILURE(import(source, folder / "one", "1"));
  ASSERT_NO_FATAL_FAILURE(import(source, folder / "two", "2"));
  const auto one = files_of(folder / "one");
  ASSERT_GE(one.size(), 4U);
  EXPECT_THAT(files_of(folder / "two"), testing::ContainerEq(one));
}

TEST_P(GoldenRoundTrip, ComesBackAndSaysSo) {
  const auto ran = run_weighbridge({"roundtrip", "--hf-model", source, "--work-dir", folder.path(), "--json"});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  const auto report = boost::json::parse(ran.out);
  EXPECT_EQ(report.at("same"), true);
  EXPECT_GE(report.at("comparison").at("equal").to_number<int>(), 14);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// The weights of a quantised source, by default, in tensors that every program reads, and their values are those of the source.
TEST_P(GoldenStorage, LeavesPlainTensorsOfTheSameValues) {
  ASSERT_NO_FATAL_FAILURE(import(source, folder / "megatron"));
  ASSERT_NO_FATAL_FAILURE(export_to(folder / "hf", folder / "megatron", {"--hf-model", source}));
  EXPECT_THAT(test::content(folder / "hf/config.json"), testing::Not(testing::HasSubstr("quantization_config")));
  const auto plain = open_any(folder / "hf");
  ASSERT_TRUE(plain) << plain.error().text();
  for (const auto& [name, tensor] : plain->catalogue().tensors)
    EXPECT_TRUE(tensor.dtype == DType::bf16 || tensor.dtype == DType::f32) << name;
  ASSERT_NO_FATAL_FAILURE(import(folder / "hf", folder / "again"));
  expect_the_parameters_in(folder / "again");
}

// Every case of tests/golden, those with quantised weights or the others.
std::vector<std::string> cases(bool quantised) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{golden("")}) {
    if (!std::filesystem::exists(entry.path() / "hf/config.json")) continue;
    if ((test::content(entry.path() / "hf/config.json").find("\"quantization_config\"") != std::string::npos) == quantised)
      found.push_back(entry.path().filename());
  }
  std::ranges::sort(found);
  return found;
}
auto plain_sources() { return testing::ValuesIn(cases(false)); }
auto quantised_sources() { return testing::ValuesIn(cases(true)); }
std::string spelt(const testing::TestParamInfo<std::string>& tested) {
  std::string name = tested.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Cases, GoldenConversion, plain_sources(), spelt);
INSTANTIATE_TEST_SUITE_P(Quantised, GoldenConversion, quantised_sources(), spelt);
INSTANTIATE_TEST_SUITE_P(Cases, GoldenRoundTrip, plain_sources(), spelt);
INSTANTIATE_TEST_SUITE_P(Quantised, GoldenStorage, quantised_sources(), spelt);

TEST(GoldenCases, DryRunWritesNothing) {
  const TemporaryFolder folder;
  const auto ran = run_weighbridge(
      {"import", "--hf-model", golden("llama3/hf"), "--megatron-path", folder / "out", "--dry-run", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(boost::json::parse(ran.out).at("command"), "plan");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace weighbridge
