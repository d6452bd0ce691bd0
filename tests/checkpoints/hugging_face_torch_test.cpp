#include <gmock/gmock.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "checkpoints/hugging_face_repository.hpp"
#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using std::string_view_literals::operator""sv;
using test::TemporaryFolder;

// The files that torch_files/make.py had torch write.
fs::path torch_file(const char* name) { return fs::path{__FILE__}.parent_path() / "torch_files" / name; }

std::string bytes_of(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream{file, std::ios::binary}.rdbuf();
  return out.str();
}

// Where the bytes of each storage begin in a file; found there with a hex dump.
struct Places {
  const char* file;
  std::uint64_t embedding, rows, norm, scalar, mask;
};

class HuggingFaceTorch : public testing::TestWithParam<Places> {};

TEST_P(HuggingFaceTorch, TensorsLieWhereTorchPutThem) {
  const auto& at = GetParam();
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("tokenizer.json", "{}");
  fs::copy(torch_file(at.file), folder.path() / "pytorch_model.bin");
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->format, WeightFormat::torch);
  EXPECT_FALSE(repository->has_index);
  EXPECT_THAT(repository->notes,
              ElementsAre("pytorch_model.bin: entries that are no tensors and are not converted: version"));

  const auto check = [&](const char* name, DType dtype, const Shape& shape, std::uint64_t offset,
                         const Shape& strides) {
    const auto found = repository->catalogue.tensors.find(name);
    ASSERT_NE(found, repository->catalogue.tensors.end()) << name;
    EXPECT_EQ(found->second.dtype, dtype) << name;
    EXPECT_EQ(found->second.shape, shape) << name;
    ASSERT_EQ(found->second.extents.size(), 1U);
    EXPECT_EQ(found->second.extents[0].offset, offset) << name;
    EXPECT_EQ(found->second.extents[0].strides, strides) << name;
    EXPECT_EQ(found->second.extents[0].box, (Box{Shape(shape.size(), 0), shape})) << name;
  };
  EXPECT_EQ(repository->catalogue.tensors.size(), 7U);
  check("embed.weight", DType::bf16, {4, 3}, at.embedding, {3, 1});
  check("lm_head.weight", DType::bf16, {4, 3}, at.embedding, {3, 1});
  check("rows.middle", DType::f32, {2, 4}, at.rows + 16, {4, 1});
  check("rows.turned", DType::f32, {4, 5}, at.rows, {1, 4});
  check("norm.weight", DType::f16, {2}, at.norm, {1});
  check("scalar", DType::i64, {}, at.scalar, {});
  check("mask", DType::boolean, {3}, at.mask, {1});
}

INSTANTIATE_TEST_SUITE_P(BothForms, HuggingFaceTorch,
                         testing::Values(Places{"zip.bin", 1216, 1344, 1536, 1600, 1728},
                                         Places{"stream.bin", 1013, 1073, 1045, 1057, 1161}));

TEST(HuggingFaceTorchFolder, ReadsShardsByTheirIndex) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  fs::copy(torch_file("zip.bin"), folder.path() / "pytorch_model-00001-of-00001.bin");
  folder.write("pytorch_model.bin.index.json", R"({"metadata": {}, "weight_map": {
      "scalar": "pytorch_model-00001-of-00001.bin", "embed.weight": "pytorch_model-00001-of-00001.bin",
      "absent": "pytorch_model-00001-of-00001.bin"}})");
  const auto strict = HuggingFaceRepository::open(folder.path());
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().subject, "absent");
  const auto repository = HuggingFaceRepository::open(folder.path(), {.strict = false});
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->weight_map.front(), (WeightLocation{"scalar", "pytorch_model-00001-of-00001.bin"}));
}

TEST(HuggingFaceTorchFolder, SafetensorsAreChosenBeforeTorchFiles) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("pytorch_model.bin", "not read");
  folder.write("model.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10));
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->format, WeightFormat::safetensors);
  ASSERT_EQ(repository->left_out.size(), 1U);
  EXPECT_EQ(repository->left_out[0].name, "pytorch_model.bin");
}

TEST(HuggingFaceTorchFolder, BrokenFilesAreNamed) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  const auto bytes = bytes_of(torch_file("zip.bin"));
  for (const auto& content :
       {std::string{}, std::string{"junk"}, bytes.substr(0, bytes.size() - 100), std::string{"\x80\x02]q\x00.", 6}}) {
    const auto file = folder.write("pytorch_model.bin", content);
    const auto repository = HuggingFaceRepository::open(folder.path());
    ASSERT_FALSE(repository) << content.size();
    EXPECT_EQ(repository.error().file, file.string());
  }
}

// A stream whose object is the given pickle, without storages.
std::string stream_of(std::string_view object) {
  std::string text{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv};
  text += "\x80\x02M\xe9\x03."sv;
  text += "\x80\x02}(X\x10\x00\x00\x00protocol_versionM\xe9\x03X\x0d\x00\x00\x00little_endian\x88u."sv;
  text += object;
  text += "\x80\x02]."sv;
  return text;
}

TEST(HuggingFaceTorchFolder, OtherObjectsThanStateDictsAreRefused) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  const auto file = folder.write("pytorch_model.bin", stream_of("\x80\x02]."sv));  // []
  const auto list = HuggingFaceRepository::open(folder.path());
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().kind, Error::Kind::unsupported) << list.error().text();
  EXPECT_EQ(list.error().file, file.string());
  // {"model": {"a": 1}}
  folder.write("pytorch_model.bin", stream_of("\x80\x02}X\x05\x00\x00\x00model}X\x01\x00\x00\x00"
                                              "aK\x01ss."sv));
  const auto nested = HuggingFaceRepository::open(folder.path());
  ASSERT_FALSE(nested);
  EXPECT_EQ(nested.error().kind, Error::Kind::unsupported) << nested.error().text();
  EXPECT_EQ(nested.error().subject, "model");
  EXPECT_THAT(nested.error().problem, HasSubstr("training checkpoint"));
}

TEST(HuggingFaceTorchFolder, AForbiddenGlobalIsRefused) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  const auto file = folder.write("pytorch_model.bin", stream_of("\x80\x02"
                                                                "cos\nsystem\nX\x04\x00\x00\x00true\x85R."sv));
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_FALSE(repository);
  EXPECT_EQ(repository.error().file, file.string());
  EXPECT_THAT(repository.error().text(), HasSubstr("os"));
  EXPECT_THAT(repository.error().text(), HasSubstr("system"));
}

}  // namespace
}  // namespace weighbridge
