#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inspection/inspected_folder.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Inspect, DescribesAHuggingFaceFolder) {
  const test::TemporaryFolder folder;
  folder.write("config.json", R"({"architectures":["AnyForCausalLM"],"model_type":"any","tie_word_embeddings":true})");
  folder.write("model.safetensors", test::one_tensor("embed.weight", 6));
  folder.write("tokenizer.json", "{}");
  Registry none;
  const auto found = inspect(folder.path(), none);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->kind, CheckpointKind::hugging_face);
  EXPECT_EQ(found->parameters, 6);
  EXPECT_EQ(found->bytes, 6u);
  EXPECT_EQ(found->files, 1);
  EXPECT_EQ(found->hugging_face->architecture, "AnyForCausalLM");
  EXPECT_EQ(found->hugging_face->tied, true);
  EXPECT_THAT(found->hugging_face->weight_files, ElementsAre("model.safetensors"));
  EXPECT_THAT(found->tensors.at(0).files, ElementsAre("model.safetensors"));
  EXPECT_FALSE(found->is_broken());
  EXPECT_FALSE(found->family);
  EXPECT_THAT(test::texts(*found, Finding::Kind::oddity), ElementsAre("AnyForCausalLM: no installed plugin knows it."));
  const auto json = to_json(*found);
  EXPECT_EQ(json.at("kind").as_string(), "hugging_face");
  EXPECT_EQ(json.at("dtypes").at("U8").at("parameters").as_int64(), 6);
  EXPECT_TRUE(json.at("family").is_null());
  EXPECT_TRUE(json.at("defects").as_array().empty());
  EXPECT_EQ(json.at("oddities").at(0).at("subject").as_string(), "AnyForCausalLM");
  EXPECT_EQ(json.at("tensors").at(0).at("files"), (boost::json::array{"model.safetensors"}));
}

TEST(Inspect, FindsTheFamily) {
  auto registry = test::plugins();
  const auto found = inspect(std::filesystem::path{WEIGHBRIDGE_GOLDEN} / "llama3/hf", registry);
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_TRUE(found->family);
  EXPECT_EQ(found->family->id, "llama");
  EXPECT_EQ(found->family->version, "1.0.0");
  EXPECT_EQ(found->family->architecture, "LlamaForCausalLM");
  EXPECT_EQ(found->family->megatron.at("num_query_groups"), 2);
  EXPECT_EQ(found->parameters, 5200);
  EXPECT_EQ(to_json(*found).at("family").at("id").as_string(), "llama");
}

TEST(Inspect, DescribesAMegatronCheckpoint) {
  const auto path = std::filesystem::path{WEIGHBRIDGE_GOLDEN} / "llama3/megatron";
  auto registry = test::plugins();
  const auto found = inspect(path, registry);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->kind, CheckpointKind::megatron);
  EXPECT_EQ(found->folder, path / "iter_0000000");
  EXPECT_EQ(found->megatron->iteration, 0);
  EXPECT_EQ(found->megatron->flavor, MegatronFlavor::bridge);
  ASSERT_EQ(found->megatron->stacks.size(), 1u);
  EXPECT_EQ(found->megatron->stacks[0].prefix, "decoder.layers.");
  EXPECT_EQ(found->megatron->stacks[0].layers, 2);
  EXPECT_EQ(found->megatron->tied, false);
  EXPECT_EQ(found->dtypes.at(DType::bf16).parameters, 5200);
  EXPECT_EQ(found->bytes, 10400u);
  EXPECT_EQ(found->family->id, "llama");
  EXPECT_THAT(found->findings, IsEmpty());
  EXPECT_THAT(found->tensors.at(0).files, ElementsAre("__0_0.distcp"));
}

TEST(Inspect, SaysWhatIsNoCheckpoint) {
  const test::TemporaryFolder folder;
  Registry none;
  const auto nothing = inspect(folder.path(), none);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, Error::Kind::usage);
  const auto absent = inspect(folder / "absent", none);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().kind, Error::Kind::io);
}

}  // namespace
}  // namespace weighbridge
