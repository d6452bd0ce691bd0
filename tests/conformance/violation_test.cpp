#include "conformance/violation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weighbridge {
namespace {

using ::testing::ElementsAre;

TEST(Folded, TakesNumbersOutOfNames) {
  const auto layer = folded("decoder.layers.3.mlp.linear_fc1.weight");
  EXPECT_EQ(layer.name, "decoder.layers.{L}.mlp.linear_fc1.weight");
  EXPECT_EQ(layer.where, "L=3");
  const auto expert = folded("decoder.layers.3.mlp.experts.linear_fc1.weight17");
  EXPECT_EQ(expert.name, "decoder.layers.{L}.mlp.experts.linear_fc1.weight{E}");
  EXPECT_EQ(expert.where, "L=3, E=17");
  const auto separate = folded("model.layers.0.mlp.experts.5.up_proj.weight");
  EXPECT_EQ(separate.name, "model.layers.{L}.mlp.experts.{E}.up_proj.weight");
  EXPECT_EQ(separate.where, "L=0, E=5");
  EXPECT_EQ(folded("model.norm.weight").name, "model.norm.weight");
  EXPECT_EQ(folded("model.norm.weight").where, "");
}

TEST(Ranges, AreRowsWhereWholeRowsAreMeant) {
  EXPECT_EQ(ranges_of({0, 1, 2, 3, 4, 5}, {2, 3}), "all elements");
  EXPECT_EQ(ranges_of({3, 4, 5}, {2, 3}), "row 1");
  EXPECT_EQ(ranges_of({3, 4, 5, 6, 7, 8, 0, 1, 2}, {5, 3}), "rows 0..2");
  EXPECT_EQ(ranges_of({0, 1, 2, 9, 10, 11}, {5, 3}), "rows 0, 3");
  EXPECT_EQ(ranges_of({2, 5, 8}, {3, 3}), "column 2");
  EXPECT_EQ(ranges_of({1, 2, 4, 5}, {2, 3}), "columns 1..2");
  EXPECT_EQ(ranges_of({4}, {2, 3}), "element [1, 1]");
  EXPECT_EQ(ranges_of({1, 5}, {2, 3}), "elements [0, 1], [1, 2]");
  EXPECT_EQ(ranges_of({2, 3}, {8}), "rows 2..3");
  EXPECT_EQ(ranges_of({0, 2, 4, 6, 8, 10}, {12}), "rows 0, 2, 4, 6 and 2 more ranges");
}

TEST(Gathered, MakesOneOfWhatManyLayersShare) {
  const auto one = [](const char* where, const char* check) {
    return Violation{"unused", "f", check, "tensor t.{L}", "is used by nobody", {}, {where}};
  };
  const auto all = gathered({{"no-checks", {}, {}, "plugin p", "has none", {}},
                             one("L=0", "a"),
                             one("L=1", "a"),
                             one("L=2", "a"),
                             one("L=0", "b")});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].rule, "unused") << "errors come first";
  EXPECT_THAT(all[0].where, ElementsAre("L=0", "L=1", "L=2"));
  EXPECT_EQ(text(all[0]),
            "error [unused] family f: tensor t.{L}: is used by nobody. Use them, or say dropped, tied or carried. "
            "(L=0..2; check a)");
  EXPECT_EQ(text(all[1]),
            "warning [no-checks]: plugin p: has none. State small configurations under \"checks\" in the manifest, or "
            "give --config.");
}

}  // namespace
}  // namespace weighbridge
