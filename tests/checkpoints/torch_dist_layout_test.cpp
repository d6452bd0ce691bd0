#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <set>

#include "checkpoints/megatron_checkpoint.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "checkpoints/torch_dist_layout.hpp"
#include "checkpoints/written_layout.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/torch_object.hpp"

namespace weighbridge {
namespace {

using test::coded_bytes;
using test::write_layout;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

LiveParameter layer(std::int64_t number, std::string rest, Shape shape) {
  return {"decoder.layers.", number, 2, std::move(rest), DType::bf16, std::move(shape), false, ExtraState::empty};
}

// A model of two layers; parameter i's bytes are coded_bytes(i).
MegatronLayoutRequest two_layers() {
  MegatronLayoutRequest request;
  request.parameters = {
      {"", 0, 0, "embedding.word_embeddings.weight", DType::bf16, {8, 4}, true, ExtraState::absent},
      layer(0, "self_attention.linear_qkv.layer_norm_weight", {4}),
      layer(0, "self_attention.linear_qkv.weight", {6, 4}),
      layer(1, "self_attention.linear_qkv.layer_norm_weight", {4}),
      layer(1, "self_attention.linear_qkv.weight", {6, 4}),
      {"", 0, 0, "decoder.final_layernorm.weight", DType::bf16, {4}, false, ExtraState::empty},
      {"", 0, 0, "output_layer.weight", DType::bf16, {8, 4}, true, ExtraState::none},
  };
  request.document = object(R"({"num_layers":2,"hidden_size":4,"num_attention_heads":2,"vocab_size":7,
    "activation_func":"silu","gated_linear_unit":true,"params_dtype":"bfloat16","layernorm_epsilon":1e-6})");
  return request;
}

class TorchDistLayoutTest : public ::testing::Test {
 protected:
  MegatronLayout laid_out(const MegatronLayoutRequest& request) {
    auto layout = lay_out_torch_dist(request);
    if (!layout) throw std::runtime_error(layout.error().text());
    write_layout(*layout, root());
    return *std::move(layout);
  }
  std::filesystem::path root() const { return folder_.path(); }
  std::string text(const std::string& name) const {
    auto bytes = read_whole_file(root() / name, 1 << 20);
    return bytes ? *bytes : bytes.error().text();
  }
  DcpMetadata metadata(const std::string& iteration = "iter_0000000") const {
    auto parsed = parse_dcp_metadata(text(iteration + "/.metadata"), ".metadata");
    return parsed ? *parsed : throw std::runtime_error(parsed.error().text());
  }
  MegatronCheckpoint opened() const {
    auto location = locate_megatron(root());
    if (!location) throw std::runtime_error(location.error().text());
    auto checkpoint = MegatronCheckpoint::open(*location);
    return checkpoint ? *std::move(checkpoint) : throw std::runtime_error(checkpoint.error().text());
  }

