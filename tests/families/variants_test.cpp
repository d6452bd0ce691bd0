#include "families/variants.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

class VariantsTest : public ::testing::Test {
 protected:
  VariantsTest() {
    auto name = (fs::temp_directory_path() / "variants-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    manifest_.architectures = {"A", "B"};
    manifest_.variants_file = folder_ / "one.variants.json";
  }
  ~VariantsTest() override { fs::remove_all(folder_); }
  Result<std::vector<Variant>> read(const std::string& text) {
    std::ofstream{manifest_.variants_file} << text;
    return read_variants(manifest_);
  }
  std::string problem(const std::string& text) {
    const auto variants = read(text);
    if (variants) return "none";
    EXPECT_EQ(variants.error().kind, Error::Kind::format);
    EXPECT_EQ(variants.error().file, manifest_.variants_file.string());
    return variants.error().subject + ": " + variants.error().problem;
  }
  // Of one variant that is whole but for `field`, whose text is `value`; nothing leaves it out.
  std::string problem(const std::string& field, const std::string& value) {
    std::string text = R"({"variants": [{)";
    for (const auto& [name, usual] : {std::pair{"name", R"("A-8B")"}, {"repository", R"("o/a-8b")"}, {"architecture", R"("B")"},
                                      {"parameters", R"("8.03 B")"}, {"config", R"({"hidden_size": 8})"}, {"recipes", "[]"}})
      if (const std::string stated = field == name ? value : usual; !stated.empty())
        text += (text.ends_with('{') ? "\"" : ", \"") + std::string{name} + "\": " + stated;
    return problem(text + "}]}");
  }
  std::string recipe_problem(const std::string& recipe) { return problem("recipes", "[" + recipe + "]"); }

  fs::path folder_;
  Manifest manifest_;
};

TEST_F(VariantsTest, HoldWhatTheFileSays) {
  const auto variants = read(R"({"variants": [
      {"name": "A-8B", "repository": "o/a-8b", "architecture": "B", "parameters": "8.03 B", "config": {"hidden_size": 4096},
       "recipes": [{"trainer": "Megatron-Bridge", "use": "pretrain", "gpus": 16, "layout": {"tp": 2, "pp": 4, "cp": 2}, "source": "a.py"},
                   {"trainer": "Megatron-LM", "use": "lora", "layout": {}, "source": "b.sh"}]},
      {"name": "A-1B", "repository": "o/a-1b", "architecture": "A", "parameters": "494 M", "config": {"hidden_size": 896}}]})");
  ASSERT_TRUE(variants) << variants.error().text();
  ASSERT_EQ(variants->size(), 2u);
  const auto& first = variants->front();
  EXPECT_EQ(first.name, "A-8B");
  EXPECT_EQ(first.repository, "o/a-8b");
  EXPECT_EQ(first.architecture, "B");
  EXPECT_EQ(first.parameters, "8.03 B");
  EXPECT_EQ(first.config.at("hidden_size").as_int64(), 4096);
  ASSERT_EQ(first.recipes.size(), 2u);
  EXPECT_EQ(first.recipes[0].trainer, "Megatron-Bridge");
  EXPECT_EQ(first.recipes[0].use, "pretrain");
  EXPECT_EQ(first.recipes[0].gpus, 16);
  EXPECT_EQ(first.recipes[0].layout, (std::vector<std::pair<std::string, std::int64_t>>{{"tp", 2}, {"pp", 4}, {"cp", 2}}));
  EXPECT_EQ(first.recipes[0].source, "a.py");
  EXPECT_EQ(first.recipes[1].trainer, "Megatron-LM");
  EXPECT_EQ(first.recipes[1].gpus, 0);
  EXPECT_EQ((*variants)[1].name, "A-1B");
  EXPECT_EQ((*variants)[1].recipes.size(), 0u);
}

TEST_F(VariantsTest, OfAManifestWithNamesAloneAreNames) {
  manifest_.variants_file.clear();
  manifest_.variants = {"A 7B, 13B"};
  const auto variants = read_variants(manifest_);
  ASSERT_TRUE(variants);
  ASSERT_EQ(variants->size(), 1u);
  EXPECT_EQ(variants->front().name, "A 7B, 13B");
  EXPECT_EQ(variants->front().repository, "");
}

