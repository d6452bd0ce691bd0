#include "checkpoints/rank_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weighbridge {
namespace {

using ::testing::ElementsAre;

LiveParameter parameter(std::int64_t layer, std::string rest, Shape shape, std::optional<Cut> cut = {}) {
  LiveParameter made{"decoder.layers.", layer, 4, std::move(rest), DType::bf16, std::move(shape), false, ExtraState::empty};
  made.cut = std::move(cut);
  return made;
}
Cut rows(std::int64_t count) { return {0, {count}}; }

TEST(RankNames, OfTransformerEngineAreThoseOfTheKeys) {
  EXPECT_EQ(live_rest("decoder.layers.", "self_attention.linear_qkv.weight"), "self_attention.linear_qkv.weight");
  EXPECT_EQ(live_rest("", "transformer_layer.weight"), "transformer_layer.weight");
  EXPECT_EQ(live_rest("decoder.layers.", "transformer_layer.mlp.linear_fc1.weight"), "transformer_layer.mlp.linear_fc1.weight");
}

TEST(RankNames, OfThePredictionLayersInnerModel) {
  EXPECT_EQ(live_rest("mtp.layers.", "transformer_layer.mlp.linear_fc1.weight"), "mtp_model_layer.mlp.linear_fc1.weight");
  EXPECT_EQ(live_rest("language_model.mtp.layers.", "transformer_layer.mlp.linear_fc1.weight"), "mtp_model_layer.mlp.linear_fc1.weight");
  EXPECT_EQ(live_rest("mtp.layers.", "eh_proj.weight"), "eh_proj.weight");
}

// The local spec has the norm as a module of its own where Transformer Engine has it inside the linear layer behind it.
TEST(RankNames, OfTheLocalSpecTakeNormsOutOfLinearLayers) {
  const auto local = [](std::string_view rest) { return local_rest(rest, {}); };
  EXPECT_EQ(local("self_attention.linear_qkv.layer_norm_weight"), "input_layernorm.weight");
  EXPECT_EQ(local("self_attention.linear_qkv.layer_norm_bias"), "input_layernorm.bias");
  EXPECT_EQ(local("mlp.linear_fc1.layer_norm_weight"), "pre_mlp_layernorm.weight");
  EXPECT_EQ(local("mlp.linear_fc1.layer_norm_bias"), "pre_mlp_layernorm.bias");
  EXPECT_EQ(local("self_attention.linear_q_up_proj.layer_norm_weight"), "self_attention.q_layernorm.weight");
  EXPECT_EQ(local("self_attention.linear_kv_up_proj.layer_norm_weight"), "self_attention.kv_layernorm.weight");
  EXPECT_EQ(local("mtp_model_layer.self_attention.linear_qkv.layer_norm_weight"), "mtp_model_layer.input_layernorm.weight");
  EXPECT_EQ(local("self_attention.linear_qkv.weight"), "self_attention.linear_qkv.weight");
  EXPECT_EQ(local("other_mlp.linear_fc1.layer_norm_weight"), "other_mlp.linear_fc1.layer_norm_weight");  // not our module
}

TEST(RankNames, OfTheLocalSpecNumberExpertsAsModules) {
  EXPECT_EQ(local_rest("mlp.experts.linear_fc1.weight", 3), "mlp.experts.local_experts.3.linear_fc1.weight");
  EXPECT_EQ(local_rest("mtp_model_layer.mlp.experts.linear_fc2.weight", 0), "mtp_model_layer.mlp.experts.local_experts.0.linear_fc2.weight");
}

TEST(RankNames, AParameterIsAnEntry) {
  const auto made = rank_parameters({parameter(2, "mlp.linear_fc2.weight", {4, 6}, Cut{1, {6}})});
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].prefix, "decoder.layers.");
  EXPECT_EQ(made[0].layer, 2);
  EXPECT_EQ(made[0].rest, "mlp.linear_fc2.weight");
  EXPECT_EQ(made[0].dtype, DType::bf16);
  EXPECT_EQ(made[0].shape, (Shape{4, 6}));
  ASSERT_TRUE(made[0].cut);
  EXPECT_EQ(made[0].cut->axis, 1u);
  EXPECT_EQ(made[0].extra_state, ExtraState::empty);
  ASSERT_EQ(made[0].members.size(), 1u);
  EXPECT_EQ(made[0].members[0].parameter, 0u);
  EXPECT_EQ(made[0].members[0].begin, 0);
}

