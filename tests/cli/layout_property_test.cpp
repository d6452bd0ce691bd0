// Whatever layout a checkpoint has: ranks hold what Megatron's modules would, and the way back gives every byte of the source.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <set>

#include "cli/drawn_layout.hpp"
#include "cli/naive_slices.hpp"
#include "cli/program_run.hpp"
#include "formats/torch_object.hpp"

namespace weighbridge {
namespace {

using test::Draws;
using test::DrawnLayout;
using test::files_of;
using test::golden;
using test::run_weighbridge;
using test::TemporaryFolder;

using Words = std::vector<std::string>;

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{golden("")})
    if (std::filesystem::exists(entry.path() / "hf")) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

class LayoutProperty : public testing::TestWithParam<std::string> {
 protected:
  // Runs the command into `target` with layouts that are drawn until the model divides into one.
  std::optional<DrawnLayout> run_with_a_layout(const Words& command, const std::filesystem::path& target, bool rank_files) {
    for (int draw = 0; draw < 100; ++draw) {
      const auto layout = draws.layout(rank_files);
      auto words = command;
      words.push_back("--no-progress");
      for (const auto& word : layout.words()) words.push_back(word);
      const auto ran = run_weighbridge(words);
      if (ran.code == 0) return layout;
      EXPECT_FALSE(std::filesystem::exists(target)) << "left behind by a refused run";
      const bool does_not_divide = ran.code == 2 && std::regex_search(ran.err, std::regex{"does not divide|does not go together|Give numbers that leave|need more than one"});
      const bool ambiguous = ran.code == 1 && ran.err.find("two ranks would write") != std::string::npos;
      if (!does_not_divide && !ambiguous) {
        ADD_FAILURE() << layout.text() << "\n" << ran.err;
        return {};
      }
    }
    ADD_FAILURE() << "no layout was accepted";
    return {};
  }
  bool gated(std::string_view name) const { return GetParam() != "nemotron" && GetParam() != "nemotron3" && GetParam() != "starcoder2" && !name.starts_with("vision_model."); }

  void expect_the_shares_in(const std::filesystem::path& megatron, const DrawnLayout& layout) const;
  void expect_the_shares_of(const std::filesystem::path& file, const std::string& folder, const DrawnLayout& layout, const DrawnLayout::Rank& rank, int stage,
                            test::WholeModel& model) const;
  void expect_the_source_from(const std::filesystem::path& megatron) const;

  const std::filesystem::path source = golden(GetParam() + "/hf");
  const std::string whole = golden(GetParam() + "/expected/parameters.safetensors");
  TemporaryFolder folder;
  Draws draws{GetParam(), test::WholeModel{whole}.experts() > 0};
};

void LayoutProperty::expect_the_shares_of(const std::filesystem::path& path, const std::string& rank_folder, const DrawnLayout& layout,
                                          const DrawnLayout::Rank& rank, int stage, test::WholeModel& model) const {
  const auto file = InputFile::open(path);
  ASSERT_TRUE(file) << file.error().text();
  const auto object = read_torch_object(*file, TorchOptions{PickleGlobals::megatron(), 1 << 26});
  ASSERT_TRUE(object) << object.error().text();
  const auto bytes = test::content(path);
  const auto stack = model.backbone() + "decoder.layers.";
  const auto layers = model.layers(stack);
  for (int chunk = 0; chunk < std::max(layout.vpp, 1); ++chunk) {
    const auto state = object->root().find(layout.vpp > 1 ? "model" + std::to_string(chunk) : "model");
    ASSERT_TRUE(state) << rank_folder;
    for (std::size_t i = 0; i + 1 < state->items().size(); i += 2) {
      std::string name{*state->items()[i].text()};
      if (name.ends_with("_extra_state")) continue;
      const auto* tensor = state->items()[i + 1].tensor();
      ASSERT_TRUE(tensor) << rank_folder << " " << name;
      SCOPED_TRACE(rank_folder + " chunk " + std::to_string(chunk) + " " + name);
      if (name.starts_with(stack)) {  // numbers of layers count from the chunk's first
        const auto behind = name.substr(stack.size());
        name = stack + std::to_string(std::stoi(behind) + layout.first_layer(stage, chunk, layers)) + behind.substr(behind.find('.'));
      }
      std::optional<int> expert;
      if (std::smatch match; std::regex_match(name, match, std::regex{R"((.*\.mlp\.experts\.linear_fc[12]\.(weight|bias))(\d+))"})) {
        expert = rank.expert * (model.experts() / layout.ep) + std::stoi(match[3]);
        name = match[1];
      }
      const auto ranks = expert ? layout.expert_tensor() : layout.tp;
      const auto expected = model.share(name, expert, expert ? rank.expert_tensor : rank.tensor, ranks, gated(name), tensor->shape.at(0) * layout.tp);
      ASSERT_TRUE(expected) << "the model has no such parameter";
      EXPECT_EQ(tensor->shape, expected->shape);
      EXPECT_EQ(tensor->dtype, expected->dtype);
      EXPECT_EQ(tensor->strides, row_major_strides(tensor->shape));
      EXPECT_TRUE(bytes.substr(object->offset_of(*tensor), expected->bytes.size()) == expected->bytes) << "other bytes";
    }
  }
}

void LayoutProperty::expect_the_shares_in(const std::filesystem::path& megatron, const DrawnLayout& layout) const {
  const bool head_norms_dealt = GetParam().starts_with("minimax") || GetParam() == "olmo2" || GetParam() == "olmo3";
  test::WholeModel model{whole, head_norms_dealt};
  std::set<std::string> expected;
  for (const auto& rank : layout.writing_ranks())
    for (int stage = 0; stage < layout.pp; ++stage) {
      auto name = fmt::format("mp_rank_{:02}", rank.tensor);
      if (layout.pp > 1) name += fmt::format("_{:03}", stage);
      if (layout.ep > 1) name += fmt::format("_{:03}", rank.expert);
      if (!expected.insert(name).second) continue;
      expect_the_shares_of(megatron / "iter_0000000" / name / "model_optim_rng.pt", name, layout, rank, stage, model);
      if (HasFatalFailure()) return;
    }
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{megatron / "iter_0000000"})
    if (const auto name = entry.path().filename().string(); name.starts_with("mp_rank_")) found.insert(name);
  EXPECT_EQ(found, expected);
  EXPECT_THAT(model.unasked(), testing::IsEmpty());
}

