// What the program says and leaves behind when it is given something broken.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "cli/program_run.hpp"

namespace weighbridge {
namespace {

using test::content;
using test::files_of;
using test::golden;
using test::Ran;
using test::run_weighbridge;
using test::TemporaryFolder;
using testing::HasSubstr;
using testing::MatchesRegex;

class BadInput : public testing::Test {
 protected:
  BadInput() {
    std::filesystem::copy(golden("llama3"), model, std::filesystem::copy_options::recursive);
    std::filesystem::create_directory(folder / "place");
  }

  // Replaces the one occurrence of `from`; of equal length, so that offsets in headers stay true.
  void damage(const std::string& file, const std::string& from, const std::string& to) {
    auto text = content(model / file);
    const auto position = text.find(from);
    ASSERT_NE(position, std::string::npos) << from;
    ASSERT_EQ(text.find(from, position + 1), std::string::npos) << from;
    text.replace(position, from.size(), to);
    std::ofstream{model / file, std::ios::binary | std::ios::trunc} << text;
  }
  void shorten(const std::string& file) {
    std::filesystem::resize_file(model / file, std::filesystem::file_size(model / file) - 1);
  }

  Ran import(const std::filesystem::path& destination) const {
    return run_weighbridge({"import", "--hf-model", model / "hf", "--megatron-path", destination, "--no-progress"});
  }
  // The import fails with one line that names all of `names`, and nothing is left.
  void expect_refusal(const std::vector<std::string>& names) const {
    expect_one_line(import(folder / "place/out"), names);
    EXPECT_TRUE(std::filesystem::is_empty(folder / "place"));
  }
  static void expect_one_line(const Ran& ran, const std::vector<std::string>& names, int code = 1) {
    EXPECT_EQ(ran.code, code) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, MatchesRegex("weighbridge: [^\n]+\\. [A-Z][^\n]+\\.\n"));  // problem, then remedy
    for (const auto& name : names) EXPECT_THAT(ran.err, HasSubstr(name));
  }

  TemporaryFolder folder;
  std::filesystem::path model = folder / "model";
};

TEST_F(BadInput, UnknownArchitecture) {
  damage("hf/config.json", "LlamaForCausalLM", "StrangerForCausalLM");
  expect_refusal({"StrangerForCausalLM"});
}

TEST_F(BadInput, MissingTensor) {
  damage("hf/model-00003-of-00003.safetensors", "\"model.norm.weight\"", "\"model.nxrm.weight\"");
  damage("hf/model.safetensors.index.json", "\"model.norm.weight\"", "\"model.nxrm.weight\"");
  expect_refusal({"model.norm.weight"});
}

TEST_F(BadInput, WrongShape) {
  damage("hf/model-00001-of-00003.safetensors", "\"model.embed_tokens.weight\":{\"dtype\":\"BF16\",\"shape\":[40,16]",
         "\"model.embed_tokens.weight\":{\"dtype\":\"BF16\",\"shape\":[16,40]");
  expect_refusal({"model.embed_tokens.weight", "[16, 40]"});
}

TEST_F(BadInput, IndexNamesAMissingShard) {
  std::filesystem::remove(model / "hf/model-00002-of-00003.safetensors");
  expect_refusal({"model-00002-of-00003.safetensors"});
}

TEST_F(BadInput, TruncatedSafetensors) {
  shorten("hf/model-00002-of-00003.safetensors");
  expect_refusal({"model-00002-of-00003.safetensors"});
}

TEST_F(BadInput, PickleWithAForbiddenGlobal) {
  for (const auto& entry : std::filesystem::directory_iterator{model / "hf"}) {
    if (entry.path().filename().string().starts_with("model")) std::filesystem::remove(entry.path());
  }
  // What torch.save wrote before 1.6: magic number, protocol, an empty description of the machine, the object; which
  // calls os.system("touch place/hacked").
  std::string stream{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15};
  stream += std::string{"\x80\x02M\xe9\x03.", 6} + "\x80\x02}." + "\x80\x02" "cos\nsystem\n(U";
  const auto command = "touch " + (folder / "place/hacked").string();
  stream += static_cast<char>(command.size()) + command + "tR.";
  folder.write("model/hf/pytorch_model.bin", stream);
  expect_refusal({"pytorch_model.bin", "os.system"});
}

TEST_F(BadInput, ExistingOutputStaysAsItIs) {
  folder.write("place/out/mine.txt", "mine");
  expect_one_line(import(folder / "place/out"), {(folder / "place/out").string(), "--overwrite"}, 2);
  EXPECT_THAT(files_of(folder / "place"), testing::ElementsAre(testing::Pair("out/mine.txt", "mine")));
}

TEST_F(BadInput, UnwritableOutput) {
  folder.write("place/file", "a regular file");
  expect_one_line(import(folder / "place/file/out"), {(folder / "place/file").string()});
  EXPECT_THAT(files_of(folder / "place"), testing::ElementsAre(testing::Pair("file", "a regular file")));
}

TEST_F(BadInput, TruncatedDistcp) {
  shorten("megatron/iter_0000000/__0_0.distcp");
  const auto ran = run_weighbridge(
      {"export", "--megatron-path", model / "megatron", "--hf-path", folder / "place/out", "--no-progress"});
  expect_one_line(ran, {"__0_0.distcp"});
  EXPECT_TRUE(std::filesystem::is_empty(folder / "place"));
}

TEST_F(BadInput, IsJsonWhenAsked) {
  shorten("hf/model-00002-of-00003.safetensors");
  const auto ran = run_weighbridge({"import", "--hf-model", model / "hf", "--megatron-path", folder / "place/out", "--json"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "");
  const auto report = boost::json::parse(ran.out);
  EXPECT_EQ(report.at("error").at("kind"), "format");
  EXPECT_THAT(std::string{report.at("error").at("file").as_string()}, HasSubstr("model-00002-of-00003.safetensors"));
}

}  // namespace
}  // namespace weighbridge
