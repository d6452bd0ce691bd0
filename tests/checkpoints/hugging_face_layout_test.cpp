#include "checkpoints/hugging_face_layout.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>

#include "checkpoints/hugging_face_shards.hpp"

namespace weighbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseSize, AcceptsWhatPeopleWrite) {
  const auto size = [](std::string_view text) { return parse_size(text) ? *parse_size(text) : 0; };
  EXPECT_EQ(size("5GB"), 5'000'000'000U);
  EXPECT_EQ(size("500MB"), 500'000'000U);
  EXPECT_EQ(size("2GiB"), 2'147'483'648U);
  EXPECT_EQ(size("1.5TB"), 1'500'000'000'000U);
  EXPECT_EQ(size("256MiB"), 268'435'456U);
  EXPECT_EQ(size(" 10 kb "), 10'000U);
  EXPECT_EQ(size("4g"), 4'000'000'000U);
  EXPECT_EQ(size("1048576"), 1'048'576U);
  EXPECT_EQ(size("7B"), 7U);
}

TEST(ParseSize, RefusesTheRest) {
  for (const auto* text :
       {"", "GB", "5XB", "-5GB", "0", "0GB", "nan", "infGB", "1e5GB", "5GBB", "99999999TB", "0x10"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().kind, Error::Kind::usage);
    EXPECT_EQ(size.error().subject, text);
    EXPECT_THAT(size.error().remedy, HasSubstr("5GB"));
  }
}

// Bytes tensors, so that a shape is a size.
LaidTensor bytes_tensor(std::string name, std::int64_t size) { return {std::move(name), DType::u8, {size}}; }

HuggingFaceLayout lay_out(const HuggingFaceLayoutRequest& request) {
  auto layout = lay_out_hugging_face(request);
  EXPECT_TRUE(layout) << layout.error().text();
  return layout ? *std::move(layout) : HuggingFaceLayout{};
}

// "file: tensor tensor" in the order of the files.
std::vector<std::string> shards_of(const HuggingFaceLayout& layout) {
  std::vector<std::string> lines;
  for (const auto& file : layout.files) {
    if (file.path.extension() != ".safetensors") continue;
    lines.push_back(file.path.string() + ":");
    for (const auto& [tensor, name] : layout.weight_map) {
      if (name == file.path.string()) lines.back() += " " + tensor;
    }
  }
  return lines;
}

std::string literal_of(const HuggingFaceLayout& layout, std::string_view file) {
  for (const auto& literal : layout.literals) {
    if (layout.files[literal.file].path == file) return literal.bytes.text();
  }
  return "(none)";
}

// The literals and tensors cover every file exactly once.
void expect_tiled(const HuggingFaceLayout& layout) {
  for (std::size_t file = 0; file < layout.files.size(); ++file) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const auto& l : layout.literals) {
      if (l.file == file) ranges.emplace_back(l.offset, l.offset + l.bytes.size());
    }
    for (const auto& t : layout.tensors) {
      if (t.file == file) ranges.emplace_back(t.offset, t.offset + t.bytes);
    }
    std::sort(ranges.begin(), ranges.end());
    std::uint64_t end = 0;
    for (const auto& [begin, next] : ranges) {
      EXPECT_EQ(begin, end) << layout.files[file].path;
      end = next;
    }
    EXPECT_EQ(end, layout.files[file].size) << layout.files[file].path;
  }
}

TEST(HuggingFaceLayout, OneSmallModelToTheByte) {
  HuggingFaceLayoutRequest request;
  request.tensors = {{"bb", DType::bf16, {3}}, {"w", DType::f32, {2, 2}}, {"a", DType::bf16, {1}}};
  request.texts = {{"config.json", "{}\n"}};
  const auto layout = lay_out(request);
  ASSERT_EQ(layout.files.size(), 2U);
  EXPECT_EQ(layout.files[0].path, "config.json");
  EXPECT_EQ(layout.files[0].size, 3U);
  EXPECT_EQ(layout.files[1].path, "model.safetensors");
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("a":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},)"
      R"("bb":{"dtype":"BF16","shape":[3],"data_offsets":[18,24]}})";
  ASSERT_EQ(header.size(), 201U);
  EXPECT_EQ(literal_of(layout, "model.safetensors"), std::string("\xd0\0\0\0\0\0\0\0", 8) + header + "       ");
  EXPECT_EQ(layout.files[1].size, 8U + 208 + 24);
  ASSERT_EQ(layout.tensors.size(), 3U);
  EXPECT_EQ(layout.tensors[0].name, "w");
  EXPECT_EQ(layout.tensors[0].offset, 216U);
  EXPECT_EQ(layout.tensors[0].bytes, 16U);
  EXPECT_EQ(layout.tensors[1].name, "a");
  EXPECT_EQ(layout.tensors[1].offset, 232U);
  EXPECT_EQ(layout.tensors[2].name, "bb");
  EXPECT_EQ(layout.tensors[2].offset, 234U);
  EXPECT_EQ(layout.tensors[2].dtype, DType::bf16);
  EXPECT_EQ(layout.tensors[2].file, 1U);
  EXPECT_EQ(layout.total_size, 24U);
  expect_tiled(layout);
}

TEST(HuggingFaceLayout, SplitsBySizeAsTheHubDoes) {
  HuggingFaceLayoutRequest request;
  request.max_shard_size = 10;
  // `big` does not fit a shard and is closed at once; the shard of a and c stays open and comes after it.
  request.tensors = {bytes_tensor("a", 4), bytes_tensor("big", 11), bytes_tensor("c", 6), bytes_tensor("d", 1),
                     bytes_tensor("e", 10)};
  const auto layout = lay_out(request);
  EXPECT_THAT(shards_of(layout),
              ElementsAre("model-00001-of-00004.safetensors: big", "model-00002-of-00004.safetensors: a c",
                          "model-00003-of-00004.safetensors: d", "model-00004-of-00004.safetensors: e"));
  EXPECT_EQ(layout.files[0].path, "model.safetensors.index.json");
  EXPECT_EQ(literal_of(layout, "model.safetensors.index.json"), R"({
  "metadata": {
    "total_size": 32
  },
  "weight_map": {
    "a": "model-00002-of-00004.safetensors",
    "big": "model-00001-of-00004.safetensors",
    "c": "model-00002-of-00004.safetensors",
    "d": "model-00003-of-00004.safetensors",
    "e": "model-00004-of-00004.safetensors"
  }
}
)");
  EXPECT_THAT(layout.weight_map, ElementsAre(WeightLocation{"a", "model-00002-of-00004.safetensors"},
                                             WeightLocation{"big", "model-00001-of-00004.safetensors"},
                                             WeightLocation{"c", "model-00002-of-00004.safetensors"},
                                             WeightLocation{"d", "model-00003-of-00004.safetensors"},
                                             WeightLocation{"e", "model-00004-of-00004.safetensors"}));
  expect_tiled(layout);
}

