// Checks as a manifest states them, and what a check accepts.

#include "conformance/check_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conformance/run_kit.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CheckLists : public ::testing::Test {
 protected:
  CheckList read(std::string_view checks, const std::vector<std::filesystem::path>& configs = {}) {
    Manifest manifest;
    manifest.file = folder_.write("any.json", "{\"checks\": " + std::string{checks} + "}");
    violations_.clear();
    return read_checks(manifest, configs, violations_);
  }
  std::vector<std::string> problems() const {
    std::vector<std::string> all;
    for (const auto& violation : violations_) all.push_back(violation.subject + ": " + violation.problem);
    return all;
  }
  const test::TemporaryFolder folder_;
  std::vector<Violation> violations_;
};

TEST_F(CheckLists, CornersChangeOneThingEach) {
  const auto list = read(R"([{"name": "tiny", "config": {"hidden_size": 16, "rope": {"factor": 2.0}, "window": 4},
    "corners": {"wide": {"hidden_size": 32}, "endless": {"window": null, "rope.factor": 8.0}}},
    {"config": {"hidden_size": 8}}])");
  EXPECT_THAT(problems(), IsEmpty());
  ASSERT_EQ(list.checks.size(), 4u);
  EXPECT_EQ(list.checks[0].name, "tiny");
  EXPECT_EQ(list.checks[1].name, "tiny, wide");
  EXPECT_EQ(list.checks[1].config.integer("hidden_size"), 32);
  EXPECT_EQ(list.checks[1].config.integer("window"), 4);
  EXPECT_EQ(list.checks[2].name, "tiny, endless");
  EXPECT_EQ(list.checks[2].config.integer("hidden_size"), 16);
  EXPECT_EQ(std::as_const(list.checks[2].config).find("window"), nullptr);
  EXPECT_EQ(list.checks[2].config.number("rope.factor"), 8.0);
  EXPECT_EQ(list.checks[2].group, 0u);
  EXPECT_EQ(list.checks[3].name, "2");
  EXPECT_EQ(list.checks[3].group, 1u);
  EXPECT_EQ(list.accepts.size(), 2u);
}

TEST_F(CheckLists, MayStandInFilesOfTheirOwn) {
  folder_.write("any.checks.json", R"({"checks": [{"name": "beside", "config": "tiny/config.json"}]})");
  folder_.write("tiny/config.json", R"({"hidden_size": 24})");
  const auto further = folder_.write("further.json", R"({"hidden_size": 48})");
  const auto list = read("\"any.checks.json\"", {further});
  EXPECT_THAT(problems(), IsEmpty());
  ASSERT_EQ(list.checks.size(), 2u);
  EXPECT_EQ(list.checks[0].config.integer("hidden_size"), 24);
  EXPECT_EQ(list.checks[1].name, further.string());
  EXPECT_EQ(list.checks[1].config.integer("hidden_size"), 48);
}

TEST_F(CheckLists, TensorsHaveShapesOrNone) {
  const auto list = read(R"([{"name": "t", "config": {}, "tensors": {"a.{L}": [2, 3], "b": null}}])");
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(list.checks.at(0).tensors.at("a.{L}"), (Shape{2, 3}));
  EXPECT_EQ(list.checks.at(0).tensors.at("b"), std::nullopt);
}

TEST_F(CheckLists, SayWhatTheyCannotUse) {
  read(R"({"name": "no list"})");
  EXPECT_THAT(problems(), ElementsAre("any.json: \"checks\" is no list"));
  read(R"([7, {"name": "t", "config": {}, "tensors": {"a": "wide"}, "accepts": [{"rule": "unused"}]}])");
  EXPECT_THAT(problems(),
              ElementsAre("check 1 of any.json: is no object", "check 2 of any.json: tensor a has no shape and no null",
                          "check 2 of any.json: an acceptance needs a rule, a subject and a reason"));
  read(R"([{"name": "t", "config": {}, "corners": {"c": 1}}])");
  EXPECT_THAT(problems(), ElementsAre("check 1 of any.json: corner c is no object"));
}

// The plugin of wrong families, with a manifest of its own that accepts what one of them does.
TEST_F(CheckLists, AcceptWithAReason) {
  const std::filesystem::path wrong{WEIGHBRIDGE_WRONG};
  std::filesystem::copy_file(wrong / "wrong.so", folder_ / "wrong.so");
  const auto manifest = ConfigDocument::read(wrong / "wrong.json");
  ASSERT_TRUE(manifest);
  auto own = *manifest;
  boost::json::object config{{"architectures", boost::json::array{"own_module"}},
                             {"hidden_size", 16},
                             {"intermediate_size", 24},
                             {"num_hidden_layers", 2},
                             {"num_attention_heads", 4},
                             {"num_key_value_heads", 2},
                             {"vocab_size", 40}};
  const boost::json::value accepts = {
      {{"rule", "unknown-module"},
       {"subject", "equation of decoder.layers.{L}.retrieval.*"},
       {"reason", "a module of ours"}},
      {{"rule", "padding"}, {"subject", "equation of nothing"}, {"reason", "never happens"}}};
  ASSERT_TRUE(own.set("checks", boost::json::array{{{"name", "tiny"}, {"config", config}, {"accepts", accepts}}}));
  const auto report = test::run_kit(folder_.write("wrong.json", own.text()));
  ASSERT_EQ(report.accepted.size(), 1u);
  EXPECT_EQ(report.accepted[0].violation.rule, "unknown-module");
  EXPECT_EQ(report.accepted[0].reason, "a module of ours");
  auto lines = test::by_family(report);
  EXPECT_THAT(lines["own_module"], IsEmpty());
  EXPECT_THAT(lines[""], ElementsAre("warning [idle-acceptance]: equation of nothing: a check accepts padding here, "
                                     "which does not happen. Remove the acceptance."));
}

}  // namespace
}  // namespace weighbridge
