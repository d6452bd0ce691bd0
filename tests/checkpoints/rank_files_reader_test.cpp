// Rank files read back into whole parameters, and what is said of those that do not fit together.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "checkpoints/megatron_checkpoint.hpp"
#include "checkpoints/rank_files_model.hpp"
#include "checkpoints/rank_files_reader.hpp"
#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using test::elements;
using test::Numbers;
using test::SmallModel;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RankFilesReaderTest : public ::testing::Test {
 protected:
  fs::path iteration() const { return folder / "iter_0000005"; }
  fs::path file(const std::string& rank) const { return iteration() / rank / "model_optim_rng.pt"; }
  Result<MegatronCheckpoint> open(const OpenMegatron& options = {}) const {
    const auto location = locate_megatron(folder.path());
    if (!location) return location.error();
    return MegatronCheckpoint::open(*location, options);
  }
  Error fault(const OpenMegatron& options = {}) const {
    const auto checkpoint = open(options);
    EXPECT_FALSE(checkpoint);
    return checkpoint ? Error{} : checkpoint.error();
  }
  // Puts one rank file of another model of the same layout among those written.
  void mix_in(SmallModel& other, const std::string& rank) const {
    const test::TemporaryFolder elsewhere;
    other.request.layout = model.request.layout;
    const auto iteration_folder = "iter_000000" + std::to_string(other.request.iteration);
    other.write(elsewhere.path());
    fs::copy_file(elsewhere / iteration_folder / rank / "model_optim_rng.pt", file(rank), fs::copy_options::overwrite_existing);
  }
  // All parameters of the model, as their numbers.
  static std::vector<Numbers> contents(const MegatronCheckpoint& checkpoint, const std::vector<std::optional<StoredTensor>>& whole) {
    std::vector<Numbers> all;
    for (const auto& tensor : whole) {
      Numbers numbers(tensor ? static_cast<std::size_t>(*element_count(tensor->shape)) : 0, 0);
      const auto strides = tensor ? row_major_strides(tensor->shape) : Shape{};
      for (const auto& extent : tensor ? tensor->extents : std::vector<Extent>{}) {
        auto stream = std::ifstream{checkpoint.catalogue.files.at(extent.file), std::ios::binary};
        for (std::int64_t i = 0; i < *element_count(extent.box.sizes); ++i) {
          const auto at = coordinates_of(i, extent.box.sizes);
          std::int64_t source = 0, target = 0;
          for (std::size_t axis = 0; axis < at.size(); ++axis) {
            source += at[axis] * extent.strides[axis];
            target += (extent.box.offsets[axis] + at[axis]) * strides[axis];
          }
          stream.seekg(static_cast<std::streamoff>(extent.offset) + 2 * source);
          const auto low = stream.get(), high = stream.get();
          EXPECT_EQ(numbers.at(static_cast<std::size_t>(target)), 0) << "given twice";
          numbers.at(static_cast<std::size_t>(target)) = low + 256 * high;
        }
      }
      all.push_back(std::move(numbers));
    }
    return all;
  }
  // Every parameter must come back, of every tensor in the files something must be said.
  void expect_the_whole_model() const {
    const auto checkpoint = open();
    ASSERT_TRUE(checkpoint) << checkpoint.error().text();
    std::set<std::string> used;
    const auto whole = assemble(*checkpoint, model.request.parameters, used);
    ASSERT_TRUE(whole) << whole.error().text();
    ASSERT_EQ(whole->size(), model.request.parameters.size());
    const auto found = contents(*checkpoint, *whole);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto& parameter = model.request.parameters[i];
      EXPECT_EQ(found[i], elements(i, 0, static_cast<int>(*element_count(parameter.shape)))) << parameter.rest << " " << i;
      EXPECT_EQ((*whole)[i] ? (*whole)[i]->shape : Shape{}, parameter.shape) << parameter.rest;
    }
    for (const auto& [key, tensor] : checkpoint->catalogue.tensors)
      if (!key.ends_with("output_layer.weight") && !key.ends_with("embedding.word_embeddings.weight")) {
        EXPECT_TRUE(used.contains(key)) << key;
      }
  }

  test::TemporaryFolder folder;
  SmallModel model;
};

