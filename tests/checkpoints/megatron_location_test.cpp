#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoints/megatron_location.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "checkpoints/torch_dist_side_files.hpp"

namespace weighbridge {
namespace {

using ::testing::HasSubstr;

class MegatronLocationTest : public ::testing::Test {
 protected:
  void iteration(const std::string& name) const {
    scratch_.write(name + "/metadata.json", R"({"sharded_backend": "torch_dist", "sharded_backend_version": 1})");
    scratch_.write(name + "/.metadata", "");
  }
  std::filesystem::path root() const { return scratch_.path(); }
  Error fault(const std::filesystem::path& path) const {
    auto location = locate_megatron(path);
    EXPECT_FALSE(location) << location->folder;
    return location ? Error{} : location.error();
  }
  std::string found() const {
    auto location = locate_megatron(root());
    EXPECT_TRUE(location) << (location ? "" : location.error().text());
    return location ? location->folder.filename().string() : "";
  }

  test::TemporaryFolder scratch_;
};

TEST_F(MegatronLocationTest, TakesAnIterationFolderItself) {
  iteration("iter_0000012");
  iteration("release");
  iteration("step");
  EXPECT_EQ(locate_megatron(root() / "iter_0000012")->iteration, 12);
  EXPECT_EQ(locate_megatron(root() / "iter_0000012/")->iteration, 12);
  EXPECT_EQ(locate_megatron(root() / "release")->iteration, std::nullopt);
  EXPECT_EQ(locate_megatron(root() / "release")->folder, root() / "release");
  EXPECT_EQ(locate_megatron(root() / "step")->iteration, std::nullopt);
}

TEST_F(MegatronLocationTest, TakesTheLargestIterationWithoutATracker) {
  iteration("iter_0000002");
  iteration("iter_0000010");
  iteration("release");
  scratch_.write("iter_x/metadata.json", "{}");
  EXPECT_EQ(found(), "iter_0000010");
}

TEST_F(MegatronLocationTest, ObeysTheTextTracker) {
  iteration("iter_0000002");
  iteration("iter_0000010");
  iteration("release");
  scratch_.write("latest_checkpointed_iteration.txt", "2\n");
  EXPECT_EQ(found(), "iter_0000002");
  scratch_.write("latest_checkpointed_iteration.txt", "release");
  EXPECT_EQ(found(), "release");
}

TEST_F(MegatronLocationTest, PrefersTheTrainState) {
  iteration("iter_0000002");
  iteration("iter_0000010");
  auto state = write_train_state(10);
  ASSERT_TRUE(state);
  scratch_.write("latest_train_state.pt", *state);
  scratch_.write("latest_checkpointed_iteration.txt", "2");
  EXPECT_EQ(found(), "iter_0000010");
}

TEST_F(MegatronLocationTest, NamesATrackersMissingIteration) {
  iteration("iter_0000002");
  scratch_.write("latest_checkpointed_iteration.txt", "7");
  const auto error = fault(root());
  EXPECT_EQ(error.kind, Error::Kind::io);
  EXPECT_EQ(error.file, (root() / "iter_0000007").string());
  EXPECT_THAT(error.problem, HasSubstr("latest_checkpointed_iteration.txt ('7') names it"));
}

TEST_F(MegatronLocationTest, RefusesBrokenTrackers) {
  iteration("iter_0000002");
  for (const auto* text : {"two", "", "-1", "2 3", "99999999999999999999"}) {
    scratch_.write("latest_checkpointed_iteration.txt", text);
    EXPECT_EQ(fault(root()).kind, Error::Kind::format) << text;
  }
  scratch_.write("latest_train_state.pt", "no archive");
  EXPECT_EQ(fault(root()).kind, Error::Kind::format);
  auto negative = write_train_state(-1);
  ASSERT_TRUE(negative);
  scratch_.write("latest_train_state.pt", *negative);
  EXPECT_EQ(fault(root()).subject, "step");
}

TEST_F(MegatronLocationTest, TellsRankFilesFromTorchDist) {
  scratch_.write("ranks/iter_0000001/mp_rank_00/model_optim_rng.pt", "");
  for (const auto& path : {root() / "ranks", root() / "ranks/iter_0000001"}) {
    const auto location = locate_megatron(path);
    ASSERT_TRUE(location) << location.error().text();
    EXPECT_EQ(location->storage, MegatronStorage::torch);
    EXPECT_EQ(location->iteration, 1);
  }
}

TEST_F(MegatronLocationTest, NamesStoragesThatItDoesNotRead) {
  scratch_.write("fsdp/iter_0000001/.metadata", "");
  scratch_.write("zarr/iter_0000001/metadata.json", R"({"sharded_backend": "zarr"})");
  scratch_.write("nemo/context/model.yaml", "");
  scratch_.write("nemo/weights/metadata.json", "");
  EXPECT_EQ(fault(root() / "fsdp").subject, "fsdp_dtensor");
  EXPECT_EQ(fault(root() / "zarr").subject, "zarr");
  EXPECT_EQ(fault(root() / "nemo").subject, "NeMo 2");
  for (const auto* name : {"fsdp", "zarr", "nemo"})
    EXPECT_EQ(fault(root() / name).kind, Error::Kind::unsupported) << name;
}

TEST_F(MegatronLocationTest, ListsWhatItLookedFor) {
  const auto error = fault(root());
  EXPECT_EQ(error.kind, Error::Kind::io);
  for (const auto* name : {".metadata", "metadata.json", "mp_rank_", "latest_train_state.pt",
                           "latest_checkpointed_iteration.txt", "iter_NNNNNNN", "release"})
    EXPECT_THAT(error.problem, HasSubstr(name));
  EXPECT_THAT(fault(root() / "absent").problem, HasSubstr("does not exist"));
  EXPECT_THAT(fault(scratch_.write("file", "")).problem, HasSubstr("is no folder"));
}

TEST_F(MegatronLocationTest, RefusesIncompleteIterations) {
  scratch_.write("a/iter_0000001/run_config.yaml", "");
  EXPECT_THAT(fault(root() / "a").problem, HasSubstr("holds no checkpoint"));
  scratch_.write("b/iter_0000001/metadata.json", R"({"sharded_backend": "torch_dist"})");
  EXPECT_THAT(fault(root() / "b").problem, HasSubstr("is missing beside metadata.json"));
  scratch_.write("c/iter_0000001/metadata.json", "{}");
  EXPECT_EQ(fault(root() / "c").subject, "sharded_backend");
  scratch_.write("d/iter_0000001/metadata.json", "{");
  EXPECT_EQ(fault(root() / "d").kind, Error::Kind::format);
}

}  // namespace
}  // namespace weighbridge
