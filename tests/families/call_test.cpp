#include <gtest/gtest.h>
#include <weighbridge/family.hpp>

#include <string>
#include <vector>

#include "families/call.hpp"

namespace weighbridge {
namespace {

// A family linked in: what it asks and says crosses the same table of C functions.
struct Echo {
  static constexpr std::string_view id = "echo";
  static constexpr std::string_view architectures[] = {"EchoForCausalLM", "EchoModel"};
  static constexpr std::string_view model_types[] = {"echo"};
  static void to_megatron(Config hf, Config megatron, Notes notes) {
    megatron.set("layers", hf.integer("num_layers"));
    megatron.set("nested.scale", hf.number("rope.scale", 2.5));
    megatron.set("name", hf.string("name", "unnamed"));
    megatron.set("biased", hf.flag("bias"));
    if (!hf.has("nothing")) notes("null reads as absent");
    if (hf.source_has("w")) notes("there is a w");
  }
  static void to_hugging_face(Config megatron, Config, Notes) {
    throw Failure("layers is " + std::to_string(megatron.integer("layers")) + "; even numbers would do");
  }
  static void equations(const Config& hf, Model& model) {
    if (hf.has("module")) model[hf.string("module", "")] = module_state(hf.flag("keeps") ? WB_EXTRA_NONE : WB_EXTRA_ABSENT);
    else reshape(model.tensor("w", {2, 3}), {7});
  }
  static bool recognises(const Config& megatron) { return megatron.flag("biased"); }
};

const Family kEcho{weighbridge::plugin<Echo>("echo", "1.0.0")->families, {}};

ConfigDocument parsed(const char* text) {
  auto document = ConfigDocument::parse(text, "model/config.json");
  EXPECT_TRUE(document) << document.error().text();
  return *document;
}

TEST(Call, GivesNames) {
  EXPECT_EQ(family_id(kEcho), "echo");
  EXPECT_EQ(architectures_of(kEcho), (std::vector<std::string>{"EchoForCausalLM", "EchoModel"}));
  EXPECT_EQ(model_types_of(kEcho), std::vector<std::string>{"echo"});
}

TEST(Call, CarriesValuesOfEveryKindAcross) {
  std::vector<std::string> notes;
  const auto megatron = to_megatron(kEcho, parsed(R"({"num_layers": 3, "rope": {"scale": 0.5}, "name": "n", "bias": true, "nothing": null})"), notes);
  ASSERT_TRUE(megatron) << megatron.error().text();
  EXPECT_EQ(megatron->integer("layers"), 3);
  ASSERT_NE(megatron->find("nested.scale"), nullptr);
  EXPECT_EQ(megatron->find("nested.scale")->get_double(), 0.5);
  EXPECT_EQ(megatron->string("name"), "n");
  EXPECT_TRUE(megatron->find("biased")->get_bool());
  EXPECT_EQ(notes, std::vector<std::string>{"null reads as absent"});
}

TEST(Call, FailsInTheFamilysOwnWords) {
  std::vector<std::string> notes;
  const auto missing = to_megatron(kEcho, parsed("{}"), notes);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Error::Kind::mismatch);
  EXPECT_EQ(missing.error().text(), "model/config.json: family echo, configuration: num_layers is missing from the configuration. "
                                    "Correct the configuration, or use a plugin that knows such models.");
  const auto refused = to_hugging_face(kEcho, parsed(R"({"layers": 3})"), notes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().problem, "layers is 3; even numbers would do");
}

TEST(Call, RefusesAnExpressionThatCannotBe) {
  std::vector<std::string> notes;
  const auto equations = state_equations(kEcho, parsed("{}"), nullptr, notes);
  ASSERT_FALSE(equations);
  EXPECT_EQ(equations.error().subject, "family echo, equations");
  EXPECT_NE(equations.error().problem, "an expression was refused");  // the host's own reason came first
  EXPECT_NE(equations.error().problem.find('7'), std::string::npos) << equations.error().problem;
}

TEST(Call, TakesAModuleWithoutParameters) {
  std::vector<std::string> notes;
  const auto set = state_equations(kEcho, parsed(R"({"module": "head", "keeps": true})"), nullptr, notes);
  ASSERT_TRUE(set) << set.error().text();
  EXPECT_TRUE(set->equations.empty());
  ASSERT_EQ(set->modules.size(), 1u);
  EXPECT_EQ(set->modules[0].name, "head");
  EXPECT_EQ(set->modules[0].extra_state, WB_EXTRA_NONE);
  const auto idle = state_equations(kEcho, parsed(R"({"module": "head"})"), nullptr, notes);
  ASSERT_TRUE(idle) << idle.error().text();
  EXPECT_EQ(idle->modules.at(0).extra_state, WB_EXTRA_ABSENT);
}

TEST(Call, ShowsTheTensorsBesideAConfiguration) {
  std::vector<std::string> notes;
  Catalogue source;
  source.tensors.emplace("w", StoredTensor{"w", DType::f32, {2, 3}, {}});
  ASSERT_TRUE(to_megatron(kEcho, parsed(R"({"num_layers": 3, "nothing": 1})"), notes, &source));
  ASSERT_TRUE(to_megatron(kEcho, parsed(R"({"num_layers": 3, "nothing": 1})"), notes));
  EXPECT_EQ(notes, std::vector<std::string>{"there is a w"});
}

TEST(Call, AsksWhetherADocumentIsTheFamilys) {
  for (const bool biased : {true, false}) {
    const auto answer = recognises(kEcho, parsed(biased ? R"({"biased": true})" : R"({"biased": false})"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, biased);
  }
}

}  // namespace
}  // namespace weighbridge
