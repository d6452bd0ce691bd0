#include "checkpoints/config_document.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

using testing::HasSubstr;

constexpr const char* kConfig = R"({
  "architectures": [
    "SomeForCausalLM"
  ],
  "rms_norm_eps": 1e-05,
  "vocab_size": 262,
  "rope_scaling": {
    "factor": 8.0,
    "type": "mrope",
    "mrope_section": [
      2,
      3,
      3
    ]
  },
  "pad_token_id": null,
  "tie_word_embeddings": false,
  "time_step_limit": [
    0.0,
    Infinity
  ],
  "odd.key": 1
}
)";

ConfigDocument config() {
  auto document = ConfigDocument::parse(kConfig, "config.json");
  EXPECT_TRUE(document);
  return *std::move(document);
}

TEST(ConfigDocument, UntouchedTextComesBack) { EXPECT_EQ(config().text(), kConfig); }

TEST(ConfigDocument, ReadsByPath) {
  const auto document = config();
  EXPECT_EQ(document.integer("vocab_size"), 262);
  EXPECT_EQ(document.integer("rope_scaling.mrope_section.2"), 3);
  EXPECT_EQ(document.integer("rope_scaling.factor"), 8);
  EXPECT_EQ(document.number("rms_norm_eps"), 1e-5);
  EXPECT_EQ(document.number("vocab_size"), 262.0);
  EXPECT_EQ(document.string("architectures.0"), "SomeForCausalLM");
  EXPECT_EQ(document.boolean("tie_word_embeddings"), false);
  EXPECT_TRUE(std::isinf(document.number("time_step_limit.1").value()));
  EXPECT_EQ(document.integer(R"(odd\.key)"), 1);
}

TEST(ConfigDocument, AbsentNullAndOtherTypesReadAsNothing) {
  const auto document = config();
  EXPECT_EQ(document.find("hidden_size"), nullptr);
  EXPECT_EQ(document.find("architectures.1"), nullptr);
  EXPECT_EQ(document.find("architectures.x"), nullptr);
  EXPECT_EQ(document.find("vocab_size.deeper"), nullptr);
  ASSERT_NE(document.find("pad_token_id"), nullptr);
  EXPECT_TRUE(document.find("pad_token_id")->is_null());
  EXPECT_EQ(document.integer("pad_token_id"), std::nullopt);
  EXPECT_EQ(document.integer("rms_norm_eps"), std::nullopt);
  EXPECT_EQ(document.integer("time_step_limit.1"), std::nullopt);
  EXPECT_EQ(document.string("vocab_size"), std::nullopt);
  EXPECT_EQ(document.boolean("vocab_size"), std::nullopt);
  EXPECT_EQ(document.number("architectures"), std::nullopt);
}

TEST(ConfigDocument, SetReplacesInPlaceAndAppends) {
  auto document = *ConfigDocument::parse(R"({"a": 1, "list": [5], "z": {"x": 0.5}})", {});
  ASSERT_TRUE(document.set("a", 2));
  ASSERT_TRUE(document.set("z.x", 1e-6));
  ASSERT_TRUE(document.set("list.0", "five"));
  ASSERT_TRUE(document.set("list.1", 6));
  ASSERT_TRUE(document.set("new.deep", true));
  EXPECT_EQ(document.text({.indent = 0}), R"({"a":2,"list":["five",6],"z":{"x":1e-06},"new":{"deep":true}})"
                                          "\n");
}

TEST(ConfigDocument, SetRefusesPathsThatDoNotFit) {
  auto document = *ConfigDocument::parse(R"({"a": 1, "list": [5]})", "here/config.json");
  const auto through_scalar = document.set("a.b", 1);
  ASSERT_FALSE(through_scalar);
  EXPECT_EQ(through_scalar.error().kind, Error::Kind::mismatch);
  EXPECT_EQ(through_scalar.error().file, "here/config.json");
  EXPECT_EQ(through_scalar.error().subject, "a.b");
  const auto past_end = document.set("list.2", 1);
  ASSERT_FALSE(past_end);
  EXPECT_THAT(past_end.error().problem, HasSubstr("no index of a list of 1"));
  EXPECT_FALSE(document.set("", 1));
  EXPECT_EQ(document.text({.indent = 0}), R"({"a":1,"list":[5]})"
                                          "\n");
}

TEST(ConfigDocument, RemoveKeepsTheOrder) {
  auto document = *ConfigDocument::parse(R"({"a": 1, "b": 2, "c": {"d": [1, 2, 3]}, "e": 4})", {});
  EXPECT_TRUE(document.remove("a"));
  EXPECT_TRUE(document.remove("c.d.1"));
  EXPECT_FALSE(document.remove("c.d.7"));
  EXPECT_FALSE(document.remove("absent.path"));
  EXPECT_EQ(document.text({.indent = 0}), R"({"b":2,"c":{"d":[1,3]},"e":4})"
                                          "\n");
}

TEST(ConfigDocument, SortsKeysOnDemandAsTransformersDoes) {
  const auto document = *ConfigDocument::parse(R"({"b": 1, "B": 2, "a": {"d": 1, "c": 2}})", {});
  EXPECT_EQ(document.text({.sort_keys = true}),
            "{\n  \"B\": 2,\n  \"a\": {\n    \"c\": 2,\n    \"d\": 1\n  },\n  \"b\": 1\n}\n");
}

TEST(ConfigDocument, TheRootMustBeAnObject) {
  const auto document = ConfigDocument::parse("[1]", "config.json");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().kind, Error::Kind::format);
  EXPECT_EQ(document.error().file, "config.json");
}

TEST(ConfigDocument, ReadsAFile) {
  const test::TemporaryFolder folder;
  const auto document = ConfigDocument::read(folder.write("config.json", R"({"a": 1})"));
  ASSERT_TRUE(document);
  EXPECT_EQ(document->file(), folder.path() / "config.json");
  EXPECT_EQ(document->integer("a"), 1);
}

}  // namespace
}  // namespace weighbridge
