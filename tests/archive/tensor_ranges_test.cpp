#include "archive/tensor_ranges.hpp"

#include <gmock/gmock.h>

#include <map>

#include "engine/work_folder.hpp"
#include "formats/safetensors.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// By path of the file.
std::map<std::string, std::vector<TensorRange>> ranges_of(const std::filesystem::path& folder,
                                                          std::vector<std::string>* notes = nullptr) {
  const auto content = list_folder(folder, false);
  if (!content) throw std::runtime_error{content.error().text()};
  const auto found = find_tensors(folder, *content);
  std::map<std::string, std::vector<TensorRange>> named;
  for (std::size_t i = 0; i < content->files.size(); ++i) named[content->files[i].path] = found.of_file[i];
  if (notes != nullptr)
    *notes = found.notes;
  else if (!found.notes.empty())
    throw std::runtime_error{found.notes.front()};
  return named;
}

std::uint64_t bytes_of(const std::vector<TensorRange>& ranges) {
  std::uint64_t sum = 0;
  for (const auto& range : ranges) sum += range.end - range.begin;
  return sum;
}

TEST(TensorRanges, OfSafetensorsAreThoseOfItsHeader) {
  const std::vector<SafetensorsTensor> tensors{
      {"a", DType::bf16, {3}}, {"b", DType::f32, {2, 2}}, {"c", DType::f8_e4m3, {5}}, {"d", DType::i32, {1}}};
  const auto layout = lay_out_safetensors(tensors, {}, SafetensorsOrder::given);
  const WorkFolder work;
  work.write("sub/x.safetensors", layout->header + std::string(6 + 16 + 5 + 4, '\1'));
  work.write("sub/x.json", "{}");
  const auto data = layout->header.size();
  const auto found = ranges_of(work.path());
  EXPECT_THAT(found.at("sub/x.safetensors"),
              ElementsAre(TensorRange{data, data + 6, 2}, TensorRange{data + 6, data + 22, 4},
                          TensorRange{data + 22, data + 27, 1}, TensorRange{data + 27, data + 31, 1}));
  EXPECT_TRUE(found.at("sub/x.json").empty());
}

TEST(TensorRanges, OfABrokenFileAreNoneWithANote) {
  const WorkFolder work;
  work.write("x.safetensors", "nothing of the sort");
  work.write("iter_0000001/.metadata", "nor this");
  std::vector<std::string> notes;
  const auto found = ranges_of(work.path(), &notes);
  EXPECT_TRUE(found.at("x.safetensors").empty());
  EXPECT_THAT(notes, ElementsAre(HasSubstr(".metadata"), HasSubstr("x.safetensors")));
}

// Of the golden model, whose sizes are those of tests/golden/plain.py: the same weights in each storage.
TEST(TensorRanges, OfTorchDistAreItsChunks) {
  const auto golden = std::filesystem::path{WEIGHBRIDGE_GOLDEN} / "llama3";
  std::uint64_t hugging_face = 0, megatron = 0;
  for (const auto& [path, ranges] : ranges_of(golden / "hf")) hugging_face += bytes_of(ranges);
  for (const auto& [path, ranges] : ranges_of(golden / "megatron")) {
    megatron += bytes_of(ranges);
    for (const auto& range : ranges) EXPECT_EQ(range.width, 2u) << path;
    if (!ranges.empty()) { EXPECT_THAT(path, HasSubstr(".distcp")); }
  }
  EXPECT_GT(hugging_face, 10000u);
  EXPECT_EQ(megatron, hugging_face);
}

}  // namespace
}  // namespace weighbridge