TEST_F(VariantsTest, NameTheFieldThatIsWrong) {
  EXPECT_EQ(problem("name", R"("A-8B")"), "none");
  EXPECT_EQ(problem(R"({})"), "variants: is no list");
  EXPECT_EQ(problem(R"({"variants": {}})"), "variants: is no list");
  EXPECT_EQ(problem(R"({"variants": [], "version": 2})"), "version: is unknown; known are variants");
  EXPECT_EQ(problem(R"({"variants": [3]})"), "variants.0: is no object");
  EXPECT_EQ(problem("name", ""), "variants.0.name: is missing");
  EXPECT_EQ(problem("name", "3"), "variants.0.name: is no text");
  EXPECT_EQ(problem("name", R"("A\u001b[2J")"), "variants.0.name: holds a control character");
  EXPECT_EQ(problem("name", "\"" + std::string(301, 'A') + "\""), "variants.0.name: is longer than 300 bytes");
  EXPECT_EQ(problem("name", R"("A", "size": 3)"),
            "variants.0.size: is unknown; known are name, repository, architecture, parameters, config, recipes");
  EXPECT_EQ(problem("repository", R"("a-8b")"), "variants.0.repository: is no owner/name");
  EXPECT_EQ(problem("architecture", R"("C")"), "variants.0.architecture: is C, which the manifest does not list");
  for (const auto* text : {"8 B", "8.0 B", "8.033 B", "8.03B", "8.03 G", "0.49 B", "49. B", "8,03 B", " B"})
    EXPECT_EQ(problem("parameters", "\"" + std::string{text} + "\""),
              "variants.0.parameters: is no number of three digits with a unit, such as \"8.03 B\" or \"494 M\"")
        << text;
  EXPECT_EQ(problem("config", ""), "variants.0.config: is missing");
  EXPECT_EQ(problem("config", "{}"), "variants.0.config: is no object with fields");
  EXPECT_EQ(problem("recipes", "{}"), "variants.0.recipes: is no list");
  const std::string one = R"({"name": "A", "repository": "o/a", "architecture": "A", "parameters": "1.00 K", "config": {"a": 1}})";
  EXPECT_EQ(problem(R"({"variants": [)" + one + ", " + one + "]}"), "variants.1.name: is A, as that of an earlier one");
}

TEST_F(VariantsTest, NameTheFieldOfARecipeThatIsWrong) {
  const std::string head = R"({"trainer": "Megatron-LM", "use": "sft", "source": "a.py", )";
  EXPECT_EQ(recipe_problem(head + R"("gpus": 8, "layout": {"tp": 8}})"), "none");
  EXPECT_EQ(recipe_problem("3"), "variants.0.recipes.0: is no object");
  EXPECT_EQ(recipe_problem(R"({"trainer": "Another"})"),
            "variants.0.recipes.0.trainer: is Another; known are Megatron-Bridge, Megatron-LM");
  EXPECT_EQ(recipe_problem(R"({"trainer": "Megatron-LM", "use": "guess"})"),
            "variants.0.recipes.0.use: is guess; known are pretrain, sft, lora");
  EXPECT_EQ(recipe_problem(R"({"trainer": "Megatron-LM", "use": "sft", "layout": {}})"), "variants.0.recipes.0.source: is missing");
  EXPECT_EQ(recipe_problem(head + R"("nodes": 2})"),
            "variants.0.recipes.0.nodes: is unknown; known are trainer, use, gpus, layout, source");
  EXPECT_EQ(recipe_problem(head + R"("gpus": 8})"), "variants.0.recipes.0.layout: is missing");
  EXPECT_EQ(recipe_problem(head + R"("gpus": 0, "layout": {}})"), "variants.0.recipes.0.gpus: is no number from 1 to 1000000");
  EXPECT_EQ(recipe_problem(head + R"("gpus": 8.5, "layout": {}})"), "variants.0.recipes.0.gpus: is no number from 1 to 1000000");
  EXPECT_EQ(recipe_problem(head + R"("layout": {"dp": 2}})"),
            "variants.0.recipes.0.layout.dp: is unknown; known are tp, pp, vpp, cp, ep, etp");
  EXPECT_EQ(recipe_problem(head + R"("layout": {"tp": 0}})"), "variants.0.recipes.0.layout.tp: is no number from 1 to 4096");
  EXPECT_EQ(recipe_problem(head + R"("gpus": 12, "layout": {"tp": 2, "pp": 2, "cp": 2, "ep": 8}})"),
            "variants.0.recipes.0.gpus: is 12, which tp x pp x cp = 8 does not divide");
}

TEST_F(VariantsTest, FilesThatAreAbsentOrHugeAreErrorsOfTheirFile) {
  const auto absent = read_variants(manifest_);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().kind, Error::Kind::io);
  EXPECT_EQ(absent.error().file, manifest_.variants_file.string());
  std::ofstream{manifest_.variants_file} << "{";
  fs::resize_file(manifest_.variants_file, 17 << 20);
  const auto huge = read_variants(manifest_);
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().problem, "has 17825792 bytes; at most 16777216 are read");
}

TEST(ParameterCount, IsThreeDigitsAndAUnit) {
  EXPECT_DOUBLE_EQ(parameter_count("8.03 B"), 8.03e9);
  EXPECT_DOUBLE_EQ(parameter_count("494 M"), 494e6);
  EXPECT_DOUBLE_EQ(parameter_count("1.03 T"), 1.03e12);
  EXPECT_DOUBLE_EQ(parameter_count("70.6 B"), 70.6e9);
  EXPECT_DOUBLE_EQ(parameter_count("5.20 K"), 5200);
  EXPECT_EQ(parameter_count(""), 0);
}

}  // namespace
}  // namespace weighbridge