TEST_F(RankFilesReaderTest, EveryLayoutGivesTheWholeModelBack) {
  const std::tuple<int, int, int, std::optional<std::int64_t>, std::optional<std::int64_t>, const char*> layouts[] = {
      {1, 1, 1, {}, {}, ""}, {2, 1, 1, {}, {}, ""}, {1, 2, 1, {}, {}, ""}, {1, 1, 4, {}, {}, ""},      {2, 2, 2, {}, {}, ""},
      {2, 1, 2, 1, {}, ""},  {1, 2, 1, {}, 2, ""},  {2, 2, 4, 1, 2, ""},   {1, 4, 1, {}, {}, "Ett|tt|m|L"}, {2, 2, 1, {}, {}, "Et|tt|t|mL"}};
  for (const auto& [tensor, pipeline, expert, expert_tensor, chunks, stages] : layouts) {
    SCOPED_TRACE(testing::Message() << "tp " << tensor << " pp " << pipeline << " ep " << expert << " " << stages);
    fs::remove_all(iteration());
    model = SmallModel{};
    model.laid(tensor, pipeline, expert);
    model.request.layout.expert_tensor = expert_tensor;
    model.request.layout.virtual_pipeline = chunks;
    model.request.layout.stages = stages;
    model.write(folder.path());
    expect_the_whole_model();
  }
}

TEST_F(RankFilesReaderTest, SayWhatTheyAre) {
  model.laid(2, 2, 2).write(folder.path());
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  EXPECT_EQ(checkpoint->flavor, MegatronFlavor::megatron_lm);
  EXPECT_EQ(checkpoint->iteration, 5);
  EXPECT_EQ(checkpoint->checkpoint_version, 3.0);
  EXPECT_FALSE(checkpoint->other.of_training());
  ASSERT_TRUE(checkpoint->ranks);
  EXPECT_EQ(checkpoint->ranks->layout.tensor, 2);
  EXPECT_EQ(checkpoint->ranks->layout.pipeline, 2);
  EXPECT_EQ(checkpoint->ranks->layout.expert, 2);
  EXPECT_EQ(checkpoint->ranks->ranks.size(), 4u);
  EXPECT_EQ(checkpoint->document.at("num_layers"), 4);
  const auto key = "mp_rank_01_001_000/model.decoder.layers.1.mlp.linear_fc2.weight";
  ASSERT_TRUE(checkpoint->catalogue.tensors.contains(key));
  EXPECT_EQ(checkpoint->catalogue.tensors.find(key)->second.shape, (Shape{4, 2}));
}

TEST_F(RankFilesReaderTest, NamesOfTheLocalSpecAreUnderstood) {
  model.request.spec = ModuleSpec::local;
  model.laid(2, 2, 2).write(folder.path());
  expect_the_whole_model();
}

TEST_F(RankFilesReaderTest, AVocabularyMayHaveMoreRowsThanTheModel) {
  model.laid(2, 1, 1).write(folder.path());
  auto& embedding = model.request.parameters[SmallModel::embedding];
  embedding.shape = {7, 4};
  embedding.cut = Cut{0, {7}};
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  std::set<std::string> used;
  const auto whole = assemble(*checkpoint, {embedding}, used);
  ASSERT_TRUE(whole) << whole.error().text();
  EXPECT_EQ((*whole)[0]->shape, (Shape{8, 4}));
  EXPECT_EQ(contents(*checkpoint, *whole)[0], elements(SmallModel::embedding, 0, 32));
}

TEST_F(RankFilesReaderTest, WhatNoFileHoldsIsNothing) {
  model.laid(2, 1, 1).write(folder.path());
  auto absent = model.request.parameters[SmallModel::proj];
  absent.rest = "self_attention.linear_proj.bias";
  auto beyond = model.request.parameters[SmallModel::proj];
  beyond.layer = 4;
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  std::set<std::string> used;
  const auto whole = assemble(*checkpoint, {absent, beyond}, used);
  ASSERT_TRUE(whole) << whole.error().text();
  EXPECT_FALSE((*whole)[0]);
  EXPECT_FALSE((*whole)[1]);
  EXPECT_THAT(used, IsEmpty());
}

TEST_F(RankFilesReaderTest, AMissingFileIsNamed) {
  model.laid(2, 2, 1).write(folder.path());
  fs::remove_all(file("mp_rank_01_000").parent_path());
  auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::io);
  EXPECT_EQ(error.file, file("mp_rank_01_000").string());
  EXPECT_EQ(error.problem, "is missing: the other rank files need it");
  EXPECT_EQ(error.remedy, "Copy the rank files that are missing");
  fs::create_directories(file("mp_rank_01_000").parent_path());  // an empty folder is no file
  error = fault();
  EXPECT_EQ(error.kind, Error::Kind::io);
  EXPECT_EQ(error.file, file("mp_rank_01_000").string());
}

