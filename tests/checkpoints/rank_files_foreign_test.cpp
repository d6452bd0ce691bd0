// Rank files that other programs and older releases write, made by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "checkpoints/megatron_checkpoint.hpp"
#include "checkpoints/rank_files_reader.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "formats/torch_writer.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;

// A rank file under construction.
class HandMade {
 public:
  PickleArena arena;
  std::vector<PicklePair> root, args, model;

  HandMade() {
    argument("num_layers", 2).argument("hidden_size", 4).argument("num_attention_heads", 2);
    put("checkpoint_version", arena.real(3.0)).put("iteration", arena.integer(7));
  }
  HandMade& argument(std::string_view name, std::int64_t value) {
    args.emplace_back(arena.text(name), arena.integer(value));
    return *this;
  }
  HandMade& put(std::string_view name, PickleValue value) {
    std::erase_if(root, [&](const PicklePair& pair) { return pair.first.text() == name; });
    root.emplace_back(arena.text(name), value);
    return *this;
  }
  HandMade& tensor(std::string_view name, Shape shape, DType dtype = DType::bf16) {
    const auto bytes = static_cast<std::size_t>(*byte_count(shape, dtype));
    storages_.push_back({dtype, std::string(bytes, 'w')});
    model.emplace_back(arena.text(name), arena.tensor({dtype, shape, row_major_strides(shape), 0, static_cast<std::uint32_t>(storages_.size() - 1)}));
    return *this;
  }
  void write(const test::TemporaryFolder& folder, const std::string& rank, bool with_args = true) {
    auto all = root;
    if (with_args) all.emplace_back(arena.text("args"), arena.argparse_namespace(args));
    if (!model.empty()) all.emplace_back(arena.text("model"), arena.ordered_dict(model));
    auto bytes = write_torch_object(arena.dict(all), storages_, "model_optim_rng");
    if (!bytes) throw std::runtime_error(bytes.error().text());
    folder.write("iter_0000007/" + rank + "/model_optim_rng.pt", *bytes);
  }

 private:
  std::vector<StorageBytes> storages_;
};

class ForeignRankFiles : public ::testing::Test {
 protected:
  std::string path(const std::string& rank) const { return (folder / ("iter_0000007/" + rank + "/model_optim_rng.pt")).string(); }
  Result<MegatronCheckpoint> open(bool configuration = true) const { return MegatronCheckpoint::open({folder / "iter_0000007", 7, MegatronStorage::torch}, {configuration}); }
  Error fault(bool configuration = true) const {
    const auto checkpoint = open(configuration);
    EXPECT_FALSE(checkpoint);
    return checkpoint ? Error{} : checkpoint.error();
  }
  std::vector<std::string> keys(bool configuration = true) const {
    const auto checkpoint = open(configuration);
    if (!checkpoint) return {checkpoint.error().text()};
    std::vector<std::string> names;
    for (const auto& [key, tensor] : checkpoint->catalogue.tensors) names.push_back(key);
    return names;
  }
  test::TemporaryFolder folder;
};

TEST_F(ForeignRankFiles, WrappersBeforeNamesAreTakenOff) {
  HandMade file;
  file.tensor("module.module.embedding.word_embeddings.weight", {8, 4}).tensor("module.decoder.final_layernorm.weight", {4});
  file.write(folder, "mp_rank_00");
  EXPECT_THAT(keys(), ElementsAre("mp_rank_00/model.decoder.final_layernorm.weight", "mp_rank_00/model.embedding.word_embeddings.weight"));
}

TEST_F(ForeignRankFiles, ExtraStatesAndBuffersThatWereNeverSetAreNoTensors) {
  HandMade file;
  file.tensor("decoder.final_layernorm.weight", {4}).tensor("decoder.final_layernorm._extra_state", {3}, DType::u8);
  file.model.emplace_back(file.arena.text("output_layer._extra_state"), file.arena.none());
  file.model.emplace_back(file.arena.text("decoder.layers.0.mlp.router.local_tokens_per_expert"), file.arena.none());
  file.write(folder, "mp_rank_00");
  EXPECT_THAT(keys(), ElementsAre("mp_rank_00/model.decoder.final_layernorm.weight"));
  EXPECT_EQ(open()->other.extra_states, 2);
}

