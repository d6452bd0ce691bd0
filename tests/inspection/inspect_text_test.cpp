#include "cli/inspect_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inspection/inspected_folder.hpp"
#include "inspection/known_sizes.hpp"

namespace weighbridge {
namespace {

TEST(InspectText, CountsInWords) {
  EXPECT_EQ(readable_parameters(0), "0");
  EXPECT_EQ(readable_parameters(999), "999");
  EXPECT_EQ(readable_parameters(5200), "5.20 K");
  EXPECT_EQ(readable_parameters(999'999), "1.00 M");
  EXPECT_EQ(readable_parameters(1'235'814'400), "1.24 B");
  EXPECT_EQ(readable_parameters(70'553'706'496), "70.6 B");
  EXPECT_EQ(readable_parameters(671'026'419'200), "671 B");
  EXPECT_EQ(readable_parameters(1'026'000'000'000), "1.03 T");
}

TEST(InspectText, KnowsModelsOfThatSize) {
  std::vector<Variant> variants;
  for (const auto* name : {"Some 2 7B, 13B", "Some 3.2 1B, 3B", "Mini 270M", "Other 3 8B", "Third 8B", "Mixed 30B-A3B"})
    variants.push_back({.name = name, .repository{}, .architecture{}, .parameters{}, .config{}, .recipes{}});
  using ::testing::ElementsAre;
  EXPECT_THAT(models_of_size(variants, "A", 1'235'814'400), ElementsAre("Some 3.2 1B"));
  EXPECT_THAT(models_of_size(variants, "A", 6'738'415'616), ElementsAre("Some 2 7B"));
  EXPECT_THAT(models_of_size(variants, "A", 8'030'261'248), ElementsAre("Other 3 8B", "Third 8B"));
  EXPECT_THAT(models_of_size(variants, "A", 268'098'176), ElementsAre("Mini 270M"));
  EXPECT_THAT(models_of_size(variants, "A", 30'532'122'624), ElementsAre("Mixed 30B-A3B"));
  EXPECT_THAT(models_of_size(variants, "A", 5200), ElementsAre());
  EXPECT_THAT(models_of_size(variants, "A", 0), ElementsAre());
}

TEST(InspectText, KnowsModelsOfAnArchitecture) {
  std::vector<Variant> variants;
  for (const auto& [name, architecture, parameters] :
       {std::tuple{"One-8B", "A", "8.03 B"}, {"Two-8B", "B", "8.03 B"}, {"Three-8B", "A", "8.19 B"}, {"Four-8B", "A", "8.03 B"}})
    variants.push_back({.name = name, .repository = "o/n", .architecture = architecture, .parameters = parameters, .config{}, .recipes{}});
  using ::testing::ElementsAre;
  EXPECT_THAT(models_of_size(variants, "A", 8'030'261'248), ElementsAre("One-8B", "Four-8B"));
  EXPECT_THAT(models_of_size(variants, "B", 8'190'735'360), ElementsAre("Two-8B"));
  EXPECT_THAT(models_of_size(variants, "C", 8'030'261'248), ElementsAre());
}

TEST(InspectText, IsATableOfWhatMatters) {
  auto registry = test::plugins();
  const auto path = std::filesystem::path{WEIGHBRIDGE_GOLDEN} / "llama3-tied/hf";
  const auto found = inspect(path, registry);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(inspection_text(*found, false),
            path.string() +
                ": Hugging Face checkpoint\n"
                "  family       llama 1.0.0, LlamaForCausalLM (Llama 2 to 3.3 and models of their shape, Mistral)\n"
                "  size         4.56 K parameters (4560) in 20 tensors of 1 file, 9.12 kB\n"
                "  types        BF16: 20 tensors, 4560 parameters, 9.12 kB\n"
                "  geometry     2 layers of width 16, 4 heads of 4 with 2 key heads, feed-forward 24, vocabulary 40\n"
                "  embeddings   tied\n"
                "  weights      safetensors: model.safetensors\n"
                "  side files   generation_config.json, tokenizer.json, tokenizer_config.json\n"
                "  odd          rope_scaling: RoPE is scaled: llama3, factor 32.\n");
  EXPECT_THAT(inspection_text(*found, true),
              ::testing::HasSubstr("\nmodel.embed_tokens.weight BF16 [40, 16] model.safetensors\n"));
}

TEST(InspectText, SaysHowACheckpointIsLaidOut) {
  auto registry = test::plugins();
  const auto path = std::filesystem::path{WEIGHBRIDGE_GOLDEN} / "llama3/megatron";
  const auto found = inspect(path, registry);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(inspection_text(*found, false),
            (path / "iter_0000000").string() +
                ": Megatron checkpoint\n"
                "  family       llama 1.0.0, LlamaForCausalLM (Llama 2 to 3.3 and models of their shape, Mistral)\n"
                "  size         5.20 K parameters (5200) in 9 tensors of 1 file, 10.4 kB\n"
                "  types        BF16: 9 tensors, 5200 parameters, 10.4 kB\n"
                "  geometry     2 layers of width 16, 4 heads of 4 with 2 key heads, feed-forward 24, vocabulary 40\n"
                "  embeddings   not tied\n"
                "  format       torch_dist, bridge\n"
                "  iteration    0\n"
                "  layers       2 of decoder.layers. (stacked keys)\n"
                "  also         9 extra states\n");
}

}  // namespace
}  // namespace weighbridge
