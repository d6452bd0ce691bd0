// What is wrong with a library, its manifest and its checks, before any family is looked at.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conformance/exported_symbols.hpp"
#include "conformance/run_kit.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

std::vector<std::string> lines_of(const ConformanceReport& report) {
  std::vector<std::string> lines;
  for (const auto& violation : report.violations) lines.push_back(text(violation));
  return lines;
}

const std::filesystem::path kLibraries{WEIGHBRIDGE_WRONG_LIBRARY};

TEST(WrongLibrary, ExportsMoreAndHasChecksThatAreNone) {
  const auto report = test::run_kit(kLibraries / "exports_more.so");
  EXPECT_FALSE(report.passes(false));
  EXPECT_THAT(lines_of(report),
              ElementsAre("error [symbols]: exports_more.so: exports another_entry. Build it with "
                          "weighbridge_add_family, or hide every other symbol.",
                          "error [bad-check]: check 2 of exports_more.json: has no config, which is an object or the "
                          "name of a file beside the manifest. Correct the check.",
                          "error [bad-check]: check 3 of exports_more.json: has a field corner; known are name, "
                          "config, corners, tensors and accepts. Correct the check.",
                          "error [bad-check]: check foreign: its config is of ForeignForCausalLM, which no family of "
                          "this plugin has. Correct the check.",
                          "error [bad-check]: check unknown fields: its config names neither architectures nor "
                          "model_type. Correct the check.",
                          "warning [no-checks] family exports_more: plugin exports_more: has no check for this family: "
                          "only the contract is proven, not the mathematics. "
                          "State small configurations under \"checks\" in the manifest, or give --config."));
}

TEST(WrongLibrary, IsNotWhatItsManifestClaims) {
  const auto report = test::run_kit(kLibraries / "lies.json");
  EXPECT_FALSE(report.passes(false));
  EXPECT_THAT(
      lines_of(report),
      ElementsAre(
          "error [load]: plugin exports_more: its manifest says architectures [SomethingElseForCausalLM], the library "
          "[ExportsMoreForCausalLM]. Report it to the plugin's author, or remove the plugin."));
}

TEST(WrongLibrary, HasNoManifest) {
  const auto report = test::run_kit(kLibraries / "absent.so");
  ASSERT_EQ(report.violations.size(), 1u);
  EXPECT_EQ(report.violations[0].rule, "load");
  EXPECT_EQ(report.violations[0].subject, (kLibraries / "absent.json").string());
  EXPECT_FALSE(report.manifest);
}

// A plugin without checks keeps the contract; --strict wants more.
TEST(WrongLibrary, WithoutChecksIsAWarning) {
  ConformanceReport report;
  report.violations.push_back({"no-checks", "any", {}, "plugin any", "has no check for this family", {}});
  EXPECT_TRUE(report.passes(false));
  EXPECT_FALSE(report.passes(true));
}

TEST(ExportedSymbols, AreReadFromTheFile) {
  EXPECT_THAT(exported_symbols(std::filesystem::path{WEIGHBRIDGE_PLUGINS} / "llama.so"), ElementsAre("wb_plugin_v1"));
  EXPECT_THAT(exported_symbols(kLibraries / "exports_more.so"), IsSupersetOf({"another_entry", "wb_plugin_v1"}));
  EXPECT_THAT(exported_symbols(kLibraries / "exports_more.json"), IsEmpty());
}

}  // namespace
}  // namespace weighbridge
