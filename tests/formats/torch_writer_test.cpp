#include "formats/torch_writer.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/torch_object.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using std::string_literals::operator""s;
using testing::WrittenFile;

TEST(TorchWriter, WritesSmallObjects) {
  PickleArena arena;
  const StorageBytes storages[] = {{DType::i64, "\7\0\0\0\0\0\0\0"s}, {DType::boolean, "\1"s}, {DType::u8, ""s}};
  const PicklePair pairs[] = {{arena.text("step"), arena.tensor({DType::i64, {}, {}, 0, 0})},
                              {arena.text("do_train"), arena.tensor({DType::boolean, {}, {}, 0, 1})},
                              {arena.text("empty"), arena.tensor({DType::u8, {0}, {1}, 0, 2})}};
  const auto bytes = write_torch_object(arena.dict(pairs), storages, "train_state");
  ASSERT_TRUE(bytes) << bytes.error().text();
  EXPECT_EQ(bytes->substr(30, 20), "train_state/data.pkl");
  const WrittenFile written{"train_state.pt", *bytes};
  const auto file = written.open();
  const auto object = read_torch_object(file);
  ASSERT_TRUE(object) << object.error().text();
  const auto* step = object->root().find("step")->tensor();
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(object->offset_of(*step) % 64, 0u);
  EXPECT_EQ(*file.read(object->offset_of(*step), 8), storages[0].bytes);
  EXPECT_EQ(*file.read(object->offset_of(*object->root().find("do_train")->tensor()), 1), "\1");
  EXPECT_EQ(object->root().find("empty")->tensor()->shape, Shape{0});
}

TEST(TorchWriter, FramesATensorWhoseBytesComeLater) {
  const auto layout = lay_out_torch_tensor(DType::bf16, {1, 3, 2});
  ASSERT_TRUE(layout);
  ASSERT_EQ(layout->literals.size(), 2u);
  ASSERT_EQ(layout->external.size(), 1u);
  EXPECT_EQ(layout->external[0], layout->literals[0].bytes.size());
  EXPECT_EQ(layout->literals[1].offset, layout->external[0] + 12);
  EXPECT_EQ(layout->size, layout->literals[1].offset + layout->literals[1].bytes.size());
  const WrittenFile written{"t.pt", layout->literals[0].bytes.text() + "abcdefghijkl" + layout->literals[1].bytes.text()};
  const auto object = read_torch_object(written.open());
  ASSERT_TRUE(object) << object.error().text();
  const auto* tensor = object->root().tensor();
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->dtype, DType::bf16);
  EXPECT_EQ(tensor->shape, (Shape{1, 3, 2}));
  EXPECT_EQ(tensor->strides, (Shape{6, 2, 1}));
  EXPECT_EQ(object->offset_of(*tensor), layout->external[0]);
}

TEST(TorchWriter, KnowsTheSizeOfBigTensors) {
  const auto layout = lay_out_torch_tensor(DType::f8_e4m3, {1 << 20, 1 << 16});
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->literals[1].offset - layout->external[0], std::uint64_t{1} << 36);
  EXPECT_LT(layout->size, (std::uint64_t{1} << 36) + 2000);
}

TEST(TorchWriter, FramesManyTensors) {
  PickleArena arena;
  const PickledStorage storages[] = {{DType::f32, 4}, {DType::f16, 3}};
  const PickleValue both[] = {arena.tensor({DType::f32, {4}, {1}, 0, 0}), arena.tensor({DType::f16, {3}, {1}, 0, 1})};
  const auto layout = lay_out_torch_object(arena.list(both), storages);
  ASSERT_TRUE(layout);
  ASSERT_EQ(layout->literals.size(), 3u);
  EXPECT_EQ(layout->literals[1].offset, layout->external[0] + 16);
  EXPECT_EQ(layout->literals[2].offset, layout->external[1] + 6);
  EXPECT_EQ(layout->literals[1].checksums.size(), 1u);
  ASSERT_EQ(layout->literals[2].checksums.size(), 3u);
  EXPECT_EQ(layout->literals[2].checksums[0].tensor, 1u);
  EXPECT_EQ(layout->literals[2].checksums[1].tensor, 0u);
}

TEST(TorchWriter, RefusesWhatTorchCannotHold) {
  EXPECT_FALSE(lay_out_torch_tensor(DType::f6_e2m3, {4}));
  EXPECT_FALSE(lay_out_torch_tensor(DType::f32, {INT64_MAX, 2}));
  EXPECT_FALSE(lay_out_torch_tensor(DType::f32, {-1}));
}

}  // namespace
}  // namespace weighbridge
