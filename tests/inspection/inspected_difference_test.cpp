#include "inspection/inspected_difference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program_run.hpp"
#include "inspection/inspected_folder.hpp"

namespace weighbridge {
namespace {

using ::testing::HasSubstr;

TEST(InspectedDifference, NamesFieldsAndTensors) {
  const test::TemporaryFolder folder;
  folder.write("a/config.json", R"({"architectures":["A"],"hidden_size":4,"rope_scaling":{"factor":8.0},"old":1})");
  folder.write("a/model.safetensors",
               test::safetensors_of({{"w", "BF16", {2, 2}, 8}, {"x", "BF16", {2}, 4}, {"same", "U8", {2}, 2}}));
  folder.write("b/config.json",
               R"({"architectures":["A"],"hidden_size":8,"rope_scaling":{"factor":32.0},"new":[1,2]})");
  folder.write("b/model.safetensors",
               test::safetensors_of({{"w", "F32", {4}, 16}, {"y", "BF16", {2}, 4}, {"same", "U8", {2}, 2}}));
  Registry none;
  const auto a = inspect(folder / "a", none), b = inspect(folder / "b", none);
  ASSERT_TRUE(a && b);
  const auto found = difference(*a, *b);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(to_text(*found),
            "~ field hidden_size: 4 | 8\n"
            "+ field new: [1,2]\n"
            "- field old: 1\n"
            "~ field rope_scaling.factor: 8 | 32\n"
            "- tensor x\n"
            "+ tensor y\n"
            "~ tensor w: BF16 [2, 2] | F32 [4]\n");
  const auto json = to_json(*found);
  EXPECT_EQ(json.at("same"), false);
  EXPECT_EQ(json.at("fields").as_array().size(), 4u);
  EXPECT_EQ(json.at("fields").at(0).at("path").as_string(), "hidden_size");
  EXPECT_EQ(json.at("only_in_one"), (boost::json::array{"x"}));
  EXPECT_EQ(json.at("tensors").at(0).at("other").at("dtype").as_string(), "F32");
  const auto same = difference(*a, *a);
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->none());
  EXPECT_EQ(to_text(*same), "No field of the configuration and no name, type or shape of a tensor differs.\n");
}

TEST(InspectedDifference, IsOfOneKind) {
  auto registry = test::plugins();
  const auto golden = std::filesystem::path{WEIGHBRIDGE_GOLDEN} / "llama3";
  const auto one = inspect(golden / "hf", registry), other = inspect(golden / "megatron", registry);
  ASSERT_TRUE(one && other);
  const auto found = difference(*one, *other);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, Error::Kind::usage);
  EXPECT_EQ(found.error().subject, "--diff");
}

TEST(InspectedDifference, IsTheExitCode) {
  const auto golden = std::filesystem::path{WEIGHBRIDGE_GOLDEN};
  const auto same = test::run_weighbridge({"inspect", golden / "llama3/hf", "--diff", golden / "llama3/hf"});
  EXPECT_EQ(same.code, 0) << same.err;
  const auto other = test::run_weighbridge({"inspect", golden / "llama3/hf", "--diff", golden / "llama3-tied/hf"});
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.out,
            "- field head_dim: 4\n"
            "~ field rope_scaling.factor: 8 | 32\n"
            "~ field tie_word_embeddings: false | true\n"
            "- tensor lm_head.weight\n");
  EXPECT_EQ(test::run_weighbridge({"inspect", golden / "llama3/hf", "--diff", golden / "llama3/megatron"}).code, 2);
}

}  // namespace
}  // namespace weighbridge
