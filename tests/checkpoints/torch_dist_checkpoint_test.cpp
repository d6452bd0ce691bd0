#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json/parse.hpp>
#include <set>

#include "checkpoints/megatron_checkpoint.hpp"
#include "checkpoints/megatron_document.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "checkpoints/torch_dist_layout.hpp"
#include "checkpoints/written_layout.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/safetensors.hpp"
#include "formats/torch_writer.hpp"

namespace weighbridge {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

// A checkpoint of one stacked weight of three layers, whose parts the tests damage.
class TorchDistCheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MegatronLayoutRequest request;
    for (std::int64_t i = 0; i < 3; ++i)
      request.parameters.push_back(
          {"decoder.layers.", i, 3, "mlp.linear_fc2.weight", DType::bf16, {4, 2}, false, ExtraState::empty});
    request.document = object(R"({"num_layers":3,"hidden_size":4,"num_attention_heads":2})");
    auto layout = lay_out_torch_dist(request);
    ASSERT_TRUE(layout) << layout.error().text();
    test::write_layout(*layout, folder_.path());
    auto parsed = parse_dcp_metadata(bytes(".metadata"), ".metadata");
    ASSERT_TRUE(parsed) << parsed.error().text();
    metadata_ = *parsed;
  }

  std::filesystem::path iteration() const { return folder_.path() / "iter_0000000"; }
  std::string bytes(const std::string& name) const { return *read_whole_file(iteration() / name, 1 << 20); }
  void write(const std::string& name, std::string_view content) const {
    folder_.write("iter_0000000/" + name, content);
  }
  void rewrite_metadata() {
    auto text = write_dcp_metadata(metadata_);
    ASSERT_TRUE(text) << text.error().text();
    write(".metadata", *text);
  }
  Result<MegatronCheckpoint> open(const OpenMegatron& options = {}) const {
    return MegatronCheckpoint::open({iteration(), 0}, options);
  }
  Error fault() const {
    auto checkpoint = open();
    EXPECT_FALSE(checkpoint);
    return checkpoint ? Error{} : checkpoint.error();
  }

  test::TemporaryFolder folder_;
  DcpMetadata metadata_;
};

TEST_F(TorchDistCheckpointTest, SortsKeysByWhatTheyAre) {
  const auto extra = metadata_.objects.at("common_state/shard_0_1");
  for (const auto* key : {"rng_state/shard_0.0_1.1", "rerun_state_machine_state/shard_0_1", "strange/shard_0_1",
                          "chained_0.optimizer.distributed.dp_group_idx_0.optimizer/shard_0_1"})
    metadata_.objects.emplace(key, extra);
  const auto weight = metadata_.tensors.at("decoder.layers.mlp.linear_fc2.weight");
  metadata_.tensors.emplace("optimizer.state.exp_avg.decoder.layers.mlp.linear_fc2.weight", weight);
  metadata_.tensors.emplace("chained_1.optimizer.state.param.x", weight);
  rewrite_metadata();
  auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->catalogue.tensors.size(), 1u);
  EXPECT_EQ(checkpoint->other.extra_states, 3);
  EXPECT_EQ(checkpoint->other.optimizer_tensors, 2);
  EXPECT_EQ(checkpoint->other.optimizer_objects, 1);
  EXPECT_EQ(checkpoint->other.random_states, 1);
  EXPECT_EQ(checkpoint->other.rerun_states, 1);
  EXPECT_THAT(checkpoint->other.unknown_objects, ElementsAre("strange/shard_0_1"));
}

TEST_F(TorchDistCheckpointTest, ReadsAnyTilingOfChunks) {
  // The middle layer's blob now counts as two chunks' data: same blob, so its shape is wrong for either.
  auto& tensor = metadata_.tensors.at("decoder.layers.mlp.linear_fc2.weight");
  const auto item = tensor.chunks[1].item;
  tensor.chunks[1] = {{{1, 0, 0}, {1, 2, 2}}, item};
  tensor.chunks.push_back({{{1, 2, 0}, {1, 2, 2}}, item});
  rewrite_metadata();
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_EQ(error.file, (iteration() / "__0_0.distcp").string());
  EXPECT_EQ(error.subject, "decoder.layers.mlp.linear_fc2.weight");
  EXPECT_THAT(error.problem, HasSubstr("holds a tensor of shape [1, 4, 2], .metadata says [1, 2, 2]"));
}

