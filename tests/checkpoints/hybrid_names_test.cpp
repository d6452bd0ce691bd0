#include "checkpoints/hybrid_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace weighbridge {
namespace {

using testing::HasSubstr;

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

LiveParameter in_layer(std::int64_t layer, std::string rest, std::int64_t experts = 0) {
  LiveParameter parameter;
  parameter.prefix = "decoder.layers.";
  parameter.layer = layer;
  parameter.layers = 2;
  parameter.rest = std::move(rest);
  parameter.experts = experts;
  return parameter;
}
LiveParameter alone(std::string name) {
  LiveParameter parameter;
  parameter.rest = std::move(name);
  return parameter;
}

// A dense layer before one of experts.
std::vector<LiveParameter> model() {
  return {alone("embedding.word_embeddings.weight"),
          in_layer(0, "self_attention.linear_qkv.weight"),
          in_layer(0, "mlp.linear_fc1.weight"),
          in_layer(1, "input_layernorm.weight"),
          in_layer(1, "self_attention.linear_qkv.weight"),
          in_layer(1, "pre_mlp_layernorm.weight"),
          in_layer(1, "mlp.experts.linear_fc1.weight", 4),
          alone("decoder.final_layernorm.weight"),
          alone("output_layer.weight")};
}

TEST(HybridNames, GiveEveryBlockALayerOfItsOwn) {
  auto parameters = model();
  ASSERT_TRUE(name_as_hybrid("*-*E", parameters));
  std::vector<std::string> names;
  for (const auto& parameter : parameters)
    names.push_back(parameter.prefix.empty() ? parameter.rest : parameter.prefix + std::to_string(parameter.layer) + "." + parameter.rest);
  EXPECT_THAT(names, testing::ElementsAre("embedding.word_embeddings.weight", "decoder.layers.0.self_attention.linear_qkv.weight",
                                          "decoder.layers.1.mlp.linear_fc1.weight", "decoder.layers.2.input_layernorm.weight",
                                          "decoder.layers.2.self_attention.linear_qkv.weight", "decoder.layers.3.pre_mlp_layernorm.weight",
                                          "decoder.layers.3.mlp.experts.linear_fc1.weight", "decoder.final_norm.weight", "output_layer.weight"));
  for (const auto& parameter : parameters) EXPECT_EQ(parameter.layers, parameter.prefix.empty() ? 0 : 4);
}

// The order of blocks is the pattern's; bars only say where stages end.
TEST(HybridNames, FollowThePattern) {
  auto parameters = model();
  ASSERT_TRUE(name_as_hybrid("**|-E", parameters));
  EXPECT_EQ(parameters[2].layer, 2);
  EXPECT_EQ(parameters[4].layer, 1);
  EXPECT_EQ(parameters[6].layer, 3);
}

TEST(HybridNames, ModulesOfTheHybridModelHaveAnOutputState) {
  std::vector<LiveModule> modules{{"decoder.layers.", 1, 2, "self_attention.linear_qkv", ExtraState::empty, 0, 0}};
  ASSERT_TRUE(name_as_hybrid("*-*E", "", modules));
  ASSERT_EQ(modules.size(), 2u);
  EXPECT_EQ(modules[0].layer, 2);
  EXPECT_EQ(modules[1].rest, "output_layer");
  EXPECT_EQ(modules[1].extra_state, ExtraState::none);
}

TEST(HybridNames, DocumentsGoThereAndBack) {
  const auto gpt = object(R"({"num_layers":2,"hidden_size":8,"_target_":"a.GPTModelProvider","moe_layer_freq":[0,1]})");
  auto hybrid = hybrid_document(gpt, model());
  ASSERT_TRUE(hybrid) << hybrid.error().text();
  EXPECT_EQ(hybrid->at("hybrid_layer_pattern").as_string(), "*-*E");
  EXPECT_EQ(hybrid->at("num_layers").as_int64(), 4);
  EXPECT_EQ(hybrid->at("is_hybrid_model").as_bool(), true);
  EXPECT_THAT(std::string{hybrid->at("_target_").as_string()}, HasSubstr("HybridModelProvider"));
  EXPECT_FALSE(hybrid->contains("moe_layer_freq"));
  const auto back = gpt_document(*hybrid);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, object(R"({"num_layers":2,"hidden_size":8})"));
}

TEST(HybridNames, AMambaLayerMakesAModelHybridIndeed) {
  EXPECT_FALSE(gpt_document(object(R"({"hybrid_layer_pattern":"M*-"})")));
  EXPECT_FALSE(gpt_document(object(R"({"hybrid_layer_pattern":"*--"})")));
  EXPECT_FALSE(gpt_document(object(R"({"num_layers":2})")));
  auto parameters = model();
  EXPECT_EQ(name_as_hybrid("M*-", parameters).error().kind, Error::Kind::unsupported);
}

TEST(HybridNames, RefuseWhatTheHybridModelHasNoPlaceFor) {
  EXPECT_EQ(hybrid_document(object(R"({"num_layers":2,"rope_scaling":true})"), model()).error().subject, "rope_scaling");
  EXPECT_EQ(hybrid_document(object(R"({"num_layers":2,"mtp_num_layers":1})"), model()).error().subject, "mtp_num_layers");
  auto parameters = model();
  parameters.push_back(in_layer(0, "cross_attention.linear_q.weight"));
  EXPECT_EQ(name_as_hybrid("*-*E", parameters).error().subject, "cross_attention.linear_q.weight");
  auto shallow = model();
  EXPECT_EQ(name_as_hybrid("*-", shallow).error().kind, Error::Kind::mismatch);
}

}  // namespace
}  // namespace weighbridge
