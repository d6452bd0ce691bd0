#include "checkpoints/hugging_face_repository.hpp"

#include <gmock/gmock.h>

#include "checkpoints/safetensors_bytes.hpp"
#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using test::one_tensor;
using test::safetensors_bytes;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kIndexName = "model.safetensors.index.json";

// Two shards: first.safetensors holds b and a (in this order), second.safetensors holds c.
const std::string kFirstHeader = R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                 R"("a":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]}})";
constexpr const char* kIndex = R"({"metadata": {"total_size": 22, "origin": "here"},
  "weight_map": {"c": "second.safetensors", "a": "first.safetensors", "b": "first.safetensors"}})";

void write_two_shards(const TemporaryFolder& folder) {
  folder.write("config.json", R"({"model_type": "some"})");
  folder.write("first.safetensors", safetensors_bytes(kFirstHeader, std::string(20, 'x')));
  folder.write("second.safetensors", one_tensor("c"));
  folder.write(kIndexName, kIndex);
  folder.write("tokenizer.json", "{}");
}

Error error_of(const TemporaryFolder& folder, const OpenHuggingFace& options = {}) {
  auto repository = HuggingFaceRepository::open(folder.path(), options);
  EXPECT_FALSE(repository);
  if (repository) return {};
  EXPECT_FALSE(repository.error().remedy.empty());
  return repository.error();
}

TEST(HuggingFaceRepository, ReadsShardsByTheirIndex) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->format, WeightFormat::safetensors);
  EXPECT_TRUE(repository->has_index);
  EXPECT_EQ(repository->config.string("model_type"), "some");
  EXPECT_EQ(repository->index_metadata.at("origin").as_string(), "here");
  EXPECT_THAT(repository->notes, ElementsAre());

  EXPECT_THAT(repository->catalogue.files,
              ElementsAre(folder.path() / "first.safetensors", folder.path() / "second.safetensors"));
  ASSERT_EQ(repository->catalogue.tensors.size(), 3U);
  const auto& a = repository->catalogue.tensors.at("a");
  EXPECT_EQ(a.dtype, DType::bf16);
  EXPECT_EQ(a.shape, (Shape{2, 3}));
  ASSERT_EQ(a.extents.size(), 1U);
  EXPECT_EQ(a.extents[0].file, 0U);
  EXPECT_EQ(a.extents[0].offset, 8 + kFirstHeader.size() + 8);
  EXPECT_EQ(a.extents[0].box, (Box{{0, 0}, {2, 3}}));
  EXPECT_EQ(a.extents[0].strides, (Shape{3, 1}));
  EXPECT_EQ(repository->catalogue.tensors.at("c").extents[0].file, 1U);

  EXPECT_THAT(repository->weight_map,
              ElementsAre(WeightLocation{"c", "second.safetensors"}, WeightLocation{"a", "first.safetensors"},
                          WeightLocation{"b", "first.safetensors"}));
  ASSERT_EQ(repository->weight_files.size(), 2U);
  EXPECT_EQ(repository->weight_files[0].name, "first.safetensors");
  EXPECT_THAT(repository->weight_files[0].tensors, ElementsAre("b", "a"));
  ASSERT_EQ(repository->side_files.size(), 1U);
  EXPECT_EQ(repository->side_files[0].path, "tokenizer.json");
}

TEST(HuggingFaceRepository, ReadsASingleFile) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("tokenizer.model", "x");
  folder.write("model.safetensors", safetensors_bytes(kFirstHeader, std::string(20, 'x')));
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_FALSE(repository->has_index);
  EXPECT_THAT(repository->weight_map,
              ElementsAre(WeightLocation{"b", "model.safetensors"}, WeightLocation{"a", "model.safetensors"}));
}

