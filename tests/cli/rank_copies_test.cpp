// Ranks hold copies of what is not divided among them. A copy that is none is told, for only one of them can be converted.

#include <gmock/gmock.h>

#include "checkpoints/megatron_checkpoint.hpp"
#include "cli/program_run.hpp"

namespace weighbridge {
namespace {

using test::golden;
using test::run_weighbridge;
using testing::HasSubstr;

class RankCopies : public testing::Test {
 protected:
  void SetUp() override {
    const auto ran = run_weighbridge({"import", "--hf-model", golden("llama3-tied") / "hf", "--megatron-path", megatron(), "--ckpt-format", "torch", "--tp", "2",
                                      "--pp", "2", "--no-progress"});
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  // Changes the first byte of a tensor of a rank file.
  void change(const std::string& key) {
    const auto location = locate_megatron(megatron());
    ASSERT_TRUE(location);
    const auto checkpoint = MegatronCheckpoint::open(*location);
    ASSERT_TRUE(checkpoint) << checkpoint.error().text();
    const auto found = checkpoint->catalogue.tensors.find(key);
    ASSERT_NE(found, checkpoint->catalogue.tensors.end()) << key;
    const auto& extent = found->second.extents.at(0);
    std::fstream file{checkpoint->catalogue.files.at(extent.file), std::ios::in | std::ios::out | std::ios::binary};
    file.seekg(static_cast<std::streamoff>(extent.offset));
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(extent.offset));
    file.put(byte);
  }
  test::Ran exported(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"export", "--megatron-path", megatron(), "--hf-path", folder / "out", "--no-progress"};
    words.insert(words.end(), more.begin(), more.end());
    return run_weighbridge(words);
  }
  std::filesystem::path megatron() const { return folder / "ranks"; }
  test::TemporaryFolder folder;
};

TEST_F(RankCopies, ThatAreCopiesAreNotSpokenOf) {
  const auto ran = exported();
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out.find("differs"), std::string::npos);
}

TEST_F(RankCopies, OfANormAreComparedBetweenTensorRanks) {
  change("mp_rank_01_001/model.decoder.final_layernorm.weight");
  const auto ran = exported();
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("mp_rank_01_001/model_optim_rng.pt: tensor model.decoder.final_layernorm.weight: differs from "
                                 "mp_rank_00_001/model.decoder.final_layernorm.weight"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  const auto went_on = exported({"--not-strict"});
  EXPECT_EQ(went_on.code, 0) << went_on.err;
  EXPECT_THAT(went_on.out, HasSubstr("differs from mp_rank_00_001/model.decoder.final_layernorm.weight, though Megatron keeps both alike; the latter is what is converted"));
}

TEST_F(RankCopies, OfATiedEmbeddingAreComparedBetweenStages) {
  change("mp_rank_01_001/model.output_layer.weight");
  const auto ran = exported();
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("tensor model.output_layer.weight: differs from mp_rank_01_000/model.embedding.word_embeddings.weight"));
}

}  // namespace
}  // namespace weighbridge
