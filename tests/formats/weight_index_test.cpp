#include "formats/weight_index.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using testing::expect_error;

TEST(WeightIndex, KeepsTheMapAndTheMetadata) {
  const auto index = parse_weight_index(R"({"metadata":{"total_size":12,"total_parameters":6,"note":["x"]},)"
                                        R"("weight_map":{"b":"sub/model-2.safetensors","a":"model-1.safetensors"}})",
                                        "i.json");
  ASSERT_TRUE(index) << index.error().text();
  EXPECT_EQ(index->weight_map,
            (std::map<std::string, std::string>{{"a", "model-1.safetensors"}, {"b", "sub/model-2.safetensors"}}));
  EXPECT_EQ(write_weight_index(*index, 99), R"({
  "metadata": {
    "note": [
      "x"
    ],
    "total_parameters": 6,
    "total_size": 99
  },
  "weight_map": {
    "a": "model-1.safetensors",
    "b": "sub/model-2.safetensors"
  }
}
)");
}

TEST(WeightIndex, NeedsNoMetadata) {
  EXPECT_TRUE(parse_weight_index(R"({"weight_map":{}})", "i.json"));
  EXPECT_EQ(write_weight_index({}, 0), "{\n  \"metadata\": {\n    \"total_size\": 0\n  },\n  \"weight_map\": {}\n}\n");
}

TEST(WeightIndex, RefusesPathsOutOfItsFolder) {
  for (const auto* path : {"../../etc/passwd", "/etc/passwd", "a/../../b", "..", "a\\\\b", "a\\u0000b", ""})
    expect_error(parse_weight_index(R"({"weight_map":{"w":")" + std::string{path} + "\"}}", "i.json"), "i.json", "w",
                 "not inside the folder of the index");
}

TEST(WeightIndex, RefusesDuplicateKeys) {
  expect_error(parse_weight_index(R"({"weight_map":{"w":"a","w":"b"}})", "i.json"), "i.json", "w", "given twice");
  expect_error(parse_weight_index(R"({"weight_map":{},"weight_map":{}})", "i.json"), "i.json", "weight_map",
               "given twice");
  EXPECT_TRUE(parse_weight_index(R"({"weight_map":{"w":"a","x":"b"},"metadata":{"w":1}})", "i.json"));
}

TEST(WeightIndex, RefusesOtherJson) {
  expect_error(parse_weight_index("[]", "i.json"), "i.json", "", "not a JSON object");
  expect_error(parse_weight_index("{", "i.json"), "i.json", "", "not valid JSON");
  expect_error(parse_weight_index("{} {}", "i.json"), "i.json", "", "not valid JSON");
  expect_error(parse_weight_index("{}", "i.json"), "i.json", "weight_map", "missing");
  expect_error(parse_weight_index(R"({"weight_map":{"w":3}})", "i.json"), "i.json", "w", "no file name");
  expect_error(parse_weight_index(R"({"weight_map":{},"metadata":3})", "i.json"), "i.json", "metadata",
               "not an object");
}

TEST(WeightIndex, RefusesNumbersThatNoDoubleHolds) {
  for (const auto* number : {"1e400", "-14E77770", "1e999999999999"})
    expect_error(parse_weight_index(R"({"metadata":{"n":)" + std::string{number} + R"(},"weight_map":{}})", "i.json"),
                 "i.json", "", "is not valid JSON");
}

TEST(WeightIndex, ReadsAFile) {
  const testing::WrittenFile written{"model.safetensors.index.json", R"({"weight_map":{"w":"a"}})"};
  const auto index = read_weight_index(written.path());
  ASSERT_TRUE(index);
  EXPECT_EQ(index->weight_map.at("w"), "a");
  expect_error(read_weight_index(written.folder() / "none.json"), "none.json", "", "No such file");
}

}  // namespace
}  // namespace weighbridge
