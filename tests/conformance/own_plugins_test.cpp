// Every plugin of this repository is proven by the kit, strictly: each family has a check.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "conformance/run_kit.hpp"

namespace weighbridge {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::Gt;
using ::testing::IsEmpty;

class OwnPlugins : public ::testing::TestWithParam<std::string> {};

TEST_P(OwnPlugins, KeepTheContract) {
  const auto report = test::run_kit(std::filesystem::path{WEIGHBRIDGE_PLUGINS} / (GetParam() + ".so"));
  EXPECT_THAT(report.violations, IsEmpty()) << to_text(report, true);
  EXPECT_TRUE(report.passes(true));
  EXPECT_THAT(report.proven, Each(Field("conversions", &ProvenCheck::conversions, Gt(0))));
  for (const auto& family : report.families) {
    const auto proven = std::ranges::find(report.proven, family, &ProvenCheck::family);
    ASSERT_NE(proven, report.proven.end()) << family;
    EXPECT_GE(proven->layouts.size(), 2u) << family;
  }
}

INSTANTIATE_TEST_SUITE_P(All, OwnPlugins,
                         ::testing::Values("deepseek", "falcon_h1", "gemma", "gpt_oss", "llama", "llama_nemotron",
                                           "mimo", "multimodal", "nemotron_h", "qwen", "qwen_next", "stepfun", "olmo", "phi",
                                           "smollm", "starcoder"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace weighbridge
