// What is written into rank files, element by element.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoints/rank_files_model.hpp"
#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

using test::elements;
using test::operator+;
using test::Held;
using test::Numbers;
using test::RankFile;
using test::SmallModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum SmallModel::Number;

class RankFilesTest : public ::testing::Test {
 protected:
  std::vector<std::string> written() {
    std::vector<std::string> names;
    for (const auto& file : model.write(folder.path()).files) names.push_back(file.path.string());
    return names;
  }
  RankFile file(const std::string& rank) const { return RankFile{folder / ("iter_0000005/" + rank + "/model_optim_rng.pt")}; }
  static void expect(const Held& held, const Shape& shape, const Numbers& numbers) {
    EXPECT_EQ(held.shape, shape) << held.name;
    EXPECT_EQ(held.dtype, DType::bf16) << held.name;
    EXPECT_EQ(held.numbers, numbers) << held.name;
  }

  test::TemporaryFolder folder;
  SmallModel model;
};

TEST_F(RankFilesTest, OneRankHoldsEverythingUnderLiveNames) {
  EXPECT_THAT(written(), ElementsAre("iter_0000005/mp_rank_00/model_optim_rng.pt", "latest_checkpointed_iteration.txt"));
  const auto only = file("mp_rank_00");
  EXPECT_THAT(only.names(),
              ElementsAre("embedding.word_embeddings.weight", "decoder.layers.0.self_attention.linear_qkv.layer_norm_weight",
                          "decoder.layers.0.self_attention.linear_qkv.weight", "decoder.layers.0.self_attention.linear_proj.weight",
                          "decoder.layers.0.mlp.linear_fc1.weight", "decoder.layers.0.mlp.linear_fc2.weight",
                          "decoder.layers.1.mixer.in_proj.weight", "decoder.layers.1.mixer.conv1d_weight",
                          "decoder.layers.1.mixer.out_proj.weight", "decoder.layers.2.mlp.router.weight",
                          "decoder.layers.2.mlp.experts.linear_fc1.weight0", "decoder.layers.2.mlp.experts.linear_fc1.weight1",
                          "decoder.layers.2.mlp.experts.linear_fc1.weight2", "decoder.layers.2.mlp.experts.linear_fc1.weight3",
                          "decoder.layers.2.mlp.experts.linear_fc2.weight0", "decoder.layers.2.mlp.experts.linear_fc2.weight1",
                          "decoder.layers.2.mlp.experts.linear_fc2.weight2", "decoder.layers.2.mlp.experts.linear_fc2.weight3",
                          "decoder.layers.3.mlp.linear_fc2.weight", "decoder.final_layernorm.weight", "mtp.layers.0.enorm.weight",
                          "mtp.layers.0.mtp_model_layer.mlp.linear_fc2.weight",
                          // One a module, whatever number of tensors it has.
                          "decoder.layers.0.self_attention.linear_qkv._extra_state", "decoder.layers.0.self_attention.linear_proj._extra_state",
                          "decoder.layers.0.self_attention.core_attention._extra_state", "decoder.layers.0.mlp.linear_fc1._extra_state",
                          "decoder.layers.0.mlp.linear_fc2._extra_state", "decoder.layers.1.mixer.out_proj._extra_state",
                          "decoder.layers.2.mlp.experts.linear_fc1._extra_state", "decoder.layers.2.mlp.experts.linear_fc2._extra_state",
                          "decoder.layers.3.mlp.linear_fc2._extra_state", "decoder.final_layernorm._extra_state", "mtp.layers.0.enorm._extra_state",
                          "mtp.layers.0.mtp_model_layer.mlp.linear_fc2._extra_state", "decoder.layers.1.mixer.in_proj._extra_state",
                          "output_layer._extra_state"));
  expect(only.entry("embedding.word_embeddings.weight"), {8, 4}, elements(embedding, 0, 32));
  expect(only.entry("decoder.layers.0.mlp.linear_fc1.weight"), {8, 4}, elements(fc1, 0, 32));
  expect(only.entry("decoder.layers.1.mixer.in_proj.weight"), {14, 4},
         elements(z, 0, 16) + elements(x, 0, 16) + elements(B, 0, 8) + elements(C, 0, 8) + elements(dt, 0, 8));
  expect(only.entry("decoder.layers.2.mlp.experts.linear_fc2.weight3"), {4, 4}, elements(down + 3, 0, 16));
  const auto empty = only.entry("decoder.layers.0.self_attention.core_attention._extra_state");
  EXPECT_EQ(empty.dtype, DType::u8);
  EXPECT_EQ(empty.shape, (Shape{0}));
  EXPECT_TRUE(only.entry("output_layer._extra_state").none);
}