TEST_F(TorchDistCheckpointTest, RefusesAnObjectInTheTensorsPlace) {
  metadata_.tensors.at("decoder.layers.mlp.linear_fc2.weight").chunks[1].item =
      metadata_.objects.at("common_state/shard_0_1");
  rewrite_metadata();
  EXPECT_THAT(fault().problem, HasSubstr("not a tensor"));
}

TEST_F(TorchDistCheckpointTest, RefusesAlteredBlobsThoughTheyLookAlike) {
  // The pickle in the third chunk says [1, 2, 4] where the first two, read before, say [1, 4, 2].
  auto data = bytes("__0_0.distcp");
  const auto& item = metadata_.tensors.at("decoder.layers.mlp.linear_fc2.weight").chunks[2].item;
  const std::string sizes{"K\x01K\x04K\x02", 6};
  const auto at = data.find(sizes, item.offset);
  ASSERT_LT(at, item.offset + item.length);
  data[at + 3] = 2;
  data[at + 5] = 4;
  write("__0_0.distcp", data);
  EXPECT_EQ(fault().kind, Error::Kind::format);
  EXPECT_EQ(fault().subject, "decoder.layers.mlp.linear_fc2.weight");
}

TEST_F(TorchDistCheckpointTest, NotesATypeThatMetadataStatesDifferently) {
  metadata_.tensors.at("decoder.layers.mlp.linear_fc2.weight").dtype = DType::f32;
  rewrite_metadata();
  auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->catalogue.tensors.begin()->second.dtype, DType::bf16);
  EXPECT_THAT(checkpoint->notes, ElementsAre("decoder.layers.mlp.linear_fc2.weight is BF16 where .metadata says F32"));
}

TEST_F(TorchDistCheckpointTest, RefusesChunksOfDifferentTypes) {
  PickleArena arena;
  const std::array storages{StorageBytes{DType::f32, std::string(32, '\1')}};
  auto blob = write_torch_object(arena.tensor({DType::f32, {1, 4, 2}, {8, 2, 1}, 0, 0}), storages);
  ASSERT_TRUE(blob);
  write("other.distcp", *blob);
  metadata_.files.push_back("other.distcp");
  metadata_.tensors.at("decoder.layers.mlp.linear_fc2.weight").chunks[2].item = {1, 0, blob->size()};
  rewrite_metadata();
  EXPECT_EQ(fault().problem, "its chunks disagree about the type: BF16 and F32");
}

TEST_F(TorchDistCheckpointTest, FollowsStridesAndOffsetsInsideABlob) {
  PickleArena arena;
  const std::array storages{StorageBytes{DType::bf16, std::string(64, '\1')}};
  auto blob = write_torch_object(arena.tensor({DType::bf16, {1, 4, 2}, {8, 1, 4}, 5, 0}), storages);
  ASSERT_TRUE(blob);
  write("other.distcp", *blob);
  metadata_.files.push_back("other.distcp");
  metadata_.tensors.at("decoder.layers.mlp.linear_fc2.weight").chunks[2].item = {1, 0, blob->size()};
  rewrite_metadata();
  auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  const auto live = find_live(checkpoint->catalogue, "decoder.layers.", 2, "mlp.linear_fc2.weight");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->tensor.extents[0].file, 1u);
  EXPECT_EQ(live->tensor.extents[0].offset, blob->find(std::string(64, '\1')) + 10);
  EXPECT_EQ(live->tensor.extents[0].strides, (Shape{1, 4}));
}