// A convolution that is still a module.
TEST_F(ForeignRankFiles, AConvolutionOfAnOlderReleaseIsFound) {
  HandMade file;
  file.tensor("decoder.layers.0.mixer.conv1d.weight", {4, 1, 3});
  file.write(folder, "mp_rank_00");
  LiveParameter part{"decoder.layers.", 0, 2, "mixer.conv1d.weight.x", DType::bf16, {4, 1, 3}};
  part.cut = Cut{0, {4}};
  std::set<std::string> used;
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  const auto whole = assemble(*checkpoint, {part}, used);
  ASSERT_TRUE(whole) << whole.error().text();
  ASSERT_TRUE((*whole)[0]);
  EXPECT_THAT(used, ElementsAre("mp_rank_00/model.decoder.layers.0.mixer.conv1d.weight"));
}

TEST_F(ForeignRankFiles, TrainingStateIsCounted) {
  HandMade file;
  file.tensor("decoder.final_layernorm.weight", {4});
  const auto moment = file.model.back().second;
  const std::array state{PicklePair{file.arena.text("exp_avg"), moment}, PicklePair{file.arena.text("exp_avg_sq"), moment}};
  file.put("optimizer", file.arena.dict(state)).put("opt_param_scheduler", file.arena.dict({})).put("rng_state", file.arena.list({}));
  file.write(folder, "mp_rank_00");
  folder.write("iter_0000007/mp_rank_00/distrib_optim.pt", "any");
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->other.optimizer_tensors, 2);
  EXPECT_EQ(checkpoint->other.optimizer_objects, 3);
  EXPECT_EQ(checkpoint->other.random_states, 1);
  EXPECT_TRUE(checkpoint->other.of_training());
}

TEST_F(ForeignRankFiles, RowsInTheOrderOfBeforeVersion2AreRefused) {
  HandMade file;
  file.tensor("decoder.final_layernorm.weight", {4});
  file.put("checkpoint_version", file.arena.integer(1));
  file.write(folder, "mp_rank_00");
  auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::unsupported);
  EXPECT_EQ(error.file, path("mp_rank_00"));
  EXPECT_EQ(error.subject, "checkpoint_version");
  EXPECT_EQ(error.problem, "is 1; before 2.0 query, key and value rows lay in another order");
  EXPECT_EQ(error.remedy, "Load it with Megatron-LM and save it again");
  std::erase_if(file.root, [](const PicklePair& pair) { return pair.first.text() == "checkpoint_version"; });  // as before 2020
  file.write(folder, "mp_rank_00");
  EXPECT_EQ(fault().problem, "is 0; before 2.0 query, key and value rows lay in another order");
}

TEST_F(ForeignRankFiles, NestedDictsOfBeforeMegatronCoreAreRefused) {
  HandMade file;
  const std::array inner{PicklePair{file.arena.text("embedding"), file.arena.dict({})}};
  file.model.emplace_back(file.arena.text("language_model"), file.arena.dict(inner));
  file.write(folder, "mp_rank_00");
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::unsupported);
  EXPECT_EQ(error.file, path("mp_rank_00"));
  EXPECT_EQ(error.subject, "language_model");
  EXPECT_EQ(error.problem, "is a dict within the state dict: names of before Megatron-Core");
  EXPECT_EQ(error.remedy, "Load it with Megatron-LM of its time and save it as Megatron-Core model");
}

TEST_F(ForeignRankFiles, AFileWithoutAModelIsNamed) {
  HandMade file;
  file.write(folder, "mp_rank_00");
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_EQ(error.file, path("mp_rank_00"));
  EXPECT_EQ(error.problem, "is missing, and so is model0");
  EXPECT_EQ(error.remedy, "Give a checkpoint that was saved with its weights");
}

TEST_F(ForeignRankFiles, AFileThatIsNoArchiveIsNamed) {
  folder.write("iter_0000007/mp_rank_00/model_optim_rng.pt", "no archive");
  EXPECT_EQ(fault().kind, Error::Kind::format);
  EXPECT_EQ(fault().file, path("mp_rank_00"));
}

