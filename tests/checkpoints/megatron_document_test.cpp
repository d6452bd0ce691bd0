#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "checkpoints/megatron_document.hpp"

namespace weighbridge {
namespace {

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

TEST(MegatronDocument, ReadsTypedFields) {
  const auto document = object(R"({"a":3,"b":3.0,"c":3.5,"d":true,"e":"x","f":null,"g":1e300})");
  EXPECT_EQ(integer_field(document, "a"), 3);
  EXPECT_EQ(integer_field(document, "b"), 3);
  EXPECT_EQ(integer_field(document, "c"), std::nullopt);
  EXPECT_EQ(integer_field(document, "d"), std::nullopt);
  EXPECT_EQ(integer_field(document, "g"), std::nullopt);
  EXPECT_EQ(number_field(document, "a"), 3.0);
  EXPECT_EQ(number_field(document, "c"), 3.5);
  EXPECT_EQ(number_field(document, "e"), std::nullopt);
  EXPECT_EQ(string_field(document, "e"), "x");
  EXPECT_EQ(string_field(document, "f"), std::nullopt);
  EXPECT_TRUE(flag_field(document, "d"));
  EXPECT_FALSE(flag_field(document, "a"));
  EXPECT_TRUE(flag_field(document, "f", true));
  EXPECT_TRUE(flag_field(document, "absent", true));
}

TEST(MegatronDocument, DecidesBetweenStackedAndPerLayerKeys) {
  EXPECT_FALSE(per_layer_keys(object("{}")));
  EXPECT_FALSE(per_layer_keys(object(R"({"moe_layer_freq":1,"linear_attention_freq":null,"hybrid_layer_pattern":"",
    "is_hybrid_model":false,"heterogeneous_block_specs":false,"hetereogenous_dist_checkpoint":false})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"moe_layer_freq":2})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"moe_layer_freq":[1,1]})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"linear_attention_freq":4})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"linear_attention_freq":[1,0]})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"hybrid_layer_pattern":"M-M*"})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"hybrid_override_pattern":"M-M*"})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"is_hybrid_model":true})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"some_stack_spec":{"_target_":"a.b","_call_":false}})")));
  EXPECT_FALSE(per_layer_keys(object(R"({"some_stack_spec":null,"transformer_layer_spec":{"_target_":"a.b","_call_":false}})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"heterogeneous_block_specs":true})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"heterogeneous_layers_config_encoded_json":"{}"})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"heterogeneous_layers_config_encoded_json":{"block_configs":[]}})")));
  EXPECT_FALSE(per_layer_keys(object(R"({"heterogeneous_layers_config_encoded_json":""})")));
  EXPECT_TRUE(per_layer_keys(object(R"({"hetereogenous_dist_checkpoint":true})")));
}

TEST(MegatronDocument, HoldsWhatATextOfJsonSays) {
  EXPECT_TRUE(holds_json("heterogeneous_layers_config_encoded_json"));
  EXPECT_FALSE(holds_json("heterogeneous_layers_config_path"));
  const boost::json::value text = "{\n  \"a\": [\n    1e-05\n  ],\n  \"b\": null\n}\n";
  const auto said = decoded_json(text);
  EXPECT_EQ(said, boost::json::parse(R"({"b":null,"a":[1e-05]})"));
  EXPECT_EQ(encoded_json(said), text);
  for (const auto* other : {"", "no JSON", "[1]"}) EXPECT_EQ(decoded_json(other), boost::json::value(other));
  EXPECT_EQ(decoded_json(nullptr), boost::json::value(nullptr));
  EXPECT_EQ(encoded_json("no JSON"), boost::json::value("no JSON"));
}

TEST(MegatronDocument, TranslatesActivations) {
  for (const auto* name : {"silu", "gelu", "gelu_tanh", "quick_gelu", "squared_relu", "relu"}) {
    const auto target = activation_target(name);
    ASSERT_TRUE(target) << name;
    EXPECT_EQ(activation_name(*target), name);
  }
  EXPECT_EQ(activation_target("silu"), "torch.nn.functional.silu");
  EXPECT_EQ(activation_name("torch._C._nn.gelu"), "gelu");
  EXPECT_EQ(activation_target("swish"), std::nullopt);
  EXPECT_EQ(activation_name("os.system"), std::nullopt);
}

}  // namespace
}  // namespace weighbridge
