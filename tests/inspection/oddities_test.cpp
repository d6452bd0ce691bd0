#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program_run.hpp"
#include "inspection/inspected_folder.hpp"

namespace weighbridge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A folder with this config.json and these tensors; no plugin is asked.
std::vector<std::string> oddities(const std::string& config, const std::vector<test::HeaderEntry>& tensors) {
  const test::TemporaryFolder folder;
  folder.write("config.json", config);
  folder.write("model.safetensors", test::safetensors_of(tensors));
  Registry none;
  const auto found = inspect(folder.path(), none);
  EXPECT_TRUE(found) << found.error().text();
  auto lines = found ? test::texts(*found, Finding::Kind::oddity) : std::vector<std::string>{};
  std::erase_if(lines, [](const auto& line) {
    return line.find("no installed plugin knows it") != line.npos ||
           line.find("neither this nor model_type") != line.npos;
  });
  return lines;
}

TEST(Oddities, ACopyBesideTiedEmbeddings) {
  EXPECT_THAT(
      oddities(R"({"architectures":["A"],"tie_word_embeddings":true})", {{"lm_head.weight", "BF16", {2, 2}, 8}}),
      ElementsAre("tensor lm_head.weight: is stored although tie_word_embeddings is true. A conversion compares the "
                  "two; they must be equal."));
  EXPECT_THAT(
      oddities(R"({"architectures":["A"],"tie_word_embeddings":false})", {{"lm_head.weight", "BF16", {2, 2}, 8}}),
      ElementsAre());
}

TEST(Oddities, MixedAndOtherTypes) {
  EXPECT_THAT(
      oddities(R"({"architectures":["A"],"torch_dtype":"float16"})", {{"a", "BF16", {4}, 8}, {"b", "F32", {1}, 4}}),
      ElementsAre("types: most weights are BF16, but one is not: b.",
                  "torch_dtype: says float16, but most weights are BF16. An import makes them what config.json says; "
                  "--torch-dtype chooses another."));
}

TEST(Oddities, QuantisedWeightsAndTheirScales) {
  EXPECT_THAT(oddities(R"({"architectures":["A"],"quantization_config":{"quant_method":"fp8"}})",
                       {{"a", "F8_E4M3", {4}, 4}, {"n", "BF16", {4}, 8}, {"a_scale_inv", "F32", {1}, 4}}),
              ElementsAre("quantization_config: the weights are quantised (fp8). An import decodes them; export "
                          "--quantize reference stores them so again."));
}

TEST(Oddities, AnotherNumberOfLayers) {
  EXPECT_THAT(
      oddities(R"({"architectures":["A"],"num_hidden_layers":4})",
               {{"model.layers.0.w", "BF16", {2}, 4}, {"model.layers.1.w", "BF16", {2}, 4}}),
      ElementsAre(
          "num_hidden_layers: is 4, but the tensors have 2 layers. Check that config.json belongs to these weights."));
  EXPECT_THAT(oddities(R"({"architectures":["A"],"num_hidden_layers":1,"num_nextn_predict_layers":1})",
                       {{"model.layers.0.w", "BF16", {2}, 4}, {"model.layers.1.w", "BF16", {2}, 4}}),
              ElementsAre());
}

TEST(Oddities, AVocabularyThatIsPadded) {
  EXPECT_THAT(
      oddities(R"({"architectures":["A"],"vocab_size":3})", {{"model.embed_tokens.weight", "BF16", {4, 2}, 16}}),
      ElementsAre("vocabulary: model.embed_tokens.weight has 4 rows for a vocabulary of 3; the rest is padding."));
  EXPECT_THAT(
      oddities(R"({"architectures":["A"],"vocab_size":5})", {{"model.embed_tokens.weight", "BF16", {4, 2}, 16}}),
      ElementsAre("vocab_size: is 5, but model.embed_tokens.weight has 4 rows."));
}

TEST(Oddities, CodeAndScaledRope) {
  EXPECT_THAT(
      oddities(
          R"({"architectures":["A"],"auto_map":{"AutoModel":"m.M"},"rope_scaling":{"rope_type":"yarn","type":"linear","factor":4.0}})",
          {{"a", "BF16", {2}, 4}}),
      ElementsAre("auto_map: config.json names code of the model's own, which is never run here.",
                  "rope_scaling: says rope_type yarn and type linear. Readers take rope_type; remove the other.",
                  "rope_scaling: RoPE is scaled: yarn, factor 4."));
}

// With the family: what it does not know, what is missing, what has another shape.
TEST(Oddities, TensorsThatTheFamilyDoesNotKnow) {
  const test::TemporaryFolder folder;
  test::copy_golden("llama3-tied/hf", folder / "hf");
  auto bytes = test::content(folder / "hf/model.safetensors");
  const auto rename = [&](std::string_view from, std::string_view to) {
    bytes.replace(bytes.find(from), from.size(), to);
  };
  rename("model.norm.weight", "model.form.weight");
  folder.write("hf/model.safetensors", bytes);
  auto registry = test::plugins();
  const auto found = inspect(folder / "hf", registry);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_THAT(test::texts(*found, Finding::Kind::defect),
              ElementsAre("tensor model.norm.weight: the configuration calls for it, and no file holds it. Complete "
                          "the checkpoint, or correct config.json (layers, biases, tie_word_embeddings)."));
  EXPECT_THAT(test::texts(*found, Finding::Kind::oddity),
              Contains("tensor model.form.weight: unknown to the family. A conversion stops at them; --not-strict "
                       "leaves them out."));
}

TEST(Oddities, ShapesOfAnotherModel) {
  const test::TemporaryFolder folder;
  test::copy_golden("llama3-tied/hf", folder / "hf");
  auto config = test::content(folder / "hf/config.json");
  const std::string_view from = "\"intermediate_size\": 24";
  config.replace(config.find(from), from.size(), "\"intermediate_size\": 28");
  folder.write("hf/config.json", config);
  auto registry = test::plugins();
  const auto found = inspect(folder / "hf", registry);
  ASSERT_TRUE(found) << found.error().text();
  const auto defects = test::texts(*found, Finding::Kind::defect);
  ASSERT_EQ(defects.size(), 6u) << "gate, up and down of two layers";
  EXPECT_THAT(
      defects,
      Contains(
          "tensor model.layers.0.mlp.down_proj.weight: has the shape [16, 24]; the configuration makes it [16, 28]. "
          "Check config.json against the weights; one of them is of another model."));
}

}  // namespace
}  // namespace weighbridge
