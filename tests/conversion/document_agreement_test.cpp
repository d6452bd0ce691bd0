#include "conversion/document_agreement.hpp"

#include <gmock/gmock.h>

namespace weighbridge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(DocumentAgreement, NumbersOfDifferentKindsAreOneNumber) {
  EXPECT_THAT(architecture_differences({{"rotary_base", 10000}}, {{"rotary_base", 10000.0}}), IsEmpty());
}

TEST(DocumentAgreement, DifferencesSayBothValues) {
  EXPECT_THAT(architecture_differences({{"num_layers", 4}, {"activation_func", "silu"}, {"window_size", boost::json::array{47, 0}}},
                                       {{"num_layers", 6}, {"activation_func", "gelu"}, {"window_size", boost::json::array{47, 0}}}),
              ElementsAre("num_layers is 4 and 6", R"(activation_func is "silu" and "gelu")"));
}

TEST(DocumentAgreement, WhatOneSideDoesNotSayIsNoDifference) {
  EXPECT_THAT(architecture_differences({{"kv_channels", nullptr}, {"hidden_size", 64}}, {{"kv_channels", 16}, {"num_layers", 2}}), IsEmpty());
}

TEST(DocumentAgreement, WhereAPipelineCutsAPatternDoesNotCount) {
  EXPECT_THAT(architecture_differences({{"hybrid_layer_pattern", "ME|M*E/*E"}}, {{"hybrid_layer_pattern", "MEM*E/*E"}}), IsEmpty());
  EXPECT_THAT(architecture_differences({{"hybrid_layer_pattern", "ME|M*"}}, {{"hybrid_layer_pattern", "ME|M-"}}), SizeIs(1));
}

TEST(DocumentAgreement, FieldsOfTrainingDoNotCount) {
  EXPECT_THAT(architecture_differences({{"tensor_model_parallel_size", 2}, {"bf16", true}}, {{"tensor_model_parallel_size", 1}, {"bf16", false}}),
              IsEmpty());
}

}  // namespace
}  // namespace weighbridge