TEST_F(RankFilesTest, HoldWhatMegatronAsksForBesideTheWeights) {
  model.laid(2, 2, 2);
  written();
  const auto corner = file("mp_rank_01_001_001");
  const auto root = corner.root();
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < root.items().size(); i += 2) keys.emplace_back(*root.items()[i].text());
  EXPECT_THAT(keys, ElementsAre("args", "checkpoint_version", "iteration", "model", "num_floating_point_operations_so_far"));
  EXPECT_EQ(root.find("checkpoint_version")->real(), 3.0);
  EXPECT_EQ(root.find("iteration")->integer(), 5);
  EXPECT_TRUE(root.find("model")->ordered());
  const auto args = *root.find("args");
  for (const auto& [name, value] : {std::pair{"tensor_model_parallel_size", 2}, {"pipeline_model_parallel_size", 2}, {"expert_model_parallel_size", 2},
                                    {"num_layers", 4}, {"padded_vocab_size", 8}})
    EXPECT_EQ(args.find(name)->integer(), value) << name;
  std::ifstream tracker{folder / "latest_checkpointed_iteration.txt"};
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>{tracker}, {}), "5");
}

TEST_F(RankFilesTest, TensorRanksHoldSharesOfEveryPart) {
  model.laid(2, 1, 1);
  EXPECT_THAT(written(), ElementsAre("iter_0000005/mp_rank_00/model_optim_rng.pt", "iter_0000005/mp_rank_01/model_optim_rng.pt",
                                     "latest_checkpointed_iteration.txt"));
  const auto a = file("mp_rank_00"), b = file("mp_rank_01");
  expect(a.entry("embedding.word_embeddings.weight"), {4, 4}, elements(embedding, 0, 16));
  expect(b.entry("embedding.word_embeddings.weight"), {4, 4}, elements(embedding, 16, 32));
  expect(b.entry("decoder.layers.0.self_attention.linear_qkv.weight"), {4, 4}, elements(qkv, 16, 32));
  expect(a.entry("decoder.layers.0.self_attention.linear_proj.weight"), {4, 2},
         elements(proj, 0, 2) + elements(proj, 4, 6) + elements(proj, 8, 10) + elements(proj, 12, 14));
  expect(b.entry("decoder.layers.0.self_attention.linear_proj.weight"), {4, 2},
         elements(proj, 2, 4) + elements(proj, 6, 8) + elements(proj, 10, 12) + elements(proj, 14, 16));
  expect(a.entry("decoder.layers.0.mlp.linear_fc1.weight"), {4, 4}, elements(fc1, 0, 8) + elements(fc1, 16, 24));
  expect(b.entry("decoder.layers.0.mlp.linear_fc1.weight"), {4, 4}, elements(fc1, 8, 16) + elements(fc1, 24, 32));
  expect(a.entry("decoder.layers.1.mixer.in_proj.weight"), {7, 4},
         elements(z, 0, 8) + elements(x, 0, 8) + elements(B, 0, 4) + elements(C, 0, 4) + elements(dt, 0, 4));
  expect(b.entry("decoder.layers.1.mixer.in_proj.weight"), {7, 4},
         elements(z, 8, 16) + elements(x, 8, 16) + elements(B, 4, 8) + elements(C, 4, 8) + elements(dt, 4, 8));
  expect(b.entry("decoder.layers.1.mixer.conv1d_weight"), {4, 1, 3}, elements(conv_x, 6, 12) + elements(conv_B, 3, 6) + elements(conv_C, 3, 6));
  expect(b.entry("decoder.layers.2.mlp.experts.linear_fc1.weight1"), {2, 4}, elements(up + 1, 4, 8) + elements(up + 1, 12, 16));
  for (const auto* rank : {&a, &b}) {
    expect(rank->entry("decoder.layers.0.self_attention.linear_qkv.layer_norm_weight"), {4}, elements(norm, 0, 4));
    expect(rank->entry("decoder.layers.2.mlp.router.weight"), {4, 4}, elements(router, 0, 16));
    expect(rank->entry("decoder.final_layernorm.weight"), {4}, elements(final_norm, 0, 4));
  }
}

TEST_F(RankFilesTest, ExpertRanksHoldTheirExpertsUnderLocalNumbersAndAllElseWhole) {
  model.laid(1, 1, 2);
  EXPECT_THAT(written(), ElementsAre("iter_0000005/mp_rank_00_000/model_optim_rng.pt", "iter_0000005/mp_rank_00_001/model_optim_rng.pt",
                                     "latest_checkpointed_iteration.txt"));
  const auto a = file("mp_rank_00_000"), b = file("mp_rank_00_001");
  EXPECT_EQ(a.names(), b.names());
  expect(a.entry("decoder.layers.2.mlp.experts.linear_fc1.weight1"), {4, 4}, elements(up + 1, 0, 16));
  expect(b.entry("decoder.layers.2.mlp.experts.linear_fc1.weight1"), {4, 4}, elements(up + 3, 0, 16));
  expect(b.entry("decoder.layers.2.mlp.experts.linear_fc2.weight0"), {4, 4}, elements(down + 2, 0, 16));
  EXPECT_THAT(b.names(), testing::Not(testing::Contains("decoder.layers.2.mlp.experts.linear_fc1.weight2")));
  expect(b.entry("decoder.layers.0.mlp.linear_fc1.weight"), {8, 4}, elements(fc1, 0, 32));
}