TEST(HuggingFaceLayout, TheDefaultLimitIsFiveDecimalGigabytes) {
  HuggingFaceLayoutRequest request;
  request.tensors = {bytes_tensor("a", 4'999'999'999), bytes_tensor("b", 1)};
  EXPECT_THAT(shards_of(lay_out(request)), ElementsAre("model.safetensors: a b"));
  request.tensors.push_back(bytes_tensor("c", 1));
  EXPECT_THAT(shards_of(lay_out(request)),
              ElementsAre("model-00001-of-00002.safetensors: a b", "model-00002-of-00002.safetensors: c"));
}

ReferenceShards three_shards() {
  ReferenceShards reference;
  reference.has_index = true;
  reference.weight_map = {{"a", "model-00001-of-00003.safetensors"},
                          {"b", "model-00002-of-00003.safetensors"},
                          {"c", "model-00003-of-00003.safetensors"},
                          {"d", "model-00001-of-00003.safetensors"}};
  return reference;
}

TEST(HuggingFaceLayout, KeepsTheShardsOfTheReference) {
  HuggingFaceLayoutRequest request;
  request.reference = three_shards();
  request.max_shard_size = 5;  // says nothing about shards that the reference names
  request.tensors = {bytes_tensor("c", 4), bytes_tensor("d", 4), bytes_tensor("a", 4), bytes_tensor("b", 4)};
  EXPECT_THAT(shards_of(lay_out(request)),
              ElementsAre("model-00001-of-00003.safetensors: d a", "model-00002-of-00003.safetensors: b",
                          "model-00003-of-00003.safetensors: c"));
}

TEST(HuggingFaceLayout, UnlistedTensorsJoinTheShardBeforeThem) {
  HuggingFaceLayoutRequest request;
  request.reference = three_shards();
  request.tensors = {bytes_tensor("first", 1), bytes_tensor("b", 4), bytes_tensor("b.extra", 4), bytes_tensor("a", 4),
                     bytes_tensor("c", 4)};
  EXPECT_THAT(shards_of(lay_out(request)),
              ElementsAre("model-00001-of-00003.safetensors: a", "model-00002-of-00003.safetensors: first b b.extra",
                          "model-00003-of-00003.safetensors: c"));
}

TEST(HuggingFaceLayout, UnlistedTensorsThatDoNotFitGetShardsOfTheirOwn) {
  HuggingFaceLayoutRequest request;
  request.reference = three_shards();
  request.max_shard_size = 10;
  request.tensors = {bytes_tensor("a", 4), bytes_tensor("b", 4), bytes_tensor("c", 8), bytes_tensor("x", 4),
                     bytes_tensor("y", 7)};
  EXPECT_THAT(shards_of(lay_out(request)),
              ElementsAre("model-00001-of-00005.safetensors: a", "model-00002-of-00005.safetensors: b",
                          "model-00003-of-00005.safetensors: c", "model-00004-of-00005.safetensors: x",
                          "model-00005-of-00005.safetensors: y"));
}

TEST(HuggingFaceLayout, EmptyShardsAreNotWrittenAndTheCountIsMadeTrue) {
  HuggingFaceLayoutRequest request;
  request.reference = three_shards();
  request.tensors = {bytes_tensor("a", 4), bytes_tensor("c", 4)};
  const auto layout = lay_out(request);
  EXPECT_THAT(shards_of(layout),
              ElementsAre("model-00001-of-00002.safetensors: a", "model-00002-of-00002.safetensors: c"));
  EXPECT_THAT(literal_of(layout, "model.safetensors.index.json"), testing::Not(HasSubstr("00003")));
  request.tensors.pop_back();
  const auto alone = lay_out(request);
  EXPECT_THAT(shards_of(alone), ElementsAre("model.safetensors: a"));
  EXPECT_EQ(alone.files.size(), 1U);
}

TEST(HuggingFaceLayout, OddNumbersAndNamesAreKept) {
  HuggingFaceLayoutRequest request;
  request.reference.has_index = true;
  request.reference.weight_map = {{"a", "model-00000-of-00007.safetensors"}, {"b", "parts/vision.safetensors"}};
  request.tensors = {bytes_tensor("a", 4), bytes_tensor("b", 4)};
  EXPECT_THAT(shards_of(lay_out(request)),
              ElementsAre("model-00000-of-00007.safetensors: a", "parts/vision.safetensors: b"));
}

TEST(HuggingFaceLayout, ALoneFileThatGrowsBecomesASet) {
  HuggingFaceLayoutRequest request;
  request.reference.weight_map = {{"a", "model.safetensors"}};
  request.max_shard_size = 10;
  request.tensors = {bytes_tensor("a", 8), bytes_tensor("b", 2), bytes_tensor("c", 2)};
  EXPECT_THAT(shards_of(lay_out(request)),
              ElementsAre("model-00001-of-00002.safetensors: a b", "model-00002-of-00002.safetensors: c"));
}

TEST(HuggingFaceLayout, AReferenceWithoutCommonTensorsIsSetAside) {
  HuggingFaceLayoutRequest request;
  request.reference = three_shards();
  request.tensors = {bytes_tensor("other", 4)};
  EXPECT_THAT(shards_of(lay_out(request)), ElementsAre("model.safetensors: other"));
}

TEST(HuggingFaceLayout, TorchNamesBecomeSafetensorsNames) {
  EXPECT_EQ(safetensors_name("pytorch_model.bin"), "model.safetensors");
  EXPECT_EQ(safetensors_name("pytorch_model-00001-of-00002.bin"), "model-00001-of-00002.safetensors");
  EXPECT_EQ(safetensors_name("sub/pytorch_model.bin"), "sub/model.safetensors");
  EXPECT_EQ(safetensors_name("vision.bin"), "vision.safetensors");
  EXPECT_EQ(safetensors_name("model.safetensors"), "model.safetensors");
  EXPECT_EQ(safetensors_name("config.json"), "config.json.safetensors");
  HuggingFaceLayoutRequest request;
  request.reference.has_index = true;
  request.reference.weight_map = {{"a", "pytorch_model-00001-of-00002.bin"}, {"b", "pytorch_model-00002-of-00002.bin"}};
  request.tensors = {bytes_tensor("a", 4), bytes_tensor("b", 4)};
  EXPECT_THAT(shards_of(lay_out(request)),
              ElementsAre("model-00001-of-00002.safetensors: a", "model-00002-of-00002.safetensors: b"));
}

TEST(HuggingFaceLayout, ALoneFileKeepsItsIndexIfItHadOne) {
  HuggingFaceLayoutRequest request;
  request.reference.weight_map = {{"a", "model.safetensors"}};
  request.tensors = {bytes_tensor("a", 4)};
  EXPECT_EQ(lay_out(request).files.size(), 1U);
  request.reference.has_index = true;
  EXPECT_EQ(lay_out(request).files[0].path, "model.safetensors.index.json");
}

TEST(HuggingFaceLayout, IndexMetadataIsKeptAndMadeTrue) {
  HuggingFaceLayoutRequest request;
  request.reference = three_shards();
  request.reference.index_metadata = {{"total_size", 16}, {"total_parameters", 15}, {"origin", "here"}};
  request.tensors = {bytes_tensor("a", 4), bytes_tensor("b", 4), bytes_tensor("c", 4), bytes_tensor("d", 4)};
  const auto metadata = [](const HuggingFaceLayout& layout) {
    const auto text = literal_of(layout, "model.safetensors.index.json");
    return text.substr(0, text.find("\"weight_map\""));
  };
  // The same model: a count that leaves buffers out stays as it is.
  EXPECT_EQ(metadata(lay_out(request)),
            "{\n  \"metadata\": {\n    \"origin\": \"here\",\n    \"total_parameters\": 15,\n    \"total_size\": 16\n  "
            "},\n  ");
  request.tensors.push_back({"e", DType::f32, {3}});
  EXPECT_EQ(metadata(lay_out(request)),
            "{\n  \"metadata\": {\n    \"origin\": \"here\",\n    \"total_parameters\": 19,\n    \"total_size\": 28\n  "
            "},\n  ");
}

TEST(HuggingFaceLayout, RefusesWhatNoFileCanHold) {
  HuggingFaceLayoutRequest request;
  EXPECT_EQ(lay_out_hugging_face(request).error().kind, Error::Kind::mismatch);
  request.tensors = {bytes_tensor("a", 4), bytes_tensor("a", 4)};
  const auto twice = lay_out_hugging_face(request);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind, Error::Kind::mismatch);
  EXPECT_EQ(twice.error().subject, "a");
  request.tensors = {{"huge", DType::f32, {std::int64_t{1} << 40, std::int64_t{1} << 40}}};
  const auto huge = lay_out_hugging_face(request);
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().kind, Error::Kind::unsupported);
  EXPECT_EQ(huge.error().subject, "huge");
  request.tensors = {{"half", DType::f4, {3}}};
  EXPECT_EQ(lay_out_hugging_face(request).error().subject, "half");
  request.tensors.clear();
  for (char name = '1'; name <= '9'; ++name) request.tensors.push_back(bytes_tensor({name}, INT64_MAX / 8));
  EXPECT_EQ(lay_out_hugging_face(request).error().subject, "9");
}

}  // namespace
}  // namespace weighbridge