  test::TemporaryFolder folder_;
};

std::vector<std::string> names(const MegatronLayout& layout) {
  std::vector<std::string> names;
  for (const auto& file : layout.files) names.push_back(file.path.string());
  return names;
}

std::string bytes_of(const Catalogue& catalogue, const LiveTensor& live) {
  EXPECT_EQ(live.tensor.extents.size(), 1u);
  const auto& extent = live.tensor.extents.at(0);
  auto file = InputFile::open(catalogue.files.at(extent.file));
  EXPECT_TRUE(file);
  return *file->read(extent.offset, static_cast<std::uint64_t>(*byte_count(live.tensor.shape, live.tensor.dtype)));
}

TEST_F(TorchDistLayoutTest, OfBridgeHasItsFiles) {
  auto request = two_layers();
  request.iteration = 12;
  const auto layout = laid_out(request);
  EXPECT_THAT(names(layout),
              ElementsAre("iter_0000012/__0_0.distcp", "iter_0000012/.metadata", "iter_0000012/common.pt",
                          "iter_0000012/metadata.json", "iter_0000012/run_config.yaml", "iter_0000012/train_state.pt",
                          "latest_train_state.pt", "latest_checkpointed_iteration.txt"));
  EXPECT_EQ(layout.tokenizer, "iter_0000012/tokenizer");
  EXPECT_THAT(layout.flags, IsEmpty());
  EXPECT_EQ(text("latest_checkpointed_iteration.txt"), "12");
  EXPECT_EQ(text("iter_0000012/metadata.json"),
            R"({"sharded_backend": "torch_dist", "sharded_backend_version": 1, "common_backend": "torch", )"
            R"("common_backend_version": 1})");
  EXPECT_EQ(text("latest_train_state.pt"), text("iter_0000012/train_state.pt"));
  EXPECT_THAT(text("iter_0000012/run_config.yaml"), HasSubstr("\n  num_layers: 2\n"));
  EXPECT_EQ(locate_megatron(root())->iteration, 12);
}

TEST_F(TorchDistLayoutTest, StacksLayersUnderOneKey) {
  laid_out(two_layers());
  const auto found = metadata();
  std::set<std::string> keys;
  for (const auto& [key, tensor] : found.tensors) keys.insert(key);
  EXPECT_THAT(
      keys, ElementsAre("decoder.final_layernorm.weight", "decoder.layers.self_attention.linear_qkv.layer_norm_weight",
                        "decoder.layers.self_attention.linear_qkv.weight", "embedding.word_embeddings.weight",
                        "output_layer.weight"));
  const auto& stacked = found.tensors.at("decoder.layers.self_attention.linear_qkv.weight");
  EXPECT_EQ(stacked.shape, (Shape{2, 6, 4}));
  ASSERT_EQ(stacked.chunks.size(), 2u);
  EXPECT_EQ(stacked.chunks[0].box, (Box{{0, 0, 0}, {1, 6, 4}}));
  EXPECT_EQ(stacked.chunks[1].box, (Box{{1, 0, 0}, {1, 6, 4}}));
}

TEST_F(TorchDistLayoutTest, KeepsOneBlobForAllExtraStatesOfAKind) {
  laid_out(two_layers());
  const auto objects = metadata().objects;
  std::set<std::string> keys;
  for (const auto& [key, item] : objects) keys.insert(key);
  EXPECT_THAT(keys, ElementsAre("common_state/shard_0_1", "decoder.final_layernorm._extra_state/shard_0_1",
                                "decoder.layers.self_attention.linear_qkv._extra_state/shard_0_2",
                                "decoder.layers.self_attention.linear_qkv._extra_state/shard_1_2",
                                "output_layer._extra_state/shard_0_1"));
  const auto& empty = objects.at("decoder.final_layernorm._extra_state/shard_0_1");
  EXPECT_EQ(objects.at("decoder.layers.self_attention.linear_qkv._extra_state/shard_0_2"), empty);
  EXPECT_EQ(objects.at("decoder.layers.self_attention.linear_qkv._extra_state/shard_1_2"), empty);
  const auto& none = objects.at("output_layer._extra_state/shard_0_1");
  EXPECT_NE(none, empty);

  auto file = InputFile::open(root() / "iter_0000000/__0_0.distcp");
  ASSERT_TRUE(file);
  auto state = read_torch_object(*file, empty.offset, empty.length);
  ASSERT_TRUE(state) << state.error().text();
  ASSERT_EQ(state->root().size(), 1u);
  ASSERT_TRUE(state->root().items()[0].tensor());
  EXPECT_EQ(state->root().items()[0].tensor()->shape, (Shape{0}));
  EXPECT_EQ(state->root().items()[0].tensor()->dtype, DType::u8);
  auto nothing = read_torch_object(*file, none.offset, none.length);
  ASSERT_TRUE(nothing) << nothing.error().text();
  ASSERT_EQ(nothing->root().size(), 1u);
  EXPECT_TRUE(nothing->root().items()[0].is_none());
}

TEST_F(TorchDistLayoutTest, PutsEveryParameterWhereReadersLookForIt) {
  const auto request = two_layers();
  const auto layout = laid_out(request);
  ASSERT_EQ(layout.boxes.size(), request.parameters.size());
  const auto checkpoint = opened();
  EXPECT_EQ(checkpoint.flavor, MegatronFlavor::bridge);
  EXPECT_EQ(checkpoint.iteration, 0);
  EXPECT_EQ(checkpoint.checkpoint_version, 3.0);
  EXPECT_EQ(checkpoint.content_metadata,
            object(R"({"singleton_local_shards":false,"chained_optim_avoid_prefix":true})"));
  EXPECT_EQ(checkpoint.other.extra_states, 4);
  EXPECT_THAT(checkpoint.other.unknown_objects, IsEmpty());
  for (std::size_t i = 0; i < request.parameters.size(); ++i) {
    const auto& parameter = request.parameters[i];
    const auto live = parameter.prefix.empty()
                          ? find_live(checkpoint.catalogue, parameter.rest)
                          : find_live(checkpoint.catalogue, parameter.prefix, parameter.layer, parameter.rest);
    ASSERT_TRUE(live) << parameter.rest;
    EXPECT_EQ(live->tensor.shape, parameter.shape);
    EXPECT_EQ(live->tensor.dtype, DType::bf16);
    const auto& target = layout.tensors[layout.boxes[i].tensor];
    EXPECT_EQ(live->tensor.extents[0].offset, target.offset);
    EXPECT_EQ(target.padded, parameter.padded);
    EXPECT_EQ(bytes_of(checkpoint.catalogue, *live), coded_bytes(layout.boxes[i].tensor, target.bytes));
  }
  for (const auto& [name, value] : request.document) EXPECT_EQ(checkpoint.document.at(name), value) << name;
  EXPECT_EQ(count_layers(checkpoint.catalogue, "decoder.layers."), 2);
}

TEST_F(TorchDistLayoutTest, WritesKeysOfEachLayerWhereTheModelAsksForThem) {
  auto request = two_layers();
  request.document["moe_layer_freq"] = boost::json::parse("[0,1]");
  request.parameters[2].shape = {5, 4};  // layers may differ then
  laid_out(request);
  const auto found = metadata();
  EXPECT_EQ(found.tensors.at("decoder.layers.0.self_attention.linear_qkv.weight").shape, (Shape{5, 4}));
  EXPECT_EQ(found.tensors.at("decoder.layers.1.self_attention.linear_qkv.weight").shape, (Shape{6, 4}));
  EXPECT_TRUE(found.objects.contains("decoder.layers.1.self_attention.linear_qkv._extra_state/shard_0_1"));
  EXPECT_EQ(opened().content_metadata.at("non_homogeneous_layers"), true);
}

TEST_F(TorchDistLayoutTest, CanBeForcedToKeysOfEachLayer) {
  auto request = two_layers();
  request.per_layer = true;
  laid_out(request);
  EXPECT_TRUE(metadata().tensors.contains("decoder.layers.1.self_attention.linear_qkv.weight"));
  EXPECT_EQ(opened().content_metadata.at("non_homogeneous_layers"), true);
}

TEST_F(TorchDistLayoutTest, NeverStacksPredictionLayers) {
  auto request = two_layers();
  request.parameters.push_back({"mtp.layers.", 0, 1, "enorm.weight", DType::bf16, {4}, false, ExtraState::empty});
  laid_out(request);
  EXPECT_EQ(metadata().tensors.at("mtp.layers.0.enorm.weight").shape, (Shape{4}));
  EXPECT_TRUE(metadata().objects.contains("mtp.layers.0.enorm._extra_state/shard_0_1"));
}

TEST_F(TorchDistLayoutTest, KeepsExtraStatesOfModulesWithoutAParameterOfTheirName) {
  auto request = two_layers();
  request.per_layer = true;
  request.parameters.push_back({"decoder.layers.", 1, 2, "mixer.in_proj.weight.z", DType::bf16, {4}, false, ExtraState::absent});
  request.modules = {{"decoder.layers.", 1, 2, "mixer.in_proj", ExtraState::empty}, {"", 0, 0, "head", ExtraState::none}};
  laid_out(request);
  const auto objects = metadata().objects;
  EXPECT_EQ(objects.at("decoder.layers.1.mixer.in_proj._extra_state/shard_0_1"), objects.at("decoder.final_layernorm._extra_state/shard_0_1"));
  EXPECT_EQ(objects.at("head._extra_state/shard_0_1"), objects.at("output_layer._extra_state/shard_0_1"));
  EXPECT_FALSE(objects.contains("decoder.layers.1.mixer.in_proj.weight._extra_state/shard_0_1"));
}

TEST_F(TorchDistLayoutTest, StacksEvenASingleLayer) {
  auto request = two_layers();
  request.parameters = {
      {"decoder.layers.", 0, 1, "mlp.linear_fc2.weight", DType::f32, {2, 3}, false, ExtraState::empty}};
  laid_out(request);
  EXPECT_EQ(metadata().tensors.at("decoder.layers.mlp.linear_fc2.weight").shape, (Shape{1, 2, 3}));
}

TEST_F(TorchDistLayoutTest, SplitsFilesBySize) {
  auto request = two_layers();
  request.max_file_bytes = 1;
  const auto layout = laid_out(request);
  EXPECT_EQ(layout.files[0].path, "iter_0000000/__0_0.distcp");
  EXPECT_EQ(layout.files[6].path, "iter_0000000/__0_6.distcp");
  EXPECT_EQ(layout.files[7].path, "iter_0000000/.metadata");
  const auto checkpoint = opened();
  EXPECT_EQ(checkpoint.catalogue.files.size(), 7u);
  const auto live = find_live(checkpoint.catalogue, "output_layer.weight");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->tensor.extents[0].file, 6u);
  EXPECT_EQ(bytes_of(checkpoint.catalogue, *live), coded_bytes(6, 64));
}

