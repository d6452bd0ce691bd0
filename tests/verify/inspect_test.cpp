#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoints/safetensors_bytes.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "verify/inspect.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Inspect, DescribesAHuggingFaceFolder) {
  const test::TemporaryFolder folder;
  folder.write("config.json", R"({"architectures":["AnyForCausalLM"],"model_type":"any","tie_word_embeddings":true})");
  folder.write("model.safetensors", test::one_tensor("embed.weight", 6));
  folder.write("tokenizer.json", "{}");
  const auto found = inspect(folder.path());
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->kind, CheckpointKind::hugging_face);
  EXPECT_EQ(found->parameters, 6);
  EXPECT_EQ(found->bytes, 6u);
  EXPECT_EQ(found->files, 1);
  EXPECT_EQ(found->hugging_face->architecture, "AnyForCausalLM");
  EXPECT_EQ(found->hugging_face->tied, true);
  EXPECT_THAT(found->hugging_face->weight_files, ElementsAre("model.safetensors"));
  const auto json = to_json(*found);
  EXPECT_EQ(json.at("kind").as_string(), "hugging_face");
  EXPECT_EQ(json.at("dtypes").at("U8").at("parameters").as_int64(), 6);
  EXPECT_THAT(to_text(*found, true), HasSubstr("dtype U8: 1 tensors, 6 parameters, 6 bytes\n"));
  EXPECT_THAT(to_text(*found, true), HasSubstr("embed.weight U8 [6]\n"));
}

TEST(Inspect, DescribesAMegatronCheckpoint) {
  const auto path = std::filesystem::path{WEIGHBRIDGE_GOLDEN_FOLDER} / "llama3/megatron";
  const auto found = inspect(path);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->kind, CheckpointKind::megatron);
  EXPECT_EQ(found->folder, path / "iter_0000000");
  EXPECT_EQ(found->megatron->iteration, 0);
  EXPECT_EQ(found->megatron->flavor, MegatronFlavor::bridge);
  ASSERT_EQ(found->megatron->stacks.size(), 1u);
  EXPECT_EQ(found->megatron->stacks[0].prefix, "decoder.layers.");
  EXPECT_EQ(found->megatron->stacks[0].layers, 2);
  EXPECT_EQ(found->megatron->tied, false);
  EXPECT_EQ(found->dtypes.at(DType::bf16).parameters, found->parameters);
  EXPECT_EQ(found->bytes, static_cast<std::uint64_t>(found->parameters) * 2);
}

TEST(Inspect, SaysWhatIsBroken) {
  const test::TemporaryFolder folder;
  const auto nothing = inspect(folder.path());
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, Error::Kind::usage);
  const auto absent = inspect(folder / "absent");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().kind, Error::Kind::io);
  folder.write("config.json", "{}");
  folder.write("model.safetensors", test::one_tensor("w", 4).substr(0, 40));
  const auto cut = inspect(folder.path());
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, Error::Kind::format);
  EXPECT_THAT(cut.error().file, HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace weighbridge