TEST_F(RankFilesTest, ExpertsMayStayWholeWhereAllElseIsCut) {
  model.laid(2, 1, 2).request.layout.expert_tensor = 1;
  EXPECT_THAT(written(), ElementsAre("iter_0000005/mp_rank_00_000/model_optim_rng.pt", "iter_0000005/mp_rank_01_001/model_optim_rng.pt",
                                     "latest_checkpointed_iteration.txt"));
  const auto b = file("mp_rank_01_001");
  expect(b.entry("decoder.layers.0.mlp.linear_fc1.weight"), {4, 4}, elements(fc1, 8, 16) + elements(fc1, 24, 32));
  expect(b.entry("decoder.layers.2.mlp.experts.linear_fc1.weight0"), {4, 4}, elements(up + 2, 0, 16));
  expect(b.entry("decoder.layers.2.mlp.experts.linear_fc2.weight1"), {4, 4}, elements(down + 3, 0, 16));
}

TEST_F(RankFilesTest, StagesHoldTheirLayersUnderLocalNumbersAndCopiesOfATiedEmbedding) {
  model.laid(2, 2, 1);
  written();
  EXPECT_THAT(file("mp_rank_01_000").names(),
              ElementsAre("embedding.word_embeddings.weight", "decoder.layers.0.self_attention.linear_qkv.layer_norm_weight",
                          "decoder.layers.0.self_attention.linear_qkv.weight", "decoder.layers.0.self_attention.linear_proj.weight",
                          "decoder.layers.0.mlp.linear_fc1.weight", "decoder.layers.0.mlp.linear_fc2.weight",
                          "decoder.layers.1.mixer.in_proj.weight", "decoder.layers.1.mixer.conv1d_weight", "decoder.layers.1.mixer.out_proj.weight",
                          "decoder.layers.0.self_attention.linear_qkv._extra_state", "decoder.layers.0.self_attention.linear_proj._extra_state",
                          "decoder.layers.0.self_attention.core_attention._extra_state", "decoder.layers.0.mlp.linear_fc1._extra_state",
                          "decoder.layers.0.mlp.linear_fc2._extra_state", "decoder.layers.1.mixer.out_proj._extra_state",
                          "decoder.layers.1.mixer.in_proj._extra_state"));
  const auto last = file("mp_rank_01_001");
  expect(last.entry("decoder.layers.0.mlp.router.weight"), {4, 4}, elements(router, 0, 16));
  expect(last.entry("decoder.layers.1.mlp.linear_fc2.weight"), {4, 2},
         elements(SmallModel::last, 2, 4) + elements(SmallModel::last, 6, 8) + elements(SmallModel::last, 10, 12) + elements(SmallModel::last, 14, 16));
  expect(last.entry("decoder.final_layernorm.weight"), {4}, elements(final_norm, 0, 4));
  expect(last.entry("mtp.layers.0.enorm.weight"), {4}, elements(enorm, 0, 4));
  expect(last.entry("embedding.word_embeddings.weight"), {4, 4}, elements(embedding, 16, 32));  // of the prediction
  expect(last.entry("output_layer.weight"), {4, 4}, elements(embedding, 16, 32));
  EXPECT_TRUE(last.entry("output_layer._extra_state").none);
}

TEST_F(RankFilesTest, VirtualStagesAreModelsOfTheirOwn) {
  model.laid(1, 2, 1).request.layout.virtual_pipeline = 2;
  written();
  const auto a = file("mp_rank_00_000"), b = file("mp_rank_00_001");
  EXPECT_FALSE(a.root().find("model"));
  EXPECT_THAT(a.names("model0"), testing::Contains("decoder.layers.0.self_attention.linear_qkv.weight"));
  expect(a.entry("decoder.layers.0.mlp.router.weight", "model1"), {4, 4}, elements(router, 0, 16));           // layer 2
  expect(b.entry("decoder.layers.0.mixer.out_proj.weight", "model0"), {4, 4}, elements(out, 0, 16));          // layer 1
  expect(b.entry("decoder.layers.0.mlp.linear_fc2.weight", "model1"), {4, 4}, elements(SmallModel::last, 0, 16));  // layer 3
  EXPECT_THAT(b.names("model0"), ElementsAre("decoder.layers.0.mixer.in_proj.weight", "decoder.layers.0.mixer.conv1d_weight",
                                             "decoder.layers.0.mixer.out_proj.weight", "decoder.layers.0.mixer.out_proj._extra_state",
                                             "decoder.layers.0.mixer.in_proj._extra_state"));
  expect(b.entry("output_layer.weight", "model1"), {8, 4}, elements(embedding, 0, 32));
  EXPECT_THAT(a.names("model1"), testing::Not(testing::Contains("output_layer.weight")));
}