TEST_F(RankFilesReaderTest, ASizeThatArgumentsContradictIsNamed) {
  model.laid(2, 2, 1).write(folder.path());
  fs::remove_all(file("mp_rank_01_000").parent_path());
  fs::remove_all(file("mp_rank_01_001").parent_path());
  auto error = fault();
  EXPECT_EQ(error.file, iteration().string());
  EXPECT_EQ(error.problem, "are of 1 tensor-parallel ranks, but args say 2");
  EXPECT_EQ(error.remedy, "Copy the rank files that are missing");
  model.write(folder.path());
  fs::remove_all(file("mp_rank_00_001").parent_path());
  fs::remove_all(file("mp_rank_01_001").parent_path());
  EXPECT_EQ(fault().problem, "are of 1 pipeline ranks, but args say 2");
  fs::remove_all(iteration());
  model.laid(1, 1, 1).write(folder.path());
  fs::create_directories(file("mp_rank_01").parent_path());
  fs::copy_file(file("mp_rank_00"), file("mp_rank_01"));
  error = fault();
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_EQ(error.problem, "are of 2 tensor-parallel ranks, but args say 1");
}

TEST_F(RankFilesReaderTest, FoldersOfTwoLayoutsAreNamed) {
  model.laid(2, 1, 1).write(folder.path());
  model.laid(1, 2, 1).write(folder.path());
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_THAT(error.problem, HasSubstr("another layout"));
  EXPECT_EQ(error.remedy, "Keep one checkpoint a folder");
}

TEST_F(RankFilesReaderTest, AnotherIterationIsNamed) {
  model.laid(2, 1, 1).write(folder.path());
  SmallModel other;
  other.request.iteration = 6;
  mix_in(other, "mp_rank_01");
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.file, file("mp_rank_01").string());
  EXPECT_EQ(error.subject, "iteration");
  EXPECT_EQ(error.problem, "is 6, but " + file("mp_rank_00").string() + " says 5");
  EXPECT_EQ(error.remedy, "Copy the rank files of one iteration");
}

TEST_F(RankFilesReaderTest, ArgumentsThatDisagreeAreNamed) {
  model.laid(2, 1, 1).write(folder.path());
  SmallModel other;
  other.request.document["layernorm_epsilon"] = 1e-5;
  mix_in(other, "mp_rank_01");
  const auto error = fault();
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.file, file("mp_rank_01").string());
  EXPECT_EQ(error.subject, "args");
  EXPECT_EQ(error.problem, "disagree with those of " + file("mp_rank_00").string() + " about layernorm_epsilon");
  EXPECT_EQ(error.remedy, "Copy the rank files of one checkpoint");
}

// Arguments that say the layout of another job are no other model, but the sizes betray them.
TEST_F(RankFilesReaderTest, AShareOfAnotherShapeIsNamed) {
  model.laid(2, 1, 1).write(folder.path());
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  const auto assembled = [&](const LiveParameter& parameter) {
    std::set<std::string> used;
    const auto whole = assemble(*checkpoint, {parameter}, used);
    EXPECT_FALSE(whole);
    return whole ? Error{} : whole.error();
  };
  auto narrow = model.request.parameters[SmallModel::proj];
  narrow.shape = {4, 8};
  narrow.cut = Cut{1, {8}};
  auto error = assembled(narrow);
  EXPECT_EQ(error.kind, Error::Kind::mismatch);
  EXPECT_EQ(error.file, file("mp_rank_00").string());
  EXPECT_EQ(error.subject, "tensor model.decoder.layers.0.self_attention.linear_proj.weight");
  EXPECT_EQ(error.problem, "has the shape [4, 2]; the layout makes it [4, 4]");
  EXPECT_EQ(error.remedy, "Check the configuration of the checkpoint, or the reference given as --hf-model, against the weights");
  auto odd = model.request.parameters[SmallModel::proj];
  odd.shape = {4, 5};
  odd.cut = Cut{1, {5}};
  error = assembled(odd);
  EXPECT_EQ(error.problem, "is of 2 ranks, which do not divide the parameter's [4, 5]");
}

TEST_F(RankFilesReaderTest, ExpertsThatDoNotDivideAreNamed) {
  model.laid(1, 1, 4).write(folder.path());
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  auto expert = model.request.parameters[SmallModel::up];
  expert.experts = 6;
  std::set<std::string> used;
  const auto whole = assemble(*checkpoint, {expert}, used);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().problem, "of 4 expert-parallel ranks cannot share 6 experts");
}

}  // namespace
}  // namespace weighbridge