TEST_F(TorchDistLayoutTest, PutsLargeChunksWhereTheyLieWithinAPageOfTheSource) {
  auto request = two_layers();
  for (const std::size_t large : {0, 6}) request.parameters[large].shape = {1 << 18, 4};
  request.parameters[0].page_offset = 1000;
  request.parameters[1].page_offset = 24;  // too small to matter
  request.parameters[6].page_offset = 0;
  const auto plain = laid_out(two_layers());
  const auto layout = laid_out(request);
  EXPECT_EQ(layout.tensors[0].offset % 4096, 1000u);
  EXPECT_EQ(layout.tensors[1].offset - layout.tensors[0].offset - (2 << 20), plain.tensors[1].offset - plain.tensors[0].offset - 64);
  EXPECT_EQ(layout.tensors[6].offset % 4096, 0u);
  const auto checkpoint = opened();
  for (const std::size_t i : {0, 1, 6}) {
    const auto& parameter = request.parameters[i];
    const auto live = parameter.prefix.empty() ? find_live(checkpoint.catalogue, parameter.rest)
                                               : find_live(checkpoint.catalogue, parameter.prefix, parameter.layer, parameter.rest);
    ASSERT_TRUE(live) << i;
    EXPECT_EQ(live->tensor.extents[0].offset, layout.tensors[i].offset);
    EXPECT_EQ(bytes_of(checkpoint.catalogue, *live), coded_bytes(i, layout.tensors[i].bytes));
  }
}