TEST_F(ForeignRankFiles, WithoutArgumentsTheConfigurationIsAskedFor) {
  HandMade file;
  file.tensor("decoder.final_layernorm.weight", {4});
  file.write(folder, "mp_rank_00", false);
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.file, path("mp_rank_00"));
  EXPECT_EQ(error.subject, "args");
  EXPECT_EQ(error.remedy, "Give --hf-model: its config.json takes the place of the configuration");
}

// Then names of folders and their contents must say the layout: a second number is a stage where not all hold an embedding.
TEST_F(ForeignRankFiles, WithoutArgumentsTheFilesSayTheLayout) {
  HandMade first, second;
  first.tensor("embedding.word_embeddings.weight", {8, 4}).tensor("decoder.layers.0.mlp.linear_fc2.weight", {4, 4});
  second.tensor("decoder.layers.0.mlp.linear_fc2.weight", {4, 4});
  first.write(folder, "mp_rank_00_000", false);
  second.write(folder, "mp_rank_00_001", false);
  auto checkpoint = open(false);
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->ranks->layout.pipeline, 2);
  EXPECT_EQ(checkpoint->ranks->layout.expert, 1);
  first.write(folder, "mp_rank_00_001", false);
  checkpoint = open(false);
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->ranks->layout.pipeline, 1);
  EXPECT_EQ(checkpoint->ranks->layout.expert, 2);
}

TEST_F(ForeignRankFiles, FilesWithAndWithoutArgumentsDoNotGoTogether) {
  HandMade first, second;
  first.argument("tensor_model_parallel_size", 2).tensor("decoder.final_layernorm.weight", {4}).write(folder, "mp_rank_00");
  second.tensor("decoder.final_layernorm.weight", {4}).write(folder, "mp_rank_01", false);
  EXPECT_EQ(fault().file, path("mp_rank_01"));
  EXPECT_EQ(fault().subject, "args");
}

class SharesThatDisagree : public ForeignRankFiles {
 protected:
  void SetUp() override {
    for (auto* file : {&first, &second}) file->argument("tensor_model_parallel_size", 2).tensor("decoder.final_layernorm.weight", {4});
    first.tensor("decoder.layers.0.mlp.linear_fc2.weight", {4, 2}).write(folder, "mp_rank_00");
  }
  Error assembled() {
    second.write(folder, "mp_rank_01");
    const auto checkpoint = open();
    if (!checkpoint) return checkpoint.error();
    LiveParameter parameter{"decoder.layers.", 0, 2, "mlp.linear_fc2.weight", DType::bf16, {4, 4}};
    parameter.cut = Cut{1, {4}};
    std::set<std::string> used;
    const auto whole = assemble(*checkpoint, {parameter}, used);
    return whole ? Error{} : whole.error();
  }
  HandMade first, second;
};

TEST_F(SharesThatDisagree, AboutTheType) {
  second.tensor("decoder.layers.0.mlp.linear_fc2.weight", {4, 2}, DType::f16);
  const auto error = assembled();
  EXPECT_EQ(error.file, path("mp_rank_01"));
  EXPECT_EQ(error.subject, "tensor model.decoder.layers.0.mlp.linear_fc2.weight");
  EXPECT_EQ(error.problem, "is F16 where the first rank has BF16");
}

TEST_F(SharesThatDisagree, AboutTheShape) {
  second.tensor("decoder.layers.0.mlp.linear_fc2.weight", {4, 3});
  EXPECT_EQ(assembled().file, path("mp_rank_01"));
  EXPECT_EQ(assembled().problem, "has the shape [4, 3]; the layout makes it [4, 2]");
}

TEST_F(SharesThatDisagree, AboutTheName) {
  const auto error = assembled();
  EXPECT_EQ(error.file, path("mp_rank_01"));
  EXPECT_EQ(error.subject, "tensor decoder.layers.0.mlp.linear_fc2.weight");
  EXPECT_EQ(error.problem, "is missing, but mp_rank_00 has it");
  EXPECT_EQ(error.remedy, "Take a complete copy of the checkpoint");
}

}  // namespace
}  // namespace weighbridge