TEST_F(TorchDistCheckpointTest, NamesAMissingOrShortDataFile) {
  auto data = bytes("__0_0.distcp");
  write("__0_0.distcp", data.substr(0, data.size() - 1));
  EXPECT_EQ(fault().file, (iteration() / "__0_0.distcp").string());
  std::filesystem::remove(iteration() / "__0_0.distcp");
  EXPECT_EQ(fault().kind, Error::Kind::io);
  EXPECT_EQ(fault().file, (iteration() / "__0_0.distcp").string());
}

TEST_F(TorchDistCheckpointTest, NamesBothPlacesOfAConfiguration) {
  std::filesystem::remove(iteration() / "run_config.yaml");
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_THAT(error.problem, HasSubstr("run_config.yaml"));
  EXPECT_THAT(error.problem, HasSubstr("no args in"));
  EXPECT_THAT(error.problem, HasSubstr("common.pt"));
  EXPECT_THAT(error.remedy, HasSubstr("--hf-model"));

  auto checkpoint = open({.configuration = false});
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->flavor, std::nullopt);
  EXPECT_THAT(checkpoint->document, IsEmpty());
}

// Whoever edits a path in the arguments of a finished checkpoint leaves the pickle's old checksum, and PyTorch reads on.
TEST_F(TorchDistCheckpointTest, TellsOfAChecksumThatPyTorchDoesNotLookAt) {
  auto common = bytes("common.pt");
  for (const auto& [signature, at] : {std::pair{"PK\x03\x04", 14}, {"PK\x01\x02", 16}}) {
    const auto record = common.find(signature);
    ASSERT_NE(record, std::string::npos);
    common.replace(record + static_cast<std::size_t>(at), 4, "\x78\x56\x34\x12");
  }
  write("common.pt", common);
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_THAT(checkpoint->notes, Contains(AllOf(HasSubstr("common.pt: the record 'common/data.pkl' has the checksum"),
                                                HasSubstr("instead of 12345678; PyTorch does not look at it"))));
}

TEST_F(TorchDistCheckpointTest, NeedsACommonState) {
  std::filesystem::remove(iteration() / "common.pt");
  ASSERT_TRUE(open());  // the object says the same
  metadata_.objects.erase("common_state/shard_0_1");
  rewrite_metadata();
  EXPECT_EQ(fault().subject, "common state");
  EXPECT_THAT(fault().problem, HasSubstr("neither common.pt nor the object common_state/shard_0_1"));
}

TEST_F(TorchDistCheckpointTest, RefusesForbiddenNamesInTheCommonState) {
  PickleArena arena;
  const std::array command{arena.text("true")};
  const std::array fields{PicklePair{arena.text("iteration"), arena.call(arena.global("os", "system"), command)}};
  auto common = write_torch_object(arena.dict(fields), {}, "common");
  ASSERT_TRUE(common);
  write("common.pt", *common);
  EXPECT_EQ(fault().file, (iteration() / "common.pt").string());
  EXPECT_THAT(fault().text(), HasSubstr("os"));
  EXPECT_THAT(fault().text(), HasSubstr("system"));
}

TEST_F(TorchDistCheckpointTest, ToleratesClassesThatNobodyKnows) {
  PickleArena arena;
  const std::array fields{
      PicklePair{arena.text("checkpoint_version"), arena.integer(3)},
      PicklePair{arena.text("rerun"), arena.enum_member("megatron.of_tomorrow", "Mode", arena.integer(1))}};
  auto common = write_torch_object(arena.dict(fields), {}, "common");
  ASSERT_TRUE(common);
  write("common.pt", *common);
  auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->checkpoint_version, 3.0);
  EXPECT_EQ(checkpoint->iteration, std::nullopt);
}

TEST_F(TorchDistCheckpointTest, NeedsATensor) {
  metadata_.tensors.clear();
  rewrite_metadata();
  EXPECT_EQ(fault().problem, "lists no tensor of a model");
}

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(__FILE__).parent_path().parent_path() / "golden" / name;
}