// torch_dist keeps the parts of a mixer's projection apart; the live model has one tensor, and a rank its share of each part.
TEST(RankNames, PartsAreOneEntryInTheirOrder) {
  const auto made = rank_parameters({
      parameter(0, "mixer.in_proj.weight.z", {8, 4}, rows(8)),
      parameter(0, "mixer.in_proj.weight.x", {8, 4}, rows(8)),
      parameter(0, "mixer.in_proj.weight.B", {4, 4}, rows(4)),
      parameter(0, "mixer.norm.weight", {8}, rows(8)),
      parameter(1, "mixer.in_proj.weight.z", {8, 4}, rows(8)),
      parameter(0, "mixer.in_proj.weight.dt", {2, 4}, rows(2)),
  });
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(made[0].rest, "mixer.in_proj.weight");
  EXPECT_EQ(made[0].layer, 0);
  EXPECT_EQ(made[0].shape, (Shape{22, 4}));
  ASSERT_TRUE(made[0].cut);
  EXPECT_THAT(made[0].cut->parts, ElementsAre(8, 8, 4, 2));
  std::vector<std::pair<std::size_t, std::int64_t>> members;
  for (const auto& member : made[0].members) members.emplace_back(member.parameter, member.begin);
  EXPECT_THAT(members, ElementsAre(std::pair{0, 0}, std::pair{1, 8}, std::pair{2, 16}, std::pair{5, 20}));
  EXPECT_EQ(made[1].rest, "mixer.norm.weight");
  EXPECT_EQ(made[2].rest, "mixer.in_proj.weight");
  EXPECT_EQ(made[2].layer, 1);
  EXPECT_EQ(made[2].shape, (Shape{8, 4}));
}

TEST(RankNames, TheConvolutionIsAnAttributeOfTheMixer) {
  const auto made = rank_parameters({
      parameter(0, "mixer.conv1d.weight.x", {8, 1, 4}, rows(8)),
      parameter(0, "mixer.conv1d.weight.B", {4, 1, 4}, rows(4)),
      parameter(0, "mixer.conv1d.bias.x", {8}, rows(8)),
      parameter(0, "mixer.conv1d.bias.B", {4}, rows(4)),
  });
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].rest, "mixer.conv1d_weight");
  EXPECT_EQ(made[0].shape, (Shape{12, 1, 4}));
  EXPECT_EQ(made[1].rest, "mixer.conv1d_bias");
  EXPECT_EQ(made[1].shape, (Shape{12}));
}

// The convolution of a gated delta net is a module as before.
TEST(RankNames, TheConvolutionOfAttentionIsAModule) {
  const auto made = rank_parameters({
      parameter(0, "self_attention.conv1d.weight.query", {4, 1, 2}, rows(4)),
      parameter(0, "self_attention.conv1d.weight.key", {4, 1, 2}, rows(4)),
  });
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].rest, "self_attention.conv1d.weight");
  EXPECT_EQ(made[0].shape, (Shape{8, 1, 2}));
}

TEST(RankNames, TheLiveModelsOwnNameAndLayerWin) {
  auto renamed = parameter(7, "self_attention.core_attention.softmax_offset", {4}, rows(4));
  renamed.live_layer = 3;
  renamed.live_rest = "mixer.softmax_offset";
  const auto made = rank_parameters({renamed});
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].layer, 3);
  EXPECT_EQ(made[0].rest, "mixer.softmax_offset");
}

TEST(RankNames, ExpertsStayApart) {
  auto first = parameter(0, "mlp.experts.linear_fc1.weight", {8, 4}, Cut{0, {4, 4}});
  first.experts = 2;
  auto second = first;
  second.expert = 1;
  const auto made = rank_parameters({first, second});
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].rest, "mlp.experts.linear_fc1.weight");
  EXPECT_EQ(made[1].rest, "mlp.experts.linear_fc1.weight");
  EXPECT_EQ(made[1].expert, 1);
  EXPECT_EQ(made[1].experts, 2);
}

}  // namespace
}  // namespace weighbridge
