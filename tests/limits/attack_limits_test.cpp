// No file of tests/attacks makes any reader take more than its share, whoever opens it as what.

#include <gtest/gtest.h>

#include "limits/readers.hpp"

namespace weighbridge::test {
namespace {

TEST(AttackLimits, HoldForEveryReaderAndFile) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{std::filesystem::path{WEIGHBRIDGE_ATTACKS} / "files"}) {
    if (!entry.is_regular_file()) continue;
    ++files;
    for (const auto& reader : readers()) expect_bounded(reader, entry.path());
  }
  EXPECT_GE(files, 300U);
}

}  // namespace
}  // namespace weighbridge::test