// Gathers a tensor through its extents, element by element.
std::string gathered(const Catalogue& catalogue, const StoredTensor& tensor) {
  const auto element = static_cast<std::size_t>(bits(tensor.dtype) / 8);
  std::string out(static_cast<std::size_t>(*byte_count(tensor.shape, tensor.dtype)), '\0');
  const auto target_strides = row_major_strides(tensor.shape);
  for (const auto& extent : tensor.extents) {
    auto file = InputFile::open(catalogue.files.at(extent.file));
    EXPECT_TRUE(file);
    const auto count = *element_count(extent.box.sizes);
    for (std::int64_t n = 0; n < count; ++n) {
      std::int64_t rest = n, source = 0, target = 0;
      for (auto axis = extent.box.sizes.size(); axis-- > 0;) {
        const auto i = rest % extent.box.sizes[axis];
        rest /= extent.box.sizes[axis];
        source += i * extent.strides[axis];
        target += (extent.box.offsets[axis] + i) * target_strides[axis];
      }
      auto value = file->read(extent.offset + static_cast<std::uint64_t>(source) * element, element);
      EXPECT_TRUE(value);
      out.replace(static_cast<std::size_t>(target) * element, element, *value);
    }
  }
  return out;
}

// What the real importer saved is found, parameter by parameter, as the real model held it in memory.
TEST(TorchDistGolden, GivesEveryLiveParameterOfTheRealModel) {
  for (const auto* name :
       {"llama3", "llama3-tied", "llama2-mha-fp16", "mistral", "qwen2", "qwen2-tied", "qwen3", "qwen3-tied"}) {
    SCOPED_TRACE(name);
    auto location = locate_megatron(golden(name) / "megatron");
    ASSERT_TRUE(location) << location.error().text();
    auto checkpoint = MegatronCheckpoint::open(*location);
    ASSERT_TRUE(checkpoint) << checkpoint.error().text();
    const auto expected_file = golden(name) / "expected/parameters.safetensors";
    auto file = InputFile::open(expected_file);
    ASSERT_TRUE(file) << file.error().text();
    auto expected = read_safetensors_header(*file);
    ASSERT_TRUE(expected) << expected.error().text();
    std::set<std::string> used;
    for (const auto& tensor : expected->tensors) {
      const std::string prefix = "decoder.layers.";
      const auto dot = tensor.name.find('.', prefix.size());
      const auto live = tensor.name.starts_with(prefix)
                            ? find_live(checkpoint->catalogue, prefix, std::stoll(tensor.name.substr(prefix.size())),
                                        tensor.name.substr(dot + 1))
                            : find_live(checkpoint->catalogue, tensor.name);
      ASSERT_TRUE(live) << tensor.name;
      used.insert(live->key);
      EXPECT_EQ(live->tensor.shape, tensor.shape) << tensor.name;
      EXPECT_EQ(live->tensor.dtype, tensor.dtype) << tensor.name;
      EXPECT_EQ(gathered(checkpoint->catalogue, live->tensor), *file->read(tensor.begin, tensor.end - tensor.begin))
          << tensor.name;
    }
    EXPECT_EQ(used.size(), checkpoint->catalogue.tensors.size());
  }
}

TEST(TorchDistGolden, GivesTheDocumentOfTheRealModel) {
  auto checkpoint = MegatronCheckpoint::open({golden("llama3") / "megatron/iter_0000000", 0});
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  const auto& document = checkpoint->document;
  EXPECT_EQ(document.at("num_layers"), 2);
  EXPECT_EQ(document.at("hidden_size"), 16);
  EXPECT_EQ(document.at("vocab_size"), 40);
  EXPECT_EQ(document.at("activation_func"), "silu");
  EXPECT_EQ(document.at("params_dtype"), "bfloat16");
  EXPECT_EQ(document.at("rope_scaling"), true);
  EXPECT_EQ(document.at("share_embeddings_and_output_weights"), false);
  EXPECT_EQ(document.at("_target_"), boost::json::value(std::string(kDefaultProvider)));
  EXPECT_FALSE(per_layer_keys(document));
  EXPECT_EQ(checkpoint->checkpoint_version, 3.0);
  EXPECT_EQ(checkpoint->iteration, 0);
}

}  // namespace
}  // namespace weighbridge