TEST_F(TorchDistLayoutTest, OfMegatronLmHoldsArguments) {
  auto request = two_layers();
  request.flavor = MegatronFlavor::megatron_lm;
  request.parameters.pop_back();
  const auto layout = laid_out(request);
  EXPECT_THAT(names(layout),
              ElementsAre("iter_0000000/__0_0.distcp", "iter_0000000/.metadata", "iter_0000000/common.pt",
                          "iter_0000000/metadata.json", "latest_checkpointed_iteration.txt"));
  EXPECT_EQ(layout.tokenizer, "");
  EXPECT_THAT(layout.flags, ElementsAre("--norm-epsilon 1e-06", "--tokenizer-type NullTokenizer --vocab-size 7"));
  auto file = InputFile::open(root() / "iter_0000000/common.pt");
  ASSERT_TRUE(file);
  auto common = read_torch_object(*file, TorchOptions{PickleGlobals::megatron(), 1 << 20});
  ASSERT_TRUE(common) << common.error().text();
  EXPECT_EQ(common->root().find("args")->find("padded_vocab_size")->integer(), 8);
  const auto checkpoint = opened();
  EXPECT_EQ(checkpoint.flavor, MegatronFlavor::megatron_lm);
  for (const auto& [name, value] : request.document) EXPECT_EQ(checkpoint.document.at(name), value) << name;

  std::filesystem::remove(root() / "iter_0000000/common.pt");  // the object common_state says the same
  EXPECT_EQ(opened().document, checkpoint.document);
}

TEST_F(TorchDistLayoutTest, IsTheSameForTheSameRequest) {
  const auto a = lay_out_torch_dist(two_layers());
  const auto b = lay_out_torch_dist(two_layers());
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a->literals.size(), b->literals.size());
  for (std::size_t i = 0; i < a->literals.size(); ++i) EXPECT_EQ(a->literals[i].bytes, b->literals[i].bytes);
}

Error fault(const MegatronLayoutRequest& request) {
  auto layout = lay_out_torch_dist(request);
  EXPECT_FALSE(layout);
  return layout ? Error{} : layout.error();
}

