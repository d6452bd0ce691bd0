// Parts of other families, objects that both documents keep, and expressions that stand for tensors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <weighbridge/family.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "families/call.hpp"
#include "families/registry.hpp"

namespace weighbridge {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Part language_model() {
  return {"LlamaForCausalLM", "text", {"tie_word_embeddings"}, {{"model.", "model.language_model."}}, "language_model.",
          {{"num_hidden_layers", 1}, {"vocab_size", 24}, {"rms_norm_eps", 0.5}, {"hidden_act", "silu"}}};
}

// A model with eyes whose language model is a Llama with packed gates.
struct Seeing {
  static constexpr std::string_view id = "seeing";
  static constexpr std::string_view architectures[] = {"SeeingModel"};
  static constexpr std::string_view model_types[] = {"seeing"};
  static void to_megatron(Config hf, Config megatron, Notes) {
    hf.part(language_model());
    megatron.adopt("eyes", "vision");
    megatron.set("eyes._target_", "some.python.Class");
    megatron.set("is_blind", !megatron.adopt("ears", "audio"));
  }
  static void to_hugging_face(Config, Config hf, Notes) {
    hf.part(language_model());
    hf.adopt("vision", "eyes");
  }
  static void equations(const Config& c, Model& model) {
    const auto ffn = c.integer("text.intermediate_size"), hidden = c.integer("text.hidden_size");
    const auto packed = model.tensor("packed", {2, ffn, hidden});
    const auto entry = [&](std::int64_t i) { return reshape(slice(packed, 0, i, i + 1), {ffn, hidden}); };
    model.substitute("model.language_model.layers.0.mlp.gate_proj.weight", entry(0));
    model.substitute("model.language_model.layers.0.mlp.up_proj.weight", entry(1));
    model.part(language_model());
  }
  static bool recognises(const Config&) { return false; }
};

class Components : public ::testing::Test {
 protected:
  Registry registry = Registry::scan({WEIGHBRIDGE_PLUGINS});
  Family family{weighbridge::plugin<Seeing>("seeing", "1.0.0")->families, {}, &registry};
  std::vector<std::string> notes;

  static ConfigDocument parsed(const std::string& text) {
    auto document = ConfigDocument::parse(text, "config.json");
    EXPECT_TRUE(document) << document.error().text();
    return *document;
  }
  static const boost::json::value* at(const ConfigDocument& document, const char* path) { return document.find(path); }
};

constexpr auto kConfig = R"({"tie_word_embeddings": true, "text": {"hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 2,
  "tie_word_embeddings": false, "vocab_size": 40}, "vision": {"depth": 3, "nested": {"list": [1, {"a": null}]}}})";

TEST_F(Components, ReadTheirOwnFieldsThoseOfTheWholeAndDefaults) {
  const auto megatron = to_megatron(family, parsed(kConfig), notes);
  ASSERT_TRUE(megatron) << megatron.error().text();
  EXPECT_EQ(megatron->integer("hidden_size"), 8);
  EXPECT_EQ(megatron->integer("vocab_size"), 40);  // stated: the default does not count
  EXPECT_EQ(megatron->integer("num_layers"), 1);
  EXPECT_EQ(megatron->number("layernorm_epsilon"), 0.5);
  EXPECT_EQ(megatron->boolean("share_embeddings_and_output_weights"), true);  // the whole says so
}

TEST_F(Components, WriteTheirFieldsWhereTheyWereRead) {
  const auto megatron = to_megatron(family, parsed(kConfig), notes);
  ASSERT_TRUE(megatron) << megatron.error().text();
  const auto back = to_hugging_face(family, *megatron, notes);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->integer("text.hidden_size"), 8);
  EXPECT_EQ(at(*back, "hidden_size"), nullptr);
  EXPECT_EQ(back->boolean("tie_word_embeddings"), true);
  EXPECT_EQ(at(*back, "text.tie_word_embeddings"), nullptr);
}

TEST_F(Components, TakeOverWholeObjectsWithoutWhatIsPythons) {
  auto megatron = to_megatron(family, parsed(kConfig), notes);
  ASSERT_TRUE(megatron) << megatron.error().text();
  EXPECT_EQ(megatron->integer("eyes.nested.list.0"), 1);
  EXPECT_EQ(megatron->string("eyes._target_"), "some.python.Class");
  EXPECT_EQ(megatron->boolean("is_blind"), true);  // there was nothing to take over
  EXPECT_EQ(at(*megatron, "ears"), nullptr);

  ASSERT_TRUE(megatron->set("eyes.dtype", boost::json::object{{"_target_", "torch.bfloat16"}, {"_call_", false}}));
  const auto back = to_hugging_face(family, *megatron, notes);
  ASSERT_TRUE(back) << back.error().text();
  const auto expected = parsed(R"({"vision": {"depth": 3, "nested": {"list": [1, {"a": null}]}, "dtype": "bfloat16"}})");
  ASSERT_NE(at(*back, "vision"), nullptr);
  EXPECT_EQ(*at(*back, "vision"), *expected.find("vision"));
}

TEST_F(Components, StateTheirEquationsUnderTheNamesOfTheWhole) {
  const auto set = state_equations(family, parsed(kConfig), nullptr, notes);
  ASSERT_TRUE(set) << set.error().text();
  std::vector<std::string> megatron, hugging_face;
  for (const auto& equation : set->equations) megatron.push_back(equation.live_name());
  for (const auto& leaf : set->algebra.leaves()) hugging_face.push_back(leaf.name);
  EXPECT_THAT(megatron, Contains("language_model.decoder.layers.0.mlp.linear_fc1.weight"));
  EXPECT_THAT(megatron, Contains("language_model.embedding.word_embeddings.weight"));
  EXPECT_THAT(hugging_face, Contains("model.language_model.layers.0.mlp.down_proj.weight"));
}

TEST_F(Components, UseWhatStandsForATensor) {
  const auto set = state_equations(family, parsed(kConfig), nullptr, notes);
  ASSERT_TRUE(set) << set.error().text();
  const auto& leaves = set->algebra.leaves();
  EXPECT_THAT(leaves, Not(Contains(::testing::Field(&Leaf::name, HasSubstr("gate_proj")))));
  const auto fc1 = std::ranges::find(set->equations, "language_model.decoder.layers.0.mlp.linear_fc1.weight", &Equation::live_name);
  ASSERT_NE(fc1, set->equations.end());
  EXPECT_EQ(fc1->expression.shape, (Shape{24, 8}));
  for (const auto& piece : fc1->expression.pieces) EXPECT_EQ(leaves[piece.leaf].name, "packed");
}

// What stands for the embedding has too few columns.
struct Narrow : Seeing {
  static constexpr std::string_view id = "narrow";
  static void equations(const Config&, Model& model) {
    model.substitute("model.language_model.embed_tokens.weight", model.tensor("narrow", {40, 4}));
    model.part(language_model());
  }
};

TEST_F(Components, RefuseWhatStandsForATensorOfAnotherShape) {
  const Family narrow{weighbridge::plugin<Narrow>("narrow", "1.0.0")->families, {}, &registry};
  const auto refused = state_equations(narrow, parsed(kConfig), nullptr, notes);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().problem, HasSubstr("model.language_model.embed_tokens.weight is asked for in the shape"));
}

}  // namespace
}  // namespace weighbridge
