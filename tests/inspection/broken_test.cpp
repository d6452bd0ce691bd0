// Broken checkpoints: every defect is a line, and the rest is shown.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program_run.hpp"
#include "inspection/inspected_folder.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Broken : public ::testing::Test {
 protected:
  Inspection inspected(const fs::path& path) {
    auto registry = test::plugins();
    auto found = inspect(path, registry);
    EXPECT_TRUE(found) << found.error().text();
    return found ? *std::move(found) : Inspection{};
  }
  std::vector<std::string> defects(const Inspection& inspection) {
    return test::texts(inspection, Finding::Kind::defect);
  }
  const test::TemporaryFolder folder_;
};

// A shard is missing, one is cut off, the third is as it was.
TEST_F(Broken, ShardsOfAHuggingFaceFolder) {
  test::copy_golden("llama3/hf", folder_ / "hf");
  fs::remove(folder_ / "hf/model-00001-of-00003.safetensors");
  const auto cut = folder_ / "hf/model-00002-of-00003.safetensors";
  fs::resize_file(cut, fs::file_size(cut) - 2);
  const auto found = inspected(folder_ / "hf");
  EXPECT_TRUE(found.is_broken());
  const auto lines = defects(found);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], AllOf(StartsWith("model-00001-of-00003.safetensors: is missing; the index has "),
                              HasSubstr("model.embed_tokens.weight"), HasSubstr("Download it into the folder.")));
  EXPECT_THAT(lines[1], StartsWith("model-00002-of-00003.safetensors: "));
  EXPECT_EQ(found.hugging_face->architecture, "LlamaForCausalLM");
  EXPECT_EQ(found.family->id, "llama");
  EXPECT_EQ(found.files, 1);
  EXPECT_GT(found.tensors.size(), 0u);
  for (const auto& tensor : found.tensors) EXPECT_THAT(tensor.files, ElementsAre("model-00003-of-00003.safetensors"));
}

TEST_F(Broken, AnIndexThatListsWhatNoFileHolds) {
  folder_.write("config.json", R"({"architectures":["AnyForCausalLM"]})");
  folder_.write("model-1.safetensors", test::safetensors_of({{"a", "U8", {4}, 4}, {"extra", "U8", {2}, 2}}));
  folder_.write("model.safetensors.index.json",
                R"({"weight_map":{"a":"model-1.safetensors","b":"model-1.safetensors"}})");
  const auto found = inspected(folder_.path());
  EXPECT_THAT(defects(found), ElementsAre("model-1.safetensors: b: lacks 1 tensor that the index has in it: b. "
                                          "Download the file and the index again."));
  EXPECT_THAT(test::texts(found, Finding::Kind::oddity),
              ElementsAre("model-1.safetensors: holds 1 tensor that the index does not list: extra.",
                          "AnyForCausalLM: no installed plugin knows it."));
  EXPECT_EQ(found.parameters, 6);
}

TEST_F(Broken, TwoFilesWithOneTensor) {
  folder_.write("config.json", R"({"architectures":["AnyForCausalLM"]})");
  folder_.write("a.safetensors", test::one_tensor("w", 4));
  folder_.write("b.safetensors", test::one_tensor("w", 4));
  EXPECT_THAT(defects(inspected(folder_.path())),
              ElementsAre("b.safetensors: w: is also in a.safetensors, and no index says which of the two counts. "
                          "Remove the stale file."));
}

TEST_F(Broken, AConfigurationThatIsNoJson) {
  folder_.write("config.json", R"({"architectures":)");
  folder_.write("model.safetensors", test::one_tensor("w", 4));
  const auto found = inspected(folder_.path());
  const auto lines = defects(found);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], StartsWith("config.json: "));
  EXPECT_EQ(found.parameters, 4);
}

TEST_F(Broken, ChunksOfTorchDist) {
  test::copy_golden("llama3/megatron", folder_ / "megatron");
  const auto file = folder_ / "megatron/iter_0000000/__0_0.distcp";
  const auto size = fs::file_size(file);
  fs::resize_file(file, 100);
  const auto cut = inspected(folder_ / "megatron");
  ASSERT_EQ(defects(cut).size(), 1u);
  EXPECT_THAT(defects(cut)[0], AllOf(StartsWith("__0_0.distcp: has 100 bytes, of which .metadata needs "),
                                     HasSubstr("cut off are parts of 9 tensors: decoder.final_layernorm.weight, "),
                                     HasSubstr("Copy the file again.")));
  EXPECT_GT(size, 100u);
  EXPECT_EQ(cut.parameters, 5200) << "what .metadata says is shown";
  EXPECT_EQ(cut.family->id, "llama");
  fs::remove(file);
  const auto missing = inspected(folder_ / "megatron");
  ASSERT_EQ(defects(missing).size(), 1u);
  EXPECT_THAT(defects(missing)[0], StartsWith("__0_0.distcp: is missing; .metadata has parts in it of 9 tensors: "));
  fs::remove(folder_ / "megatron/iter_0000000/.metadata");
  Registry none;
  const auto nothing = inspect(folder_ / "megatron/iter_0000000", none);
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().file, HasSubstr("iter_0000000"));
}

TEST_F(Broken, RankFiles) {
  const auto made =
      test::run_weighbridge({"import", "--hf-model", fs::path{WEIGHBRIDGE_GOLDEN} / "llama3/hf", "--megatron-path",
                             folder_ / "ranks", "--ckpt-format", "torch", "--tp", "2", "--pp", "2", "--no-progress"});
  ASSERT_EQ(made.code, 0) << made.err;
  const auto whole = inspected(folder_ / "ranks");
  EXPECT_FALSE(whole.is_broken());
  EXPECT_EQ(whole.megatron->layout->tensor, 2);
  EXPECT_EQ(whole.megatron->layout->pipeline, 2);
  fs::resize_file(folder_ / "ranks/iter_0000000/mp_rank_01_000/model_optim_rng.pt", 1000);
  fs::remove(folder_ / "ranks/iter_0000000/mp_rank_00_001/model_optim_rng.pt");
  const auto found = inspected(folder_ / "ranks");
  const auto lines = defects(found);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], StartsWith("mp_rank_00_001/model_optim_rng.pt: "));
  EXPECT_THAT(lines[1], StartsWith("mp_rank_01_000/model_optim_rng.pt: "));
  EXPECT_EQ(found.files, 2);
  EXPECT_THAT(found.tensors.front().name, StartsWith("mp_rank_00_000/model."));
}

TEST_F(Broken, IsTheExitCode) {
  test::copy_golden("llama3/hf", folder_ / "hf");
  EXPECT_EQ(test::run_weighbridge({"inspect", folder_ / "hf"}).code, 0);
  fs::remove(folder_ / "hf/model-00001-of-00003.safetensors");
  const auto broken = test::run_weighbridge({"inspect", folder_ / "hf", "--tensors"});
  EXPECT_EQ(broken.code, 1);
  EXPECT_THAT(broken.out, AllOf(StartsWith((folder_ / "hf").string() + ": Hugging Face checkpoint, broken\n"),
                                HasSubstr("\n  broken       model-00001-of-00003.safetensors: is missing; "),
                                HasSubstr("\nlm_head.weight BF16 [40, 16] model-0000")));
  const auto json = test::run_weighbridge({"inspect", folder_ / "hf", "--json"});
  EXPECT_EQ(json.code, 1);
  EXPECT_THAT(json.out, HasSubstr("\"defects\": [\n    {\n      \"file\": \"model-00001-of-00003.safetensors\""));
}

}  // namespace
}  // namespace weighbridge
