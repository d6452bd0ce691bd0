// The proof itself: what synthetic weights are, and that an element out of place is seen.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <weighbridge/abi.h>

#include "checkpoints/temporary_folder.hpp"
#include "conformance/crash_witness.hpp"
#include "conformance/rank_slices.hpp"
#include "conformance/synthetic_model.hpp"
#include "conformance/weight_proof.hpp"
#include "conversion/conversion.hpp"
#include "engine/run.hpp"

#include <csignal>

namespace weighbridge {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

ConfigDocument tiny() {
  auto config = ConfigDocument::parse(
      R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 40, "torch_dtype": "bfloat16"})",
      "config.json");
  return config ? *std::move(config) : ConfigDocument{};
}

class WeightProofs : public ::testing::Test {
 protected:
  void SetUp() override {
    registry_ = Registry::scan({std::filesystem::path{WEIGHBRIDGE_PLUGINS}});
    const auto found = registry_.find("LlamaForCausalLM", "");
    ASSERT_TRUE(found) << found.error().text();
    family_ = *found;
    document_ = record_to_megatron(family_, config_).written;
    stated_ = record_equations(family_, config_, document_);
    ASSERT_FALSE(stated_.failed) << stated_.failure;
  }
  Registry registry_;
  Family family_;
  const ConfigDocument config_ = tiny();
  ConfigDocument document_;
  Recording stated_;
  const test::TemporaryFolder folder_;
};

TEST_F(WeightProofs, EncodeTensorRowAndColumn) {
  const SyntheticModel model{stated_, config_, DType::bf16};
  const auto* embedding = model.find("model.embed_tokens.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->number, 0u);
  EXPECT_EQ(model.bits_of(*embedding, 0), 0x2000u);
  EXPECT_EQ(model.bits_of(*embedding, 3), 0x2003u);         // column 3
  EXPECT_EQ(model.bits_of(*embedding, 16), 0x2000u + 131);  // row 1
  EXPECT_EQ(model.bits_of(*embedding, 2 * 16 + 5), 0x2000u + 2 * 131 + 5);
  EXPECT_EQ(model.bits_of(model.tensors()[1], 0), 0x2000u + 7919);  // the next tensor
  EXPECT_EQ(model.elements(), 5200);
  EXPECT_EQ(model.holder_of(model.value_of(*embedding, 37)), "model.embed_tokens.weight[2, 5]");
}

TEST_F(WeightProofs, CountWhatTheyCompared) {
  std::vector<Violation> violations;
  const auto proof = prove_weights(family_, config_, document_, stated_, false, folder_.path(), registry_, violations);
  EXPECT_THAT(violations, IsEmpty());
  EXPECT_EQ(proof.conversions, 5);  // two imports, two exports, one of them once more without the source
  EXPECT_THAT(proof.layouts, ::testing::ElementsAre("one rank", "--tp 2 --ckpt-format torch"));
  // 5200 there and back twice, once more without the source, and the shares of both ranks: five vectors are whole on each.
  EXPECT_EQ(proof.elements, 5 * 5200 + 5200 + 5 * 16);
}

// The files of two ranks against equations whose gate and up are exchanged.
TEST_F(WeightProofs, SeeAnElementOutOfPlace) {
  const SyntheticModel model{stated_, config_, DType::bf16};
  ASSERT_TRUE(model.write(folder_ / "hf"));
  ImportOptions options;
  options.hugging_face = folder_ / "hf";
  options.target.storage = MegatronStorage::torch;
  options.target.layout.tensor = 2;
  const auto planned = prepare_import(options, registry_);
  ASSERT_TRUE(planned) << planned.error().text();
  const auto ran = run(planned->plan, folder_ / "megatron", {});
  ASSERT_TRUE(ran) << ran.error().text();
  const auto location = locate_megatron(folder_ / "megatron");
  ASSERT_TRUE(location);
  const auto checkpoint = MegatronCheckpoint::open(*location);
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  StoredValues values{checkpoint->catalogue};
  std::vector<Violation> violations;
  std::int64_t elements = 0;
  Tracer right{stated_.nodes};
  EXPECT_TRUE(compare_rank_slices(stated_, right, model, *checkpoint, values, 2, elements, violations));
  EXPECT_THAT(violations, IsEmpty());

  auto exchanged = stated_;
  for (auto& node : exchanged.nodes)
    if (node.operation == WB_CONCAT) std::swap(node.operands.at(0), node.operands.at(1));
  Tracer wrong{exchanged.nodes};
  EXPECT_FALSE(compare_rank_slices(exchanged, wrong, model, *checkpoint, values, 2, elements, violations));
  ASSERT_EQ(violations.size(), 4u) << "two layers of two ranks";
  EXPECT_EQ(violations[0].rule, "value");
  EXPECT_EQ(violations[0].subject, "equation of decoder.layers.{L}.mlp.linear_fc1.weight");
  EXPECT_THAT(violations[0].problem, HasSubstr("element [0, 0] of rank 0 should be "));
  EXPECT_THAT(violations[0].problem, HasSubstr("(model.layers.0.mlp.up_proj.weight[0, 0])"));
  EXPECT_THAT(violations[2].problem, HasSubstr("element [0, 0] of rank 0 should be "));
  EXPECT_THAT(violations[3].problem, HasSubstr("(model.layers.1.mlp.up_proj.weight[12, 0])"));
}

TEST(CrashWitnesses, NameWhatWasBeingDone) {
  EXPECT_DEATH(
      {
        const CrashWitness witness;
        CrashWitness::note("my_family", "to_megatron", "num_heads: 0");
        std::raise(SIGFPE);
      },
      "the plugin crashed: family my_family, to_megatron, on num_heads: 0");
}

}  // namespace
}  // namespace weighbridge
