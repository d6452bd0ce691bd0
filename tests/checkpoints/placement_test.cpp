#include "checkpoints/placement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

#include "checkpoints/model_placement.hpp"

namespace weighbridge {
namespace {

using ::testing::HasSubstr;

boost::json::object layers(std::int64_t count) { return {{"num_layers", count}}; }
boost::json::object predicting(std::int64_t count, std::int64_t further) { return {{"num_layers", count}, {"mtp_num_layers", further}}; }
boost::json::object hybrid(std::string_view pattern) { return {{"num_layers", 99}, {"hybrid_layer_pattern", pattern}}; }  // the pattern counts

ParallelLayout stages(std::int64_t pipeline, std::optional<std::int64_t> chunks = {}) {
  ParallelLayout layout;
  layout.pipeline = pipeline;
  layout.virtual_pipeline = chunks;
  return layout;
}
ParallelLayout counting(ParallelLayout layout, bool embedding, bool loss) {
  layout.embedding_counts = embedding;
  layout.loss_counts = loss;
  return layout;
}
ParallelLayout ends(ParallelLayout layout, std::optional<std::int64_t> first, std::optional<std::int64_t> last) {
  layout.first_stage = first;
  layout.last_stage = last;
  return layout;
}
ParallelLayout written(ParallelLayout layout, std::string text) {
  layout.stages = std::move(text);
  return layout;
}

// The layers of every chunk, a line a stage: "[0 1][4 5] / [2 3][6 7]". Checks that places count from 0 within a chunk.
std::string spread(const Placement& placement) {
  std::map<Cell, std::string> cells;
  std::map<Cell, std::int64_t> count;
  for (std::int64_t number = 0; number < placement.layers(); ++number) {
    const auto [cell, layer] = placement.layer(number);
    EXPECT_EQ(layer, count[cell]++) << "of layer " << number;
    cells[cell] += (cells[cell].empty() ? "" : " ") + std::to_string(number);
  }
  std::string text;
  for (std::int64_t stage = 0; stage < placement.stages(); ++stage) {
    text += stage > 0 ? " / " : "";
    for (std::int64_t chunk = 0; chunk < placement.chunks(); ++chunk) text += "[" + cells[{stage, chunk}] + "]";
  }
  return text;
}
std::string dealt(const ParallelLayout& layout, const boost::json::object& model) {
  const auto placement = Placement::of(layout, model);
  return placement ? spread(*placement) : placement.error().text();
}

TEST(Placement, DealsTheSameNumberToEveryStage) {
  EXPECT_EQ(dealt(stages(1), layers(3)), "[0 1 2]");
  EXPECT_EQ(dealt(stages(2), layers(4)), "[0 1] / [2 3]");
  EXPECT_EQ(dealt(stages(4), layers(4)), "[0] / [1] / [2] / [3]");
  EXPECT_EQ(dealt(stages(2, 1), layers(4)), "[0 1] / [2 3]");
}

TEST(Placement, DealsRoundAfterRoundToVirtualStages) {
  EXPECT_EQ(dealt(stages(2, 2), layers(8)), "[0 1][4 5] / [2 3][6 7]");
  EXPECT_EQ(dealt(stages(2, 4), layers(8)), "[0][2][4][6] / [1][3][5][7]");
  EXPECT_EQ(dealt(stages(3, 2), layers(6)), "[0][3] / [1][4] / [2][5]");
}

TEST(Placement, CountsTheEmbeddingAndTheLossAsLayers) {
  EXPECT_EQ(dealt(counting(stages(2), true, false), layers(7)), "[0 1 2] / [3 4 5 6]");
  EXPECT_EQ(dealt(counting(stages(2), false, true), layers(7)), "[0 1 2 3] / [4 5 6]");
  EXPECT_EQ(dealt(counting(stages(2), true, true), layers(6)), "[0 1 2] / [3 4 5]");
  EXPECT_EQ(dealt(counting(stages(2, 2), true, false), layers(7)), "[0][3 4] / [1 2][5 6]");
  EXPECT_EQ(dealt(counting(stages(2, 2), true, true), layers(6)), "[0][3 4] / [1 2][5]");
  EXPECT_EQ(dealt(counting(stages(4), true, true), layers(2)), "[] / [0] / [1] / []");
}

TEST(Placement, GivesTheEndsNumbersOfTheirOwn) {
  EXPECT_EQ(dealt(ends(stages(3), 1, 2), layers(7)), "[0] / [1 2 3 4] / [5 6]");
  EXPECT_EQ(dealt(ends(stages(3), 1, {}), layers(7)), "[0] / [1 2 3] / [4 5 6]");
  EXPECT_EQ(dealt(ends(stages(3), {}, 1), layers(7)), "[0 1 2] / [3 4 5] / [6]");
  EXPECT_EQ(dealt(ends(stages(2), 3, 2), layers(5)), "[0 1 2] / [3 4]");
  EXPECT_EQ(dealt(ends(stages(2), 0, {}), layers(3)), "[] / [0 1 2]");
}

// F 2, Z 4, the two between 4 each: half of it in either round.
TEST(Placement, GivesTheEndsNumbersOfTheirOwnInEveryRound) {
  EXPECT_EQ(dealt(ends(stages(4, 2), 2, 4), layers(14)), "[0][7] / [1 2][8 9] / [3 4][10 11] / [5 6][12 13]");
  EXPECT_EQ(dealt(ends(stages(2, 2), 4, {}), layers(6)), "[0 1][3 4] / [2][5]");
}

TEST(Placement, FollowsAWrittenLayout) {
  EXPECT_EQ(dealt(written(stages(2), "Ett|tL"), layers(3)), "[0 1] / [2]");
  EXPECT_EQ(dealt(written(stages(4), "E|t*3|t,t|L"), layers(5)), "[] / [0 1 2] / [3 4] / []");
  EXPECT_EQ(dealt(written(stages(2, 2), "Et|tt|t|ttL"), layers(6)), "[0][3] / [1 2][4 5]");
  EXPECT_EQ(dealt(written(stages(3), "E(t|)*2ttL"), layers(4)), "[0] / [1] / [2 3]");
  EXPECT_EQ(dealt(written(stages(2, 2), "E||t*2|L"), layers(2)), "[][0 1] / [][]");
  EXPECT_EQ(dealt(written(stages(4), "Et|*3tL"), layers(2)), "[0] / [] / [] / [1]");
  EXPECT_EQ(dealt(written(stages(1), "Et*12L"), layers(12)), "[0 1 2 3 4 5 6 7 8 9 10 11]");
  EXPECT_EQ(dealt(written(stages(2), "E tt | t L"), layers(3)), "[0 1] / [2]");
}

TEST(Placement, TakesTheChunksOfAWrittenLayoutThatNobodyCounted) {
  EXPECT_EQ(dealt(written(stages(2), "Et|tt|t|ttL"), layers(6)), "[0][3] / [1 2][4 5]");
}

// The example of Megatron's own documentation: 32 cells.
TEST(Placement, PutsPredictionLayersWhereTheLayoutSays) {
  const auto placement = Placement::of(written(stages(16, 2), "Et*3|(tt|)*29,m|L"), predicting(61, 1));
  ASSERT_TRUE(placement) << placement.error().text();
  EXPECT_EQ(placement->layers(), 61);
  EXPECT_EQ(placement->stages(), 16);
  EXPECT_EQ(placement->chunks(), 2);
  EXPECT_EQ(placement->embedding(), (Cell{0, 0}));
  EXPECT_EQ(placement->layer(2).cell, (Cell{0, 0}));
  EXPECT_EQ(placement->layer(3).cell, (Cell{1, 0}));
  EXPECT_EQ(placement->layer(32).cell, (Cell{15, 0}));
  EXPECT_EQ(placement->layer(33).cell, (Cell{0, 1}));
  EXPECT_EQ(placement->layer(60).cell, (Cell{13, 1}));
  EXPECT_EQ(placement->layer(60).layer, 1);
  EXPECT_EQ(placement->prediction(), (Cell{14, 1}));
  EXPECT_EQ(placement->output(), (Cell{15, 1}));
}

TEST(Placement, PutsPredictionLayersLastByDefault) {
  const auto by_numbers = Placement::of(stages(2, 2), predicting(4, 1));
  ASSERT_TRUE(by_numbers) << by_numbers.error().text();
  EXPECT_EQ(by_numbers->prediction(), (Cell{1, 1}));
  EXPECT_EQ(by_numbers->output(), (Cell{1, 1}));
  const auto written_out = Placement::of(written(stages(2), "Ett|mmL"), predicting(2, 2));
  ASSERT_TRUE(written_out) << written_out.error().text();
  EXPECT_EQ(written_out->prediction(), (Cell{1, 0}));
}

TEST(Placement, FollowsTheSegmentsOfAHybridPattern) {
  EXPECT_EQ(dealt(stages(2), hybrid("M*-|M-")), "[0 1 2] / [3 4]");
  EXPECT_EQ(dealt(stages(2, 2), hybrid("M|*-|ME|M")), "[0][3 4] / [1 2][5]");
  EXPECT_EQ(dealt(stages(3), hybrid("M||M*")), "[0] / [] / [1 2]");
}

TEST(Placement, DealsAHybridPatternWithoutSegmentsByNumbers) {
  EXPECT_EQ(dealt(stages(2), hybrid("M*-M")), "[0 1] / [2 3]");
  EXPECT_EQ(dealt(ends(stages(3), 1, {}), hybrid("M*-M-")), "[0] / [1 2] / [3 4]");
  EXPECT_EQ(dealt(stages(1), hybrid("M*-")), "[0 1 2]");
}

// Behind the first slash a pattern names the layers of the prediction, which no stage's count includes.
TEST(Placement, DoesNotCountPredictionLayersOfAHybridPattern) {
  EXPECT_EQ(dealt(stages(2), hybrid("M*-M/*E/*E")), "[0 1] / [2 3]");
  EXPECT_EQ(dealt(stages(2), hybrid("M*|-/*E")), "[0 1] / [2]");
}

Error refusal(const ParallelLayout& layout, const boost::json::object& model) {
  const auto placement = Placement::of(layout, model);
  EXPECT_FALSE(placement) << spread(*placement);
  if (placement) return {};
  EXPECT_EQ(placement.error().kind, Error::Kind::usage);
  return placement.error();
}

TEST(Placement, SaysWhichSizesDivideTheLayers) {
  auto error = refusal(stages(4), layers(30));
  EXPECT_EQ(error.subject, "--pp");
  EXPECT_EQ(error.problem, "4 does not divide the 30 layers of the model");
  EXPECT_THAT(error.remedy, HasSubstr("Sizes that do: 1, 2, 3, 5, 6, 10, 15, 30; or give --decoder-first-pipeline-num-layers"));
  error = refusal(counting(stages(4), true, true), layers(4));
  EXPECT_EQ(error.problem, "4 does not divide the 6 layers of the model, embedding and loss counted");
  EXPECT_THAT(error.remedy, HasSubstr("Sizes that do: 1, 2, 3, 6;"));
  error = refusal(stages(2, 4), layers(12));
  EXPECT_EQ(error.subject, "--vpp");
  EXPECT_EQ(error.problem, "4 does not divide the 6 layers of a stage");
  EXPECT_EQ(error.remedy, "Sizes that do: 1, 2, 3, 6");
  error = refusal(ends(stages(2, 2), 3, {}), layers(5));
  EXPECT_EQ(error.subject, "--vpp");
  EXPECT_EQ(error.problem, "2 does not divide the 3 layers of stage 0");
  EXPECT_EQ(error.remedy, "Sizes that do: 1, 3");
}

TEST(Placement, RefusesEndsThatLeaveNoEqualRest) {
  EXPECT_EQ(refusal(ends(stages(4), 1, 2), layers(8)).problem, "1 and 2 of 8 layers leave 5 for 2 stages");
  EXPECT_EQ(refusal(ends(stages(2), 1, 2), layers(4)).problem, "1 and 2 of 4 layers leave 1 for 0 stages");
  EXPECT_EQ(refusal(ends(stages(2), 9, {}), layers(4)).problem, "9 and 0 of 4 layers leave -5 for 1 stages");
  EXPECT_EQ(refusal(ends(stages(1), 1, {}), layers(4)).problem, "need more than one pipeline stage");
  EXPECT_THAT(refusal(counting(ends(stages(2), 1, {}), true, false), layers(4)).problem, HasSubstr("counting the embedding or the loss"));
}

TEST(Placement, RefusesSizesThatCannotBe) {
  EXPECT_EQ(refusal(stages(1, 2), layers(4)).problem, "needs more than one pipeline stage");
  EXPECT_EQ(refusal(stages(0), layers(4)).problem, "0 stages of 1 chunks cannot be");
  EXPECT_EQ(refusal(stages(1 << 12, 1 << 12), layers(4)).subject, "--pp");
}

TEST(Placement, RefusesLayoutsThatContradictThemselvesOrTheModel) {
  const auto problem = [](const char* text, const boost::json::object& model, std::int64_t pipeline = 2, std::optional<std::int64_t> chunks = {}) {
    const auto error = refusal(written(stages(pipeline, chunks), text), model);
    EXPECT_EQ(error.subject, "--pipeline-model-parallel-layout");
    return error.problem;
  };
  EXPECT_EQ(problem("Et|tL", layers(3)), "it places 2 decoder layers (t); the model has 3");
  EXPECT_EQ(problem("Et|tmL", layers(2)), "it places 1 prediction layers (m); the model has 0");
  EXPECT_EQ(problem("Et|tL", predicting(2, 1)), "it places 0 prediction layers (m); the model has 1");
  EXPECT_EQ(problem("tE|tL", layers(2)), "the embedding (E) must come first, once");
  EXPECT_EQ(problem("Et|EtL", layers(2)), "the embedding (E) must come first, once");
  EXPECT_EQ(problem("Et|tLt", layers(3)), "the loss (L) must come last, once");
  EXPECT_EQ(problem("Et|t", layers(2)), "the loss (L) must come last, once");
  EXPECT_EQ(problem("Etm|tL", predicting(2, 1)), "decoder layers (t) must come before prediction layers (m)");
  EXPECT_EQ(problem("Et|t|m|mL", predicting(2, 2)), "all prediction layers (m) must lie in one cell");
  EXPECT_EQ(problem("Et|tm||L", predicting(2, 1), 2, 2), "prediction layers (m) must lie in the last chunk of their stage");
  EXPECT_EQ(problem("Et|t|tL", layers(3)), "it has 3 cells, which 2 stages do not fill");
  EXPECT_EQ(problem("Et|tL", layers(2), 2, 2), "it has 2 cells, which 2 stages of 2 chunks do not fill");
  EXPECT_THAT(problem("Ex|tL", layers(2)), HasSubstr("has the letter x"));
  EXPECT_THAT(problem("E(t|tL", layers(2)), HasSubstr("leaves a group open"));
  EXPECT_THAT(problem("Et)|tL", layers(2)), HasSubstr("closes a group that was not opened"));
  EXPECT_THAT(problem("*2Et|tL", layers(2)), HasSubstr("has a *"));
  EXPECT_THAT(problem("Et(*2(*0t)*0*7)L", layers(2)), HasSubstr("has a *"));
  EXPECT_THAT(problem("mmm(*2(*0*78)*0*7", layers(2)), HasSubstr("has a *"));
  EXPECT_THAT(problem("Et*|tL", layers(2)), HasSubstr("has a *"));
  EXPECT_THAT(problem("E((((t*60000)*60000)*60000)*60000)|tL", layers(2)), HasSubstr("too long"));
  EXPECT_EQ(refusal(ends(written(stages(2), "Et|tL"), 1, {}), layers(2)).problem, "goes together with no other way to place layers");
  EXPECT_EQ(refusal(counting(written(stages(2), "Et|tL"), false, true), layers(2)).problem, "goes together with no other way to place layers");
}

TEST(Placement, RefusesSizesThatAHybridPatternDoesNotFill) {
  const auto error = refusal(stages(3), hybrid("M*|-M"));
  EXPECT_EQ(error.problem, "the hybrid pattern has 2 segments, but 3 stages of 1 chunks are 3 cells");
  EXPECT_EQ(error.remedy, "Give sizes whose product is 2");
  EXPECT_EQ(refusal(stages(2), hybrid("M*-")).problem, "2 does not divide the 3 layers of the model");
}

TEST(Placement, RefusesWhatAHybridPatternSaysItselfOrCannotMean) {
  EXPECT_EQ(refusal(stages(2, 2), hybrid("M*-M")).subject, "--vpp");
  EXPECT_THAT(refusal(ends(stages(2), 1, {}), hybrid("M|*-")).subject, HasSubstr("--decoder-first-pipeline-num-layers"));
  EXPECT_THAT(refusal(written(stages(2), "Ett|tL"), hybrid("M*-")).subject, HasSubstr("--pipeline-model-parallel-layout"));
  EXPECT_THAT(refusal(counting(stages(2), true, true), hybrid("M*")).subject, HasSubstr("--account-for-"));
}

// What follows from a layout is put into it, and into the document.
TEST(SettledLayout, CountsTheChunksOfALayoutText) {
  const auto settled = settled_layout(written(stages(2), "Et|t|t|tL"), layers(4));
  ASSERT_TRUE(settled) << settled.error().text();
  EXPECT_EQ(settled->virtual_pipeline, 2);
  EXPECT_EQ(settled_layout(stages(2), layers(4))->virtual_pipeline, std::nullopt);
}

TEST(SettledLayout, TakesTheBarsOfAnotherLayoutOutOfAPattern) {
  auto document = hybrid("ME|*-");
  state_layout(stages(2), document);
  EXPECT_EQ(document.at("hybrid_layer_pattern").as_string(), "ME|*-");
  state_layout(stages(4), document);
  EXPECT_EQ(document.at("hybrid_layer_pattern").as_string(), "ME*-");
}

// Where parameters go.
class WhereParametersGo : public ::testing::Test {
 protected:
  static ModelPlacement model(const ParallelLayout& layout, boost::json::object document, std::vector<std::string> names) {
    MegatronLayoutRequest request;
    request.layout = layout;
    request.document = std::move(document);
    for (auto& name : names) {
      LiveParameter parameter;
      parameter.rest = std::move(name);
      request.parameters.push_back(std::move(parameter));
    }
    auto placed = ModelPlacement::of(request);
    if (!placed) throw std::runtime_error(placed.error().text());
    return *std::move(placed);
  }
};

TEST_F(WhereParametersGo, OfAModelWithoutPrediction) {
  const auto placed = model(stages(2, 2), layers(8), {"embedding.word_embeddings.weight", "decoder.final_layernorm.weight"});
  EXPECT_EQ(placed.backbone(), "");
  EXPECT_FALSE(placed.predicts());
  EXPECT_EQ(placed.cell("", 0, "embedding.word_embeddings.weight"), (Cell{0, 0}));
  EXPECT_EQ(placed.cell("decoder.layers.", 5, "mlp.linear_fc1.weight"), (Cell{0, 1}));
  EXPECT_EQ(placed.local_layer("decoder.layers.", 5), 1);
  EXPECT_EQ(placed.cell("", 0, "decoder.final_layernorm.weight"), (Cell{1, 1}));
  EXPECT_EQ(placed.cell("", 0, "output_layer.weight"), (Cell{1, 1}));
}

// The norm of the decoder stays with its last layer, whatever lies behind.
TEST_F(WhereParametersGo, OfAModelWithPrediction) {
  const auto placed = model(written(stages(4), "Et|t|m|L"), predicting(2, 1), {"embedding.word_embeddings.weight", "mtp.layers.0.enorm.weight"});
  EXPECT_TRUE(placed.predicts());
  EXPECT_EQ(placed.cell("", 0, "decoder.final_layernorm.weight"), (Cell{1, 0}));
  EXPECT_EQ(placed.cell("mtp.layers.", 0, "enorm.weight"), (Cell{2, 0}));
  EXPECT_EQ(placed.local_layer("mtp.layers.", 0), 0);
  EXPECT_EQ(placed.cell("", 0, "output_layer.weight"), (Cell{3, 0}));
}

TEST_F(WhereParametersGo, WithoutPredictionTheNormGoesWhereTheLossIs) {
  const auto placed = model(written(stages(3), "Et|t|L"), layers(2), {"embedding.word_embeddings.weight"});
  EXPECT_EQ(placed.cell("decoder.layers.", 1, "mlp.linear_fc1.weight"), (Cell{1, 0}));
  EXPECT_EQ(placed.cell("", 0, "decoder.final_layernorm.weight"), (Cell{2, 0}));
}

TEST_F(WhereParametersGo, OfAModelWithAnEncoder) {
  const auto placed = model(stages(2), layers(4), {"language_model.embedding.word_embeddings.weight", "vision_model.patch_embed.proj.weight"});
  EXPECT_EQ(placed.backbone(), "language_model.");
  EXPECT_EQ(placed.cell("language_model.decoder.layers.", 3, "mlp.linear_fc1.weight"), (Cell{1, 0}));
  EXPECT_EQ(placed.local_layer("language_model.decoder.layers.", 3), 1);
  EXPECT_EQ(placed.cell("", 0, "language_model.output_layer.weight"), (Cell{1, 0}));
  EXPECT_EQ(placed.cell("vision_model.decoder.layers.", 3, "mlp.linear_fc1.weight"), (Cell{0, 0}));
  EXPECT_EQ(placed.local_layer("vision_model.decoder.layers.", 3), 3);
  EXPECT_EQ(placed.cell("", 0, "vision_model.patch_embed.proj.weight"), (Cell{0, 0}));
}

}  // namespace
}  // namespace weighbridge