TEST_F(TorchDistLayoutTest, NamesLayersThatDoNotFit) {
  auto request = two_layers();
  request.parameters.erase(request.parameters.begin() + 4);
  EXPECT_EQ(fault(request).subject, "decoder.layers.self_attention.linear_qkv.weight");
  EXPECT_EQ(fault(request).problem, "layer 1 is missing");
  EXPECT_EQ(fault(request).kind, Error::Kind::mismatch);

  request = two_layers();
  request.parameters.erase(request.parameters.begin() + 2);
  EXPECT_EQ(fault(request).problem, "layer 0 is missing");

  request = two_layers();
  request.parameters.push_back(request.parameters[4]);
  EXPECT_THAT(fault(request).problem, HasSubstr("given twice"));

  request = two_layers();
  request.parameters.push_back(request.parameters[0]);
  EXPECT_EQ(fault(request).subject, "embedding.word_embeddings.weight");
  EXPECT_THAT(fault(request).problem, HasSubstr("given twice"));

  request = two_layers();
  request.parameters[4].shape = {7, 4};
  EXPECT_EQ(fault(request).subject, "decoder.layers.1.self_attention.linear_qkv.weight");
  EXPECT_EQ(fault(request).problem, "is BF16 [2, 7, 4], but other layers or experts make it BF16 [2, 6, 4]");

  request = two_layers();
  request.parameters[4].dtype = DType::f16;
  EXPECT_THAT(fault(request).problem, HasSubstr("is F16"));

  request = two_layers();
  request.parameters[4].layer = 2;
  EXPECT_EQ(fault(request).problem, "its layer lies outside of the stack of 2");
}

TEST_F(TorchDistLayoutTest, RefusesWhatCannotBeWritten) {
  auto request = two_layers();
  request.iteration = -1;
  EXPECT_EQ(fault(request).subject, "iteration");

  request = two_layers();
  request.parameters[0].shape = {std::int64_t{1} << 40, std::int64_t{1} << 40};
  EXPECT_EQ(fault(request).subject, "embedding.word_embeddings.weight");
}

TEST_F(TorchDistLayoutTest, JoinsExpertsBehindLayers) {
  MegatronLayoutRequest request = two_layers();
  for (std::int64_t number = 0; number < 2; ++number)
    for (std::int64_t expert = 0; expert < 3; ++expert) {
      auto parameter = layer(number, "mlp.experts.linear_fc1.weight", {4, 2});
      parameter.expert = expert;
      parameter.experts = 3;
      request.parameters.push_back(std::move(parameter));
    }
  const auto layout = laid_out(request);
  EXPECT_EQ(layout.tensors[layout.boxes.back().tensor].name, "decoder.layers.1.mlp.experts.linear_fc1.weight2");
  auto found = metadata();
  const auto& joined = found.tensors.at("decoder.layers.mlp.experts.experts.linear_fc1.weight");
  EXPECT_EQ(joined.shape, (Shape{2, 3, 4, 2}));
  ASSERT_EQ(joined.chunks.size(), 6u);
  EXPECT_EQ(joined.chunks[4].box, (Box{{1, 1, 0, 0}, {1, 1, 4, 2}}));
  EXPECT_TRUE(found.objects.contains("decoder.layers.mlp.experts.experts.linear_fc1._extra_state/shard_1.2_2.3"));

  request.per_layer = true;
  laid_out(request);
  found = metadata();
  EXPECT_EQ(found.tensors.at("decoder.layers.1.mlp.experts.experts.linear_fc1.weight").shape, (Shape{3, 4, 2}));
  EXPECT_TRUE(found.objects.contains("decoder.layers.1.mlp.experts.experts.linear_fc1._extra_state/shard_2_3"));
}

TEST_F(TorchDistLayoutTest, NamesTheExpertThatIsMissing) {
  MegatronLayoutRequest request;
  request.document = two_layers().document;
  for (const auto& [number, expert] : {std::pair{0, 0}, {0, 1}, {1, 1}}) {
    auto parameter = layer(number, "mlp.experts.linear_fc1.weight", {4, 2});
    parameter.expert = expert;
    parameter.experts = 2;
    request.parameters.push_back(std::move(parameter));
  }
  const auto layout = lay_out_torch_dist(request);
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().subject, "decoder.layers.mlp.experts.experts.linear_fc1.weight");
  EXPECT_EQ(layout.error().problem, "expert 0 of layer 1 is missing");
}

}  // namespace
}  // namespace weighbridge