TEST(HuggingFaceRepository, ReadsShardsInSubfolders) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("tokenizer.json", "{}");
  folder.write("parts/one.safetensors", one_tensor("a"));
  folder.write(kIndexName, R"({"weight_map": {"a": "parts/one.safetensors"}})");
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->catalogue.files[0], folder.path() / "parts/one.safetensors");
  EXPECT_EQ(repository->side_files.size(), 1U);
  EXPECT_TRUE(repository->left_out.empty());
}

TEST(HuggingFaceRepository, ReadsACompleteSetWithoutIndex) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("model-00001-of-00002.safetensors", one_tensor("a"));
  folder.write("model-00002-of-00002.safetensors", one_tensor("b"));
  folder.write("consolidated.safetensors", one_tensor("a"));
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_FALSE(repository->has_index);
  EXPECT_EQ(repository->catalogue.tensors.size(), 2U);
  ASSERT_EQ(repository->left_out.size(), 1U);
  EXPECT_EQ(repository->left_out[0].name, "consolidated.safetensors");
  ASSERT_EQ(repository->notes.size(), 1U);
  EXPECT_THAT(repository->notes[0], HasSubstr("no tokenizer.json"));
}

TEST(HuggingFaceRepository, ReadsLooseFilesWithoutIndex) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("layers.safetensors", one_tensor("a"));
  folder.write("head.safetensors", one_tensor("b"));
  folder.write("adapter_model.safetensors", one_tensor("c"));
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_THAT(repository->weight_map,
              ElementsAre(WeightLocation{"b", "head.safetensors"}, WeightLocation{"a", "layers.safetensors"}));
}

TEST(HuggingFaceRepository, FollowsLinksOfTheHubCache) {
  const TemporaryFolder cache;
  const auto repo = fs::path{"models--org--name"};
  cache.write(repo / "blobs/1", "{}");
  cache.write(repo / "blobs/2", one_tensor("a"));
  cache.write(repo / "blobs/3", "{\"tokens\": 1}");
  fs::create_directories(cache.path() / repo / "snapshots/abc");
  fs::create_symlink("../../blobs/1", cache.path() / repo / "snapshots/abc/config.json");
  fs::create_symlink("../../blobs/2", cache.path() / repo / "snapshots/abc/model.safetensors");
  fs::create_symlink("../../blobs/3", cache.path() / repo / "snapshots/abc/tokenizer.json");
  const auto repository = HuggingFaceRepository::open(cache.path() / repo / "snapshots/abc");
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->catalogue.tensors.count("a"), 1U);
  ASSERT_EQ(repository->side_files.size(), 1U);
  EXPECT_EQ(repository->side_files[0].source, fs::canonical(cache.path()) / repo / "blobs/3");
  EXPECT_EQ(repository->side_files[0].path, "tokenizer.json");
}

TEST(HuggingFaceRepository, MissingShardsAreListed) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  fs::remove(folder.path() / "second.safetensors");
  const auto error = error_of(folder);
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.file, (folder.path() / kIndexName).string());
  EXPECT_EQ(error.subject, "second.safetensors");
  EXPECT_THAT(error.problem, HasSubstr("1 of 2 weight files are missing: second.safetensors"));
}

TEST(HuggingFaceRepository, MissingMembersOfASetAreListed) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("model-00002-of-00003.safetensors", one_tensor("a"));
  const auto error = error_of(folder);
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_THAT(
      error.problem,
      HasSubstr("2 of 3 shards are missing: model-00001-of-00003.safetensors, model-00003-of-00003.safetensors"));
}

TEST(HuggingFaceRepository, TwoSetsWithoutIndexAreRefused) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("model-00001-of-00001.safetensors", one_tensor("a"));
  folder.write("model-00001-of-00002.safetensors", one_tensor("a"));
  EXPECT_THAT(error_of(folder).problem, HasSubstr("another set of shards"));
}

