#include <gtest/gtest.h>

#include "checkpoints/megatron_checkpoint.hpp"

namespace weighbridge {
namespace {

// One contiguous extent at `offset`.
StoredTensor contiguous(const std::string& name, Shape shape, std::uint64_t offset) {
  const auto strides = row_major_strides(shape);
  return {name, DType::bf16, shape, {{0, offset, whole(shape), strides}}};
}

Catalogue catalogue_of(std::vector<StoredTensor> tensors) {
  Catalogue catalogue{{"/somewhere/__0_0.distcp"}, {}};
  for (auto& tensor : tensors) catalogue.tensors.emplace(tensor.name, tensor);
  return catalogue;
}

TEST(TorchDistLive, CutsALayerOutOfOneChunkForAll) {
  const auto catalogue = catalogue_of({contiguous("decoder.layers.mlp.linear_fc2.weight", {3, 4, 5}, 1000)});
  const auto live = find_live(catalogue, "decoder.layers.", 2, "mlp.linear_fc2.weight");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->key, "decoder.layers.mlp.linear_fc2.weight");
  EXPECT_EQ(live->tensor.name, "decoder.layers.2.mlp.linear_fc2.weight");
  EXPECT_EQ(live->tensor.shape, (Shape{4, 5}));
  ASSERT_EQ(live->tensor.extents.size(), 1u);
  EXPECT_EQ(live->tensor.extents[0].offset, 1000u + 2 * 20 * 2);
  EXPECT_EQ(live->tensor.extents[0].box, (Box{{0, 0}, {4, 5}}));
  EXPECT_EQ(live->tensor.extents[0].strides, (Shape{5, 1}));
}

TEST(TorchDistLive, KeepsTheChunksOfTheLayerOnly) {
  StoredTensor tensor{"decoder.layers.mlp.linear_fc1.weight", DType::f32, {4, 6, 2}, {}};
  tensor.extents.push_back({0, 100, {{0, 0, 0}, {1, 6, 2}}, {12, 2, 1}});
  tensor.extents.push_back({0, 200, {{1, 0, 0}, {2, 3, 2}}, {6, 2, 1}});  // upper half of layers 1 and 2
  tensor.extents.push_back({1, 300, {{1, 3, 0}, {2, 3, 2}}, {6, 1, 3}});  // lower half, transposed in its storage
  tensor.extents.push_back({1, 400, {{3, 0, 0}, {1, 6, 2}}, {12, 2, 1}});
  const auto live = find_live(catalogue_of({tensor}), "decoder.layers.", 2, "mlp.linear_fc1.weight");
  ASSERT_TRUE(live);
  ASSERT_EQ(live->tensor.extents.size(), 2u);
  EXPECT_EQ(live->tensor.extents[0].file, 0u);
  EXPECT_EQ(live->tensor.extents[0].offset, 200u + 6 * 4);
  EXPECT_EQ(live->tensor.extents[0].box, (Box{{0, 0}, {3, 2}}));
  EXPECT_EQ(live->tensor.extents[1].file, 1u);
  EXPECT_EQ(live->tensor.extents[1].offset, 300u + 6 * 4);
  EXPECT_EQ(live->tensor.extents[1].box, (Box{{3, 0}, {3, 2}}));
  EXPECT_EQ(live->tensor.extents[1].strides, (Shape{1, 3}));
}

TEST(TorchDistLive, FindsChunksWhereverTheyLieInTheList) {
  StoredTensor tensor{"decoder.layers.a.weight", DType::u8, {4, 6}, {}};
  tensor.extents.push_back({0, 1000, {{0, 0}, {4, 2}}, {2, 1}});  // two columns of all layers
  for (std::int64_t i = 0; i < 4; ++i)
    tensor.extents.push_back({0, static_cast<std::uint64_t>(100 * i), {{i, 2}, {1, 4}}, {4, 1}});
  const auto catalogue = catalogue_of({tensor});
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto live = find_live(catalogue, "decoder.layers.", i, "a.weight");
    ASSERT_TRUE(live);
    ASSERT_EQ(live->tensor.extents.size(), 2u) << i;
    EXPECT_EQ(live->tensor.extents[0].offset, static_cast<std::uint64_t>(1000 + 2 * i));
    EXPECT_EQ(live->tensor.extents[0].box, (Box{{0}, {2}}));
    EXPECT_EQ(live->tensor.extents[1].offset, static_cast<std::uint64_t>(100 * i));
    EXPECT_EQ(live->tensor.extents[1].box, (Box{{2}, {4}}));
  }
}

TEST(TorchDistLive, FindsKeysOfEachLayerAndOutsideOfStacks) {
  const auto catalogue = catalogue_of({contiguous("decoder.layers.10.mlp.router.weight", {2, 3}, 64),
                                       contiguous("decoder.final_layernorm.weight", {3}, 8)});
  const auto live = find_live(catalogue, "decoder.layers.", 10, "mlp.router.weight");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->key, "decoder.layers.10.mlp.router.weight");
  EXPECT_EQ(live->tensor.extents[0].offset, 64u);
  EXPECT_EQ(find_live(catalogue, "decoder.final_layernorm.weight")->tensor.shape, (Shape{3}));
  EXPECT_FALSE(find_live(catalogue, "decoder.layers.", 1, "mlp.router.weight"));
  EXPECT_FALSE(find_live(catalogue, "decoder.layers.", -1, "mlp.router.weight"));
  EXPECT_FALSE(find_live(catalogue, "output_layer.weight"));
}

