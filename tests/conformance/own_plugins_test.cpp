// Every plugin of this repository is proven by the kit, strictly: each family has a check.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "conformance/run_kit.hpp"

namespace weighbridge {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::Gt;
using ::testing::IsEmpty;

std::vector<std::string> own_plugins() {
  std::vector<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator{std::filesystem::path{WEIGHBRIDGE_SOURCE} / "plugins"})
    if (entry.is_directory()) ids.push_back(entry.path().filename());
  std::ranges::sort(ids);
  return ids;
}

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
                         ::testing::ValuesIn(own_plugins()), [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace weighbridge