TEST(HuggingFaceRepository, ATensorOfTheIndexMustBeInItsFile) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  folder.write(kIndexName, R"({"weight_map": {"a": "first.safetensors", "b": "first.safetensors",
      "c": "second.safetensors", "mtp.fc.weight": "second.safetensors", "x": "first.safetensors"}})");
  const auto error = error_of(folder);
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.file, (folder.path() / "second.safetensors").string());
  EXPECT_EQ(error.subject, "mtp.fc.weight");
  EXPECT_THAT(error.problem, HasSubstr("nor are x"));

  const auto repository = HuggingFaceRepository::open(folder.path(), {.strict = false});
  ASSERT_TRUE(repository);
  EXPECT_EQ(repository->weight_map.size(), 3U);
  EXPECT_THAT(repository->notes, ElementsAre("tensors of the index that are in no file: mtp.fc.weight, x"));
}

TEST(HuggingFaceRepository, ATensorInAnotherFileThanItsIndexSaysIsMissing) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  folder.write(kIndexName, R"({"weight_map": {"a": "first.safetensors", "b": "second.safetensors",
      "c": "second.safetensors"}})");
  const auto error = error_of(folder);
  EXPECT_EQ(error.subject, "b");
  EXPECT_EQ(error.file, (folder.path() / "second.safetensors").string());
}

TEST(HuggingFaceRepository, TensorsThatTheIndexForgotAreReadWithANote) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  folder.write(kIndexName, R"({"weight_map": {"a": "first.safetensors", "c": "second.safetensors"}})");
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->catalogue.tensors.size(), 3U);
  EXPECT_EQ(repository->weight_map.back(), (WeightLocation{"b", "first.safetensors"}));
  EXPECT_THAT(repository->notes,
              ElementsAre("first.safetensors: tensors read although the index does not list them: b"));
}

TEST(HuggingFaceRepository, TheIndexDecidesBetweenCopies) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  folder.write("overlay.safetensors", one_tensor("a", 6));
  folder.write(kIndexName, R"({"weight_map": {"a": "overlay.safetensors", "b": "first.safetensors"}})");
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_EQ(repository->catalogue.tensors.at("a").dtype, DType::u8);
  EXPECT_THAT(repository->notes, ElementsAre("first.safetensors: tensors ignored because the index takes them "
                                             "from other files: a"));
  // A file that the index does not name is not read at all.
  ASSERT_EQ(repository->left_out.size(), 1U);
  EXPECT_EQ(repository->left_out[0].name, "second.safetensors");
}

TEST(HuggingFaceRepository, OneTensorInTwoFilesIsRefused) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("model-00001-of-00002.safetensors", one_tensor("a"));
  folder.write("model-00002-of-00002.safetensors", one_tensor("a"));
  const auto error = error_of(folder);
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.file, (folder.path() / "model-00002-of-00002.safetensors").string());
  EXPECT_EQ(error.subject, "a");
  EXPECT_THAT(error.problem, HasSubstr("also in model-00001-of-00002.safetensors"));
}

TEST(HuggingFaceRepository, ASingleFileBesideAnIndexOfOthersIsRefused) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  folder.write("model.safetensors", one_tensor("a"));
  const auto error = error_of(folder);
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.subject, "model.safetensors");
}

TEST(HuggingFaceRepository, AWrongTotalSizeIsNoted) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  folder.write(kIndexName, R"({"metadata": {"total_size": 23}, "weight_map": {"a": "first.safetensors",
      "b": "first.safetensors", "c": "second.safetensors"}})");
  const auto repository = HuggingFaceRepository::open(folder.path());
  ASSERT_TRUE(repository);
  EXPECT_THAT(repository->notes, ElementsAre("the index declares a total_size of 23 bytes, but its tensors have 22"));
}

TEST(HuggingFaceRepository, BrokenIndexesAreRefused) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  for (const auto* index :
       {"{", "[]", "{}", R"({"weight_map": 1})", R"({"weight_map": {"a": 1}})",
        R"({"weight_map": {"a": "../first.safetensors"}})", R"({"weight_map": {"a": "/etc/passwd"}})",
        R"({"weight_map": {"a": "first.safetensors", "a": "first.safetensors"}})", R"({"weight_map": {}})"}) {
    folder.write(kIndexName, index);
    EXPECT_EQ(error_of(folder).file, (folder.path() / kIndexName).string()) << index;
  }
}

