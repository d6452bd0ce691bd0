#include "cli/arguments.hpp"

#include <gmock/gmock.h>

namespace weighbridge {
namespace {

using testing::ElementsAre;

TEST(Arguments, DashesAndUnderscoresAreEqualInNames) {
  EXPECT_THAT(normalised_arguments({"import", "--megatron_path", "a_b", "--hf_model=x_y=z_w"}),
              ElementsAre("import", "--megatron-path", "a_b", "--hf-model=x_y=z_w"));
}

TEST(Arguments, OneDashBeforeSeveralLettersIsTwo) {
  EXPECT_THAT(normalised_arguments({"-tp", "2", "-pp=4", "-max_memory", "1_0"}),
              ElementsAre("--tp", "2", "--pp=4", "--max-memory", "1_0"));
}

TEST(Arguments, LeavesShortFlagsNumbersAndPathsAlone) {
  EXPECT_THAT(normalised_arguments({"-h", "-1", "-12", "-", "./a_b", "-./x_y", "--"}),
              ElementsAre("-h", "-1", "-12", "-", "./a_b", "-./x_y", "--"));
}

TEST(Arguments, LeavesWhatFollowsTwoDashesAlone) {
  EXPECT_THAT(normalised_arguments({"--not_strict", "--", "--a_b", "-tp"}),
              ElementsAre("--not-strict", "--", "--a_b", "-tp"));
}

}  // namespace
}  // namespace weighbridge
