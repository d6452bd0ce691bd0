#include "archive/folder_content.hpp"

#include <gmock/gmock.h>

#include "engine/work_folder.hpp"
#include "formats/errors.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> paths(const FolderContent& content) {
  std::vector<std::string> names;
  for (const auto& file : content.files) names.push_back(file.path);
  return names;
}

TEST(FolderContent, ListsEveryFileAndFolder) {
  const WorkFolder work;
  work.write("model/config.json", "{}");
  work.write("model/.hidden/a", "1");
  work.write("model/sub/deep/b", "22");
  fs::create_directories(work.path() / "model/empty/inner");
  const auto content = list_folder(work.path() / "model", false);
  ASSERT_TRUE(content) << content.error().text();
  EXPECT_THAT(content->folders, ::testing::ElementsAre(".hidden", "empty", "empty/inner", "sub", "sub/deep"));
  EXPECT_THAT(paths(*content), ::testing::ElementsAre(".hidden/a", "config.json", "sub/deep/b"));
  EXPECT_EQ(content->files[2].size, 2u);
  EXPECT_TRUE(content->left_out.empty());
}

TEST(FolderContent, LinksLeadToFilesOfTheFolderAndOfTheHubCache) {
  const WorkFolder work;
  work.write("models--a--b/blobs/0123", "blob");
  work.write("models--a--b/snapshots/1/own", "o");
  const auto folder = work.path() / "models--a--b/snapshots/1";
  fs::create_symlink("../../blobs/0123", folder / "model.safetensors");
  fs::create_symlink("own", folder / "alias");
  fs::create_directory_symlink(".", folder / "loop");
  const auto content = list_folder(folder, false);
  ASSERT_TRUE(content) << content.error().text();
  EXPECT_THAT(paths(*content), ::testing::ElementsAre("alias", "model.safetensors", "own"));
  EXPECT_EQ(content->files[1].size, 4u);
  ASSERT_EQ(content->left_out.size(), 1u);
  EXPECT_EQ(content->left_out[0].path, "loop");
}

TEST(FolderContent, ALinkOutOfTheFolderIsFollowedOnlyWhenAsked) {
  const WorkFolder work;
  work.write("private", "secret");
  work.write("model/config.json", "{}");
  fs::create_symlink("../private", work.path() / "model/extra");
  testing::expect_error(list_folder(work.path() / "model", false), "model/extra", "",
                        "is a link out of the folder, to");
  const auto followed = list_folder(work.path() / "model", true);
  ASSERT_TRUE(followed) << followed.error().text();
  EXPECT_THAT(paths(*followed), ::testing::ElementsAre("config.json", "extra"));
}

TEST(FolderContent, WhatCannotBePackedIsAnError) {
  const WorkFolder work;
  work.write("a/x\ny", "");
  testing::expect_error(list_folder(work.path() / "a", false), "a", "x\ny",
                        "no name that has a backslash or a control character");
  work.write("b/c", "");
  fs::create_symlink("nothing", work.path() / "b/d");
  testing::expect_error(list_folder(work.path() / "b", false), "b/d", "", "is a link to nothing");
  testing::expect_error(list_folder(work.path() / "b/c", false), "b/c", "", "is a file, not a folder");
  testing::expect_error(list_folder(work.path() / "z", false), "z", "", "cannot be found");
}

TEST(FolderContent, TellsWhenAFileHasChanged) {
  const WorkFolder work;
  work.write("a", "1");
  const auto content = list_folder(work.path(), false);
  ASSERT_TRUE(content);
  EXPECT_TRUE(still_the_same(*content));
  work.write("a", "22");
  testing::expect_error(still_the_same(*content), "a", "", "it was changed while it was packed");
}

}  // namespace
}  // namespace weighbridge