TEST(HuggingFaceRepository, EveryShardIsCheckedToItsEnd) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  const auto whole_file = one_tensor("c");
  folder.write("second.safetensors", whole_file.substr(0, whole_file.size() - 1));
  EXPECT_EQ(error_of(folder).kind, Error::Kind::format);
  EXPECT_EQ(error_of(folder).file, (folder.path() / "second.safetensors").string());
  folder.write("second.safetensors", whole_file + "more");
  EXPECT_EQ(error_of(folder).file, (folder.path() / "second.safetensors").string());
}

TEST(HuggingFaceRepository, TheHeaderLimitIsAnOption) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  EXPECT_EQ(error_of(folder, {.max_header_bytes = 60}).file, (folder.path() / "first.safetensors").string());
}

TEST(HuggingFaceRepository, AConfigIsNeeded) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  fs::remove(folder.path() / "config.json");
  const auto error = error_of(folder);
  EXPECT_EQ(error.kind, Error::Kind::io);
  EXPECT_EQ(error.subject, "config.json");
  folder.write("config.json", R"({"a": 1, "a": 2})");
  EXPECT_EQ(error_of(folder).kind, Error::Kind::format);
  EXPECT_EQ(error_of(folder).file, (folder.path() / "config.json").string());
  folder.write("config.json", "[]");
  EXPECT_EQ(error_of(folder).kind, Error::Kind::format);
}

TEST(HuggingFaceRepository, OtherFoldersAreNamedForWhatTheyAre) {
  const auto missing = HuggingFaceRepository::open("/nowhere/at/all");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Error::Kind::io);
  EXPECT_EQ(missing.error().file, "/nowhere/at/all");
  {
    const TemporaryFolder folder;
    folder.write("latest_checkpointed_iteration.txt", "1");
    EXPECT_THAT(error_of(folder).problem, HasSubstr("this is a Megatron checkpoint"));
    EXPECT_THAT(error_of(folder).remedy, HasSubstr("--megatron-path"));
  }
  {
    const TemporaryFolder folder;
    folder.write("adapter_config.json", "{}");
    folder.write("adapter_model.safetensors", one_tensor("a"));
    EXPECT_EQ(error_of(folder).kind, Error::Kind::unsupported);
    EXPECT_THAT(error_of(folder).problem, HasSubstr("adapter"));
    folder.write("config.json", "{}");
    EXPECT_THAT(error_of(folder).problem, HasSubstr("adapter"));
  }
  {
    const TemporaryFolder folder;
    folder.write("config.json", "{}");
    EXPECT_THAT(error_of(folder).problem, HasSubstr("has no weights"));
    folder.write("some-model.gguf", "GGUF");
    EXPECT_EQ(error_of(folder).kind, Error::Kind::unsupported);
    EXPECT_EQ(error_of(folder).subject, "some-model.gguf");
  }
}

TEST(HuggingFaceRepository, AReferenceNeedsNoWeights) {
  const TemporaryFolder folder;
  write_two_shards(folder);
  fs::remove(folder.path() / "first.safetensors");
  fs::remove(folder.path() / "second.safetensors");
  const auto repository = HuggingFaceRepository::open(folder.path(), {.weights = false});
  ASSERT_TRUE(repository) << repository.error().text();
  EXPECT_TRUE(repository->has_index);
  EXPECT_EQ(repository->weight_map.size(), 3U);
  EXPECT_TRUE(repository->catalogue.tensors.empty());
  EXPECT_EQ(repository->side_files.size(), 1U);
  fs::remove(folder.path() / kIndexName);
  EXPECT_TRUE(HuggingFaceRepository::open(folder.path(), {.weights = false}));
}

}  // namespace
}  // namespace weighbridge