void LayoutProperty::expect_the_source_from(const std::filesystem::path& megatron) const {
  Words words{"export", "--megatron-path", megatron, "--hf-path", folder / "hf", "--hf-model", source, "--no-progress"};
  if (test::content(source / "config.json").find("\"quantization_config\"") != std::string::npos) words.insert(words.end(), {"--quantize", "reference"});
  const auto ran = run_weighbridge(words);
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto expected = files_of(source), actual = files_of(folder / "hf");
  int weights = 0;
  for (const auto& [name, bytes] : expected) {
    ASSERT_TRUE(actual.contains(name)) << name;
    EXPECT_TRUE(actual.at(name) == bytes) << name << " has other bytes";
    weights += name.ends_with(".safetensors");
  }
  EXPECT_EQ(actual.size(), expected.size());
  EXPECT_GE(weights, 1);
}

// From the source into one layout, from there into another of the other format, and back.
TEST_P(LayoutProperty, KeepsEveryElementInItsPlace) {
  for (const bool rank_files_first : {true, false}) {
    const auto a = run_with_a_layout({"import", "--hf-model", source, "--megatron-path", folder / "a"}, folder / "a", rank_files_first);
    ASSERT_TRUE(a);
    SCOPED_TRACE("first " + a->text());
    Words reshard{"reshard", "--load", folder / "a", "--save", folder / "b"};
    if (!rank_files_first) {  // a checkpoint that was not imported, and so has nothing of its source beside it
      ASSERT_GT(std::filesystem::remove_all(folder / "a/iter_0000000/hugging_face"), 0u);
      reshard.insert(reshard.end(), {"--hf-model", source});
    }
    const auto b = run_with_a_layout(reshard, folder / "b", !rank_files_first);
    ASSERT_TRUE(b);
    SCOPED_TRACE("then " + b->text());
    for (const auto& [name, layout] : {std::pair{"a", *a}, {"b", *b}})
      if (layout.rank_files) {
        ASSERT_NO_FATAL_FAILURE(expect_the_shares_in(folder / name, layout));
      }
    ASSERT_NO_FATAL_FAILURE(expect_the_source_from(folder / "b"));
    for (const char* name : {"a", "b", "hf"}) std::filesystem::remove_all(folder / name);
  }
}

TEST(LayoutPropertyCases, AreAllThere) { EXPECT_GE(cases().size(), 29u); }

INSTANTIATE_TEST_SUITE_P(Cases, LayoutProperty, testing::ValuesIn(cases()), [](const testing::TestParamInfo<std::string>& tested) {
  std::string name = tested.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace weighbridge
