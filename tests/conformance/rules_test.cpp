// The documentation explains every rule, and no other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "conformance/violation.hpp"

namespace weighbridge {
namespace {

TEST(Rules, AreAllInTheDocumentation) {
  std::ifstream file{std::string{WEIGHBRIDGE_SOURCE} + "/docs/plugins.md"};
  ASSERT_TRUE(file);
  std::set<std::string> documented, known;
  const std::regex row{R"(^\| `([a-z-]+)`( \(warning\))? \|.*)"};
  bool begun = false;
  for (std::string line; std::getline(file, line);) {
    begun = begun || line == "## Rules";
    if (!begun || line == "| rule | what it means | how to mend it |") continue;
    if (std::smatch match; std::regex_match(line, match, row)) {
      EXPECT_TRUE(documented.insert(match[1]).second) << match[1] << " is explained twice";
      EXPECT_EQ(match[2].matched, rule(std::string{match[1]}).severity == Severity::warning) << match[1];
    }
  }
  for (const auto& one : rules()) known.insert(std::string{one.id});
  EXPECT_EQ(documented, known);
}

}  // namespace
}  // namespace weighbridge
