#include "checkpoints/hugging_face_side_files.hpp"

#include <gmock/gmock.h>

#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> carried(const SideFiles& found) {
  std::vector<std::string> names;
  for (const auto& file : found.carried) names.push_back(file.path.string());
  return names;
}

std::vector<std::string> left_out(const SideFiles& found) {
  std::vector<std::string> lines;
  for (const auto& file : found.left_out) lines.push_back(file.name + ": " + file.reason);
  return lines;
}

TEST(HuggingFaceSideFiles, CarriesEverythingButWeightsAndLitter) {
  const TemporaryFolder folder;
  for (const auto* name : {"config.json",
                           "generation_config.json",
                           "tokenizer.json",
                           "tokenizer.model",
                           "chat_template.jinja",
                           "README.md",
                           "LICENSE",
                           ".gitattributes",
                           "modeling_some.py",
                           "preprocessor_config.json",
                           "spk_dict.pt",
                           "figures/plot.png",
                           "original/params.json",
                           "original/consolidated.00.pth",
                           "pytorch_model.bin",
                           "pytorch_model.bin.index.json",
                           "model.safetensors",
                           "model.fp16.safetensors",
                           "model.gguf",
                           "flax_model.msgpack",
                           "tf_model.h5",
                           "onnx/model.onnx",
                           "optimizer.pt",
                           "training_args.bin",
                           "checkpoint-500/config.json",
                           ".git/HEAD",
                           ".cache/huggingface/x",
                           "__pycache__/modeling_some.pyc",
                           "model.safetensors.lock",
                           "x.incomplete"}) {
    folder.write(name, "x");
  }
  const auto found = find_side_files(folder.path(), {"model.safetensors"});
  ASSERT_TRUE(found);
  EXPECT_THAT(carried(*found),
              ElementsAre(".gitattributes", "LICENSE", "README.md", "chat_template.jinja", "figures/plot.png",
                          "generation_config.json", "modeling_some.py", "original/params.json",
                          "preprocessor_config.json", "spk_dict.pt", "tokenizer.json", "tokenizer.model"));
  const std::string weights = ": weights other than those converted";
  EXPECT_THAT(left_out(*found),
              ElementsAre("checkpoint-500: a training checkpoint of its own", "flax_model.msgpack" + weights,
                          "model.fp16.safetensors" + weights, "model.gguf" + weights, "onnx/model.onnx" + weights,
                          "optimizer.pt: training state", "original/consolidated.00.pth" + weights,
                          "pytorch_model.bin" + weights,
                          "pytorch_model.bin.index.json: an index of weights other than those converted",
                          "tf_model.h5" + weights, "training_args.bin: training state"));
  EXPECT_EQ(found->carried[4].source, fs::canonical(folder.path()) / "figures/plot.png");
}

TEST(HuggingFaceSideFiles, LinksOutOfTheFolderAreLeftOut) {
  const TemporaryFolder outside;
  const auto secret = outside.write("id_rsa", "secret");
  const auto blob = outside.write("models--org--name/blobs/1234", "{}");
  const TemporaryFolder folder;
  folder.write("real.txt", "x");
  fs::create_symlink("real.txt", folder.path() / "inside.txt");
  fs::create_symlink(blob, folder.path() / "tokenizer.json");
  fs::create_symlink(secret, folder.path() / "README.md");
  fs::create_directory_symlink(outside.path(), folder.path() / "assets");
  const auto found = find_side_files(folder.path(), {});
  ASSERT_TRUE(found);
  EXPECT_THAT(carried(*found), ElementsAre("inside.txt", "real.txt", "tokenizer.json"));
  EXPECT_EQ(found->carried[2].source, fs::canonical(blob));
  EXPECT_THAT(left_out(*found), ElementsAre("README.md: a link out of the folder, to " + fs::canonical(secret).string(),
                                            "assets: a link to something other than a file"));
}

TEST(HuggingFaceSideFiles, ALinkToNothingIsAnError) {
  const TemporaryFolder folder;
  fs::create_symlink("../../blobs/gone", folder.path() / "tokenizer.json");
  const auto found = find_side_files(folder.path(), {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, Error::Kind::io);
  EXPECT_THAT(found.error().file, HasSubstr("tokenizer.json"));
  EXPECT_THAT(found.error().problem, HasSubstr("../../blobs/gone"));
}

TEST(HuggingFaceSideFiles, AMissingFolderIsAnError) {
  const auto found = find_side_files("/nowhere/at/all", {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, Error::Kind::io);
  EXPECT_EQ(found.error().file, "/nowhere/at/all");
}

}  // namespace
}  // namespace weighbridge
