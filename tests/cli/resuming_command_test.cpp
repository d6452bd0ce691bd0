#include "cli/resuming_command.hpp"

#include <gtest/gtest.h>

namespace weighbridge {
namespace {

TEST(ResumingCommand, RepeatsTheWordsForAShell) {
  EXPECT_EQ(resuming_command({"import", "--hf-model", "./my model", "--tp=2"}), "weighbridge import --hf-model './my model' --tp=2 --resume");
  EXPECT_EQ(resuming_command({"import", "--resume", "a"}), "weighbridge import --resume a");
  EXPECT_EQ(resuming_command({"it's", "", "$HOME"}), "weighbridge 'it'\\''s' '' '$HOME' --resume");
}

}  // namespace
}  // namespace weighbridge
