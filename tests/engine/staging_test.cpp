#include "engine/staging.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/small_run.hpp"

namespace weighbridge {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Staging, RefusesADestinationThatExists) {
  SmallRun small;
  small.folder.write("out/model/precious", "mine");
  const auto report = small.run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Error::Kind::usage);
  EXPECT_THAT(report.error().text(), AllOf(HasSubstr("out/model"), HasSubstr("exists"), HasSubstr("--overwrite")));
  EXPECT_THAT(contents(small.folder.path() / "out"),
              UnorderedElementsAre(Pair("model/", ""), Pair("model/precious", "mine")));
}

TEST(Staging, ReplacesItWhenTold) {
  SmallRun small;
  small.folder.write("out/model/old", "old");
  small.folder.write("out/model/folder/old", "old");
  small.options.overwrite = true;
  const auto report = small.run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  EXPECT_THAT(contents(small.folder.path() / "out"), testing::SizeIs(5));
}

TEST(Staging, KeepsTheOldOneWhenTheNewOneFails) {
  SmallRun small;
  small.folder.write("out/model/old", "old");
  small.options.overwrite = true;
  small.options.progress = [&](const Progress&) {
    std::filesystem::resize_file(small.folder.path() / "source/model", 3);
  };
  ASSERT_FALSE(small.run());
  EXPECT_THAT(contents(small.folder.path() / "out"),
              UnorderedElementsAre(Pair("model/", ""), Pair("model/old", "old")));
}

TEST(Staging, TakesAnEmptyFolder) {
  SmallRun small;
  std::filesystem::create_directories(small.destination());
  ASSERT_TRUE(small.run());
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

TEST(Staging, RefusesAFile) {
  SmallRun small;
  small.folder.write("out/model", "a file");
  small.options.overwrite = true;
  const auto report = small.run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().problem, "the destination is a file, not a folder");
  EXPECT_THAT(contents(small.folder.path() / "out"), UnorderedElementsAre(Pair("model", "a file")));
}

TEST(Staging, RefusesTheSourcesAndTheirSurroundings) {
  SmallRun small;
  small.options.overwrite = true;
  const auto before = contents(small.folder.path());
  const auto source = small.folder.path() / "source";
  std::filesystem::create_directory_symlink(source, small.folder.path() / "link");
  for (const auto& bad :
       {source, source / "", source / "inside", source / "deep" / "inside", small.folder.path(),
        source / ".." / "source", small.folder.path() / "link", small.folder.path() / "link" / "inside"}) {
    const auto report = run(small.plan, bad, small.options);
    ASSERT_FALSE(report) << bad;
    EXPECT_EQ(report.error().kind, Error::Kind::usage);
    EXPECT_THAT(report.error().problem, HasSubstr("is, contains or lies in the source folder")) << bad;
  }
  std::filesystem::remove(small.folder.path() / "link");
  EXPECT_EQ(contents(small.folder.path()), before);
  const auto beside = run(small.plan, small.folder.path() / "source-converted", small.options);
  EXPECT_TRUE(beside) << beside.error().text();
}

TEST(Staging, LooksThroughLinkedFiles) {
  // As in the hub's cache: the source is a link to a file in another folder.
  SmallRun small;
  const auto blob = small.folder.write("blobs/1234", "abcdefghijklmnopqrstuvwx");
  std::filesystem::create_directories(small.folder.path() / "snapshot");
  std::filesystem::create_symlink(blob, small.folder.path() / "snapshot" / "model");
  small.plan.sources = {small.folder.path() / "snapshot" / "model"};
  small.options.overwrite = true;
  EXPECT_FALSE(run(small.plan, small.folder.path() / "blobs", small.options));
  EXPECT_EQ(contents(small.folder.path() / "blobs").size(), 1u);
  EXPECT_TRUE(run(small.plan, small.folder.path() / "blobs" / "new", small.options));
}

TEST(Staging, RefusesAPlaceWithoutAName) {
  SmallRun small;
  const auto report = run(small.plan, "/", small.options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, Error::Kind::usage);
}