TEST(TorchDistLive, FindsNothingBeyondTheLastLayer) {
  const auto catalogue = catalogue_of({contiguous("decoder.layers.a.weight", {3, 4}, 0)});
  EXPECT_TRUE(find_live(catalogue, "decoder.layers.", 2, "a.weight"));
  EXPECT_FALSE(find_live(catalogue, "decoder.layers.", 3, "a.weight"));
}

TEST(TorchDistLive, JoinsHalvesThatWereSavedApart) {
  const auto catalogue = catalogue_of({contiguous("decoder.layers.0.mlp.linear_fc1.weight_w", {3, 2}, 0),
                                       contiguous("decoder.layers.0.mlp.linear_fc1.weight_v", {3, 2}, 500)});
  const auto live = find_live(catalogue, "decoder.layers.", 0, "mlp.linear_fc1.weight");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->tensor.shape, (Shape{6, 2}));
  ASSERT_EQ(live->tensor.extents.size(), 2u);
  EXPECT_EQ(live->tensor.extents[1].box, (Box{{3, 0}, {3, 2}}));
  EXPECT_EQ(live->tensor.extents[1].offset, 500u);
}

TEST(TorchDistLive, CountsLayers) {
  EXPECT_EQ(count_layers(catalogue_of({contiguous("decoder.layers.a.weight", {3, 4}, 0),
                                        contiguous("decoder.layers.b.weight", {3}, 0),
                                        contiguous("mtp.layers.0.a.weight", {5}, 0)}),
                          "decoder.layers."),
            3);
  EXPECT_EQ(count_layers(catalogue_of({contiguous("decoder.layers.9.a.weight", {3}, 0),
                                        contiguous("decoder.layers.11.a.weight", {3}, 0)}),
                          "decoder.layers."),
            12);
  EXPECT_EQ(count_layers(catalogue_of({contiguous("output_layer.weight", {3}, 0)}), "decoder.layers."), std::nullopt);
}

TEST(TorchDistLive, CountsTheMostLayersWhereKindsAreStackedApart) {
  EXPECT_EQ(count_layers(catalogue_of({contiguous("decoder.layers.a.weight", {3, 4}, 0), contiguous("decoder.layers.b.weight", {2, 4}, 0)}),
                         "decoder.layers."),
            3);
}

TEST(TorchDistLive, FindsExpertsHoweverTheyAreJoined) {
  const auto fc2 = [](const char* prefix, std::int64_t layer, std::int64_t expert, const Catalogue& catalogue) {
    return find_live_expert(catalogue, prefix, layer, "mlp.experts.linear_fc2.weight", expert);
  };
  const auto both = catalogue_of({contiguous("decoder.layers.mlp.experts.experts.linear_fc2.weight", {3, 4, 5, 2}, 100)});
  const auto of_both = fc2("decoder.layers.", 2, 1, both);
  ASSERT_TRUE(of_both);
  EXPECT_EQ(of_both->key, "decoder.layers.mlp.experts.experts.linear_fc2.weight");
  EXPECT_EQ(of_both->joined, (Shape{3, 4}));
  EXPECT_EQ(of_both->tensor.name, "decoder.layers.2.mlp.experts.linear_fc2.weight1");
  EXPECT_EQ(of_both->tensor.shape, (Shape{5, 2}));
  EXPECT_EQ(of_both->tensor.extents.at(0).offset, 100u + (2 * 4 + 1) * 10 * 2);
  EXPECT_FALSE(fc2("decoder.layers.", 2, 4, both));
  EXPECT_FALSE(fc2("decoder.layers.", 3, 0, both));

  const auto experts = catalogue_of({contiguous("decoder.layers.2.mlp.experts.experts.linear_fc2.weight", {4, 5, 2}, 100)});
  EXPECT_EQ(fc2("decoder.layers.", 2, 3, experts)->tensor.extents.at(0).offset, 100u + 3 * 10 * 2);
  EXPECT_EQ(fc2("decoder.layers.", 2, 3, experts)->joined, (Shape{4}));

  const auto apart = catalogue_of({contiguous("decoder.layers.2.mlp.experts.experts.3.linear_fc2.weight", {5, 2}, 60)});
  EXPECT_EQ(fc2("decoder.layers.", 2, 3, apart)->tensor.extents.at(0).offset, 60u);
  EXPECT_EQ(fc2("decoder.layers.", 2, 3, apart)->joined, (Shape{}));
  EXPECT_FALSE(fc2("decoder.layers.", 2, 2, apart));
}

TEST(TorchDistLive, JoinsHalvesOfAnExpert) {
  const auto catalogue = catalogue_of({contiguous("decoder.layers.0.mlp.experts.experts.linear_fc1.weight_w", {2, 3, 2}, 0),
                                       contiguous("decoder.layers.0.mlp.experts.experts.linear_fc1.weight_v", {2, 3, 2}, 500)});
  const auto live = find_live_expert(catalogue, "decoder.layers.", 0, "mlp.experts.linear_fc1.weight", 1);
  ASSERT_TRUE(live);
  EXPECT_EQ(live->tensor.shape, (Shape{6, 2}));
  ASSERT_EQ(live->tensor.extents.size(), 2u);
  EXPECT_EQ(live->tensor.extents[0].offset, 12u);
  EXPECT_EQ(live->tensor.extents[1].offset, 512u);
  EXPECT_EQ(live->tensor.extents[1].box.offsets, (Shape{3, 0}));
}

}  // namespace
}  // namespace weighbridge
