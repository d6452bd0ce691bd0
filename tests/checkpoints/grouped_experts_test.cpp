// Rank files with the grouped experts of before 2026-03: all experts of a rank in two tensors, transposed.

#include <gtest/gtest.h>

#include "checkpoints/rank_files_reader.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "formats/input_file.hpp"
#include "formats/torch_writer.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kExperts = 2, kHidden = 3, kWidth = 2;  // on each of two expert-parallel ranks

// One byte an element: rank, expert, row and column of the linear layer as digits.
char code(std::int64_t rank, std::int64_t expert, std::int64_t row, std::int64_t column) {
  return static_cast<char>(rank * 100 + expert * 50 + row * 10 + column);
}

void write_rank(const test::TemporaryFolder& folder, std::int64_t rank) {
  PickleArena arena;
  std::vector<StorageBytes> storages(2, {DType::u8, {}});
  for (std::int64_t expert = 0; expert < kExperts; ++expert) {
    for (std::int64_t column = 0; column < kHidden; ++column)  // weight1, seen as [experts, hidden, gate over up]
      for (std::int64_t row = 0; row < 2 * kWidth; ++row) storages[0].bytes += code(rank, expert, row, column);
    for (std::int64_t column = 0; column < kWidth; ++column)  // weight2, seen as [experts, width, hidden]
      for (std::int64_t row = 0; row < kHidden; ++row) storages[1].bytes += code(rank, expert, row, column);
  }
  const auto tensor = [&](Shape shape, std::uint32_t storage) { return arena.tensor({DType::u8, shape, row_major_strides(shape), 0, storage}); };
  std::vector<PicklePair> model{
      {arena.text("decoder.layers.0.mlp.experts.weight1"), tensor({kHidden, kExperts * 2 * kWidth}, 0)},
      {arena.text("decoder.layers.0.mlp.experts.weight2"), tensor({kExperts * kWidth, kHidden}, 1)}};
  std::vector<PicklePair> arguments{{arena.text("num_layers"), arena.integer(1)},
                                    {arena.text("hidden_size"), arena.integer(kHidden)},
                                    {arena.text("num_attention_heads"), arena.integer(1)},
                                    {arena.text("expert_model_parallel_size"), arena.integer(2)}};
  std::vector<PicklePair> root{{arena.text("checkpoint_version"), arena.real(3.0)},
                               {arena.text("iteration"), arena.integer(1)},
                               {arena.text("args"), arena.argparse_namespace(arguments)},
                               {arena.text("model"), arena.ordered_dict(model)}};
  auto bytes = write_torch_object(arena.dict(root), storages, "model_optim_rng");
  ASSERT_TRUE(bytes) << bytes.error().text();
  folder.write("iter_0000001/mp_rank_00_00" + std::to_string(rank) + "/model_optim_rng.pt", *bytes);
}

TEST(GroupedExperts, AreTakenApartAndTurned) {
  test::TemporaryFolder folder;
  for (const std::int64_t rank : {0, 1}) write_rank(folder, rank);
  const auto checkpoint = MegatronCheckpoint::open({folder / "iter_0000001", 1, MegatronStorage::torch});
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  std::vector<LiveParameter> parameters;
  for (std::int64_t expert = 0; expert < 2 * kExperts; ++expert)
    for (const bool first : {true, false}) {
      LiveParameter parameter;
      parameter.prefix = "decoder.layers.";
      parameter.layers = 1;
      parameter.rest = first ? "mlp.experts.linear_fc1.weight" : "mlp.experts.linear_fc2.weight";
      parameter.shape = first ? Shape{2 * kWidth, kHidden} : Shape{kHidden, kWidth};
      parameter.cut = first ? Cut{0, {kWidth, kWidth}} : Cut{1, {kWidth}};
      parameter.expert = expert;
      parameter.experts = 2 * kExperts;
      parameters.push_back(parameter);
    }
  std::set<std::string> used;
  const auto whole = assemble(*checkpoint, parameters, used);
  ASSERT_TRUE(whole) << whole.error().text();
  EXPECT_EQ(used.size(), 4u);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    ASSERT_TRUE((*whole)[i]) << i;
    const auto& tensor = *(*whole)[i];
    ASSERT_EQ(tensor.shape, parameters[i].shape);
    std::int64_t elements = 0;
    for (const auto& extent : tensor.extents) {
      auto file = InputFile::open(checkpoint->catalogue.files[extent.file]);
      ASSERT_TRUE(file);
      for (std::int64_t row = 0; row < extent.box.sizes[0]; ++row)
        for (std::int64_t column = 0; column < extent.box.sizes[1]; ++column, ++elements) {
          const auto at = extent.offset + static_cast<std::uint64_t>(row * extent.strides[0] + column * extent.strides[1]);
          const auto byte = file->read(at, 1);
          ASSERT_TRUE(byte);
          EXPECT_EQ(byte->front(), code(parameters[i].expert / kExperts, parameters[i].expert % kExperts, extent.box.offsets[0] + row,
                                        extent.box.offsets[1] + column));
        }
    }
    EXPECT_EQ(elements, *element_count(tensor.shape));
  }
}

}  // namespace
}  // namespace weighbridge