TEST(Staging, FollowsALinkToTheDestination) {
  SmallRun small;
  std::filesystem::create_directories(small.folder.path() / "elsewhere");
  std::filesystem::create_directories(small.folder.path() / "out");
  std::filesystem::create_directory_symlink(small.folder.path() / "elsewhere", small.destination());
  ASSERT_TRUE(small.run());
  EXPECT_EQ(contents(small.folder.path() / "elsewhere"), SmallRun::complete());
  EXPECT_TRUE(std::filesystem::is_symlink(small.destination()));
}

TEST(Staging, AdmitsOneRunAtATime) {
  SmallRun small;
  const auto first = Staging::begin(real_files(), small.destination(), false);
  ASSERT_TRUE(first);
  const auto second = small.run();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().problem, "another run is writing to this destination");
  EXPECT_TRUE(std::filesystem::exists((*first)->folder()));
  std::vector<std::string> warnings;
  ASSERT_TRUE((*first)->publish(warnings));
  EXPECT_TRUE(std::filesystem::is_empty(small.destination()));
}

TEST(Staging, LeavesNothingOfItself) {
  SmallRun small;
  {
    const auto staging = Staging::begin(real_files(), small.folder.path() / "a" / "b" / "c", false);
    ASSERT_TRUE(staging);
    EXPECT_EQ((*staging)->folder(), small.folder.path() / "a" / "b" / ".c.weighbridge-partial");
  }
  EXPECT_FALSE(std::filesystem::exists(small.folder.path() / "a"));
}

TEST(Staging, ClearsWhatAKilledRunLeft) {
  SmallRun small;
  small.folder.write("out/.model.weighbridge-partial/data/shard", "half of it");
  small.folder.write("out/.model.weighbridge-lock", "");
  ASSERT_TRUE(small.run());
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
  EXPECT_THAT(contents(small.folder.path() / "out"), testing::SizeIs(5));
}

TEST(Staging, PutsBackWhatAKilledRunMovedAside) {
  SmallRun small;
  small.folder.write("out/.model.weighbridge-replaced/old", "old");
  small.folder.write("out/.model.weighbridge-partial/index", "INDEX");
  ASSERT_FALSE(small.run());  // there is a destination again, and no leave to overwrite it
  EXPECT_THAT(contents(small.folder.path() / "out"),
              UnorderedElementsAre(Pair("model/", ""), Pair("model/old", "old")));
}

TEST(Staging, RemovesWhatAKilledRunHadReplaced) {
  SmallRun small;
  small.folder.write("out/.model.weighbridge-replaced/old", "old");
  small.folder.write("out/model/new", "new");
  ASSERT_FALSE(small.run());
  EXPECT_THAT(contents(small.folder.path() / "out"),
              UnorderedElementsAre(Pair("model/", ""), Pair("model/new", "new")));
}

TEST(Staging, CopesWithLongNames) {
  SmallRun small;
  const auto destination = small.folder.path() / std::string(255, 'n');
  ASSERT_TRUE(run(small.plan, destination, small.options));
  EXPECT_EQ(contents(destination), SmallRun::complete());
}

TEST(Staging, DoesNotReplaceWhatAppearedMeanwhile) {
  SmallRun small;
  small.options.progress = [&](const Progress&) { small.folder.write("out/model/precious", "mine"); };
  const auto report = small.run();
  ASSERT_FALSE(report);
  EXPECT_THAT(contents(small.folder.path() / "out"),
              UnorderedElementsAre(Pair("model/", ""), Pair("model/precious", "mine")));
}

TEST(Staging, NamesAnOldDestinationThatStays) {
  class Sticky : public Files {
   public:
    int remove_tree(const std::filesystem::path& path) override {
      if (!path.string().ends_with("-replaced")) return Files::remove_tree(path);
      errno = EACCES;
      return -1;
    }
  } files;
  SmallRun small;
  small.folder.write("out/model/old", "old");
  small.options.overwrite = true;
  small.options.files = &files;
  const auto report = small.run();
  ASSERT_TRUE(report);
  ASSERT_EQ(report->warnings.size(), 1u);
  EXPECT_THAT(report->warnings[0], HasSubstr(".model.weighbridge-replaced"));
  EXPECT_EQ(contents(small.destination()), SmallRun::complete());
}

}  // namespace
}  // namespace weighbridge