// Prediction apart from the loss: either has the output layer, the prediction the embedding too; the norm stays with the decoder.
TEST_F(RankFilesTest, PredictionOnAStageOfItsOwnHasWhatItNeeds) {
  model.laid(1, 4, 1).request.layout.stages = "Ett|tt|m|L";
  written();
  expect(file("mp_rank_00_001").entry("decoder.final_layernorm.weight"), {4}, elements(final_norm, 0, 4));
  EXPECT_THAT(file("mp_rank_00_002").names(),
              ElementsAre("mtp.layers.0.enorm.weight", "mtp.layers.0.mtp_model_layer.mlp.linear_fc2.weight", "embedding.word_embeddings.weight",
                          "output_layer.weight", "mtp.layers.0.enorm._extra_state", "mtp.layers.0.mtp_model_layer.mlp.linear_fc2._extra_state",
                          "output_layer._extra_state"));
  expect(file("mp_rank_00_002").entry("output_layer.weight"), {8, 4}, elements(embedding, 0, 32));
  EXPECT_THAT(file("mp_rank_00_003").names(), ElementsAre("output_layer.weight", "output_layer._extra_state"));
}

TEST_F(RankFilesTest, AnOutputLayerOfItsOwnIsNoCopyOfTheEmbedding) {
  LiveParameter head = model.request.parameters[embedding];
  head.rest = "output_layer.weight";
  model.request.parameters.push_back(head);
  const auto number = model.request.parameters.size() - 1;
  model.laid(1, 2, 1);
  written();
  expect(file("mp_rank_00_001").entry("output_layer.weight"), {8, 4}, elements(number, 0, 32));
  expect(file("mp_rank_00_001").entry("embedding.word_embeddings.weight"), {8, 4}, elements(embedding, 0, 32));
  EXPECT_THAT(file("mp_rank_00_000").names(), testing::Not(testing::Contains("output_layer.weight")));
}

TEST_F(RankFilesTest, OfTheLocalSpecAreNamedAfterItsModules) {
  model.request.spec = ModuleSpec::local;
  model.laid(1, 1, 2);
  written();
  const auto b = file("mp_rank_00_001");
  expect(b.entry("decoder.layers.0.input_layernorm.weight"), {4}, elements(norm, 0, 4));
  expect(b.entry("decoder.layers.2.mlp.experts.local_experts.1.linear_fc1.weight"), {4, 4}, elements(up + 3, 0, 16));
  EXPECT_TRUE(b.entry("decoder.layers.0.mlp.linear_fc1._extra_state").none);
  EXPECT_TRUE(b.entry("decoder.layers.2.mlp.experts.local_experts.1.linear_fc2._extra_state").none);
  EXPECT_THAT(b.names(), testing::Not(testing::Contains("decoder.final_layernorm._extra_state")));
  EXPECT_THAT(b.names(), testing::Not(testing::Contains("decoder.layers.0.self_attention.core_attention._extra_state")));
}

TEST_F(RankFilesTest, RefuseWhatNoReaderTakes) {
  const auto fault = [&] {
    const auto laid = lay_out_rank_files(model.request);
    EXPECT_FALSE(laid);
    return laid ? Error{} : laid.error();
  };
  model.request.flavor = MegatronFlavor::bridge;
  EXPECT_EQ(fault().kind, Error::Kind::unsupported);
  EXPECT_EQ(fault().remedy, "Give --flavor megatron-lm too, or write torch_dist");
  model.request.flavor = MegatronFlavor::megatron_lm;
  model.laid(1, 1, 1).request.layout.expert_tensor = 2;
  EXPECT_EQ(fault().subject, "--etp");
  model.request.layout.expert_tensor = {};
  model.request.layout.pipeline = 3;
  EXPECT_EQ(fault().problem, "3 does not divide the 4 layers of the model");
  model.request.layout.pipeline = 1;
  model.request.spec = ModuleSpec::local;
  model.request.document["hybrid_layer_pattern"] = "*M*-";
  EXPECT_THAT(fault().problem, HasSubstr("no local spec"));
}

}  // namespace
}  // namespace weighbridge
