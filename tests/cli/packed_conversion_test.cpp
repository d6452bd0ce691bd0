// Checkpoints are read out of their archives as out of their folders: the same bytes come out, nothing is unpacked, and what is
// damaged is named.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "cli/program_run.hpp"

namespace weighbridge {
namespace {

using test::content;
using test::files_of;
using test::golden;
using test::run_weighbridge;
using test::TemporaryFolder;
using testing::HasSubstr;

class PackedConversion : public testing::Test {
 protected:
  std::filesystem::path packed(const std::filesystem::path& source) {
    const auto archive = folder / (source.parent_path().filename().string() + "-" + source.filename().string() + ".wbz");
    const auto ran = run_weighbridge({"pack", source, archive, "--no-progress"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    return archive;
  }
  static void succeed(const std::vector<std::string>& words) {
    const auto ran = run_weighbridge(words);
    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  }
  static void expect_same(const std::filesystem::path& one, const std::filesystem::path& other) {
    const auto expected = files_of(one), actual = files_of(other);
    EXPECT_GE(expected.size(), 2U);
    EXPECT_EQ(actual.size(), expected.size());
    for (const auto& [name, bytes] : expected) EXPECT_TRUE(actual.contains(name) && actual.at(name) == bytes) << name;
  }

  TemporaryFolder folder;
};

TEST_F(PackedConversion, ImportsTheSameBytes) {
  for (const auto* name : {"llama3", "deepseek-v3-fp8", "gpt-oss-mxfp4"}) {
    SCOPED_TRACE(name);
    // The configuration that is written has the path of the model: the archive takes the folder's.
    const auto model = folder / "model";
    std::filesystem::remove_all(model);
    std::filesystem::copy(golden(std::string{name} + "/hf"), model, std::filesystem::copy_options::recursive);
    const std::string from_folder = folder / (std::string{name} + "-1"), from_archive = folder / (std::string{name} + "-2");
    succeed({"import", "--hf-model", model, "--megatron-path", from_folder, "--no-progress"});
    const auto archive = packed(model);
    std::filesystem::remove_all(model);
    std::filesystem::rename(archive, model);
    succeed({"import", "--hf-model", model, "--megatron-path", from_archive, "--no-progress"});
    expect_same(from_folder, from_archive);
  }
}

TEST_F(PackedConversion, ExportsTheSameBytes) {
  const auto source = golden("llama3/megatron"), reference = golden("llama3/hf");
  const auto archive = packed(source);
  succeed({"export", "--megatron-path", source, "--hf-path", folder / "one", "--no-progress"});
  succeed({"export", "--megatron-path", archive, "--hf-path", folder / "two", "--no-progress"});
  expect_same(folder / "one", folder / "two");
  succeed({"export", "--megatron-path", archive / "iter_0000000", "--hf-path", folder / "three", "--no-progress"});
  expect_same(folder / "one", folder / "three");
  succeed({"export", "--megatron-path", source, "--hf-model", reference, "--hf-path", folder / "four", "--no-progress"});
  succeed({"export", "--megatron-path", archive, "--hf-model", packed(reference), "--hf-path", folder / "five", "--no-progress"});
  expect_same(folder / "four", folder / "five");
}

TEST_F(PackedConversion, ReadsRankFilesAndReshards) {
  succeed({"import", "--hf-model", golden("llama3/hf"), "--megatron-path", folder / "ranks", "--ckpt-format", "torch", "--tp", "2", "--no-progress"});
  succeed({"reshard", "--load", folder / "ranks", "--save", folder / "one", "--no-progress"});
  succeed({"reshard", "--load", packed(folder / "ranks"), "--save", folder / "two", "--no-progress"});
  expect_same(folder / "one", folder / "two");
}

TEST_F(PackedConversion, IsInspectedVerifiedComparedAndPlanned) {
  const auto source = golden("llama3/hf"), megatron = golden("llama3/megatron");
  const auto one = packed(source), other = packed(megatron);
  const auto inspected = run_weighbridge({"inspect", one, "--json"});
  EXPECT_EQ(inspected.code, 0) << inspected.err;
  auto expected = run_weighbridge({"inspect", source, "--json"}).out;
  for (auto at = expected.find(source.string()); at != std::string::npos; at = expected.find(source.string(), at + 1))
    expected.replace(at, source.string().size(), one.string());
  EXPECT_EQ(boost::json::parse(inspected.out), boost::json::parse(expected));
  succeed({"verify", "--hf-model", one, "--megatron-path", other, "--json"});
  succeed({"verify", "--forward", "--hf-model", one, "--megatron-path", other, "--json"});
  succeed({"compare", source, one, "--json"});
  succeed({"plan", "--hf-model", one, "--json"});
  succeed({"roundtrip", "--hf-model", one, "--json"});
}

TEST_F(PackedConversion, NamesTheArchiveAndTheFileThatIsDamaged) {
  const auto archive = packed(golden("llama3/hf"));
  auto bytes = content(archive);
  const auto write = [&](const std::string& changed) { std::ofstream{archive, std::ios::binary | std::ios::trunc} << changed; };
  std::filesystem::create_directory(folder / "place");
  const auto refused = [&](const std::string& what) {
    const auto ran = run_weighbridge({"import", "--hf-model", archive, "--megatron-path", folder / "place/out", "--no-progress"});
    EXPECT_EQ(ran.code, 1) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(archive.string()));
    EXPECT_THAT(ran.err, HasSubstr(what));
    EXPECT_TRUE(std::filesystem::is_empty(folder / "place"));
  };
  // Every byte of a piece is covered by its checksum. Where the last shard's numbers end is what the engine reads.
  std::size_t named = 0;
  for (std::size_t at = 16; at < bytes.size() - 1500; at += 97) {
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    write(changed);
    const auto ran = run_weighbridge({"import", "--hf-model", archive, "--megatron-path", folder / "place/out", "--no-progress"});
    EXPECT_NE(ran.code, 0) << at;
    EXPECT_THAT(ran.err, HasSubstr(archive.string()));
    EXPECT_TRUE(std::filesystem::is_empty(folder / "place"));
    named += ran.err.find("model-0000") != std::string::npos && ran.err.find("the archive is damaged there") != std::string::npos;
  }
  EXPECT_GE(named, 10U);
  write(bytes.substr(0, bytes.size() - 1));
  refused("its end is missing");
}

TEST_F(PackedConversion, SaysWhatIsNotThere) {
  const auto archive = packed(golden("llama3/hf"));
  const auto ran = run_weighbridge({"export", "--megatron-path", archive, "--hf-path", folder / "out", "--no-progress"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr(archive.string() + ": is no Megatron checkpoint"));
}

}  // namespace
}  // namespace weighbridge
