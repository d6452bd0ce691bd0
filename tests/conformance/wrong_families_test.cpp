// Every kind of wrong family is told so, in exactly these words, and of nothing else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conformance/run_kit.hpp"

namespace weighbridge {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

struct Wrong {
  const char* family;
  std::vector<std::string> lines;
};

// What the table leaves out: counts_calls, whose count depends on how often it was asked.
const Wrong kWrong[] = {
    {"overlapped",
     {R"(error [overlap] family overlapped: tensor model.layers.{L}.mlp.gate_up_proj.weight: rows 12..23 of [48, 16] are used twice in the equation of decoder.layers.{L}.mlp.linear_fc1.weight. Let the slices follow one another; did you mean concat of the parts? (L=0..1; check tiny))",
      R"(error [unused] family overlapped: tensor model.layers.{L}.mlp.gate_up_proj.weight: rows 36..47 of [48, 16] are used by no equation. Use them, or say dropped, tied or carried. (L=0..1; check tiny))"}},
    {"gate_twice",
     {R"(error [overlap] family gate_twice: tensor model.layers.{L}.mlp.gate_proj.weight: all elements of [24, 16] are used twice in the equation of decoder.layers.{L}.mlp.linear_fc1.weight. Did you mean model.layers.{L}.mlp.up_proj.weight, which no equation uses? (L=0..1; check tiny))",
      R"(error [unused] family gate_twice: tensor model.layers.{L}.mlp.up_proj.weight: is named, but no equation uses it. Use it, or say dropped, tied or carried. (L=0..1; check tiny))"}},
    {"part_unused",
     {R"(error [unused] family part_unused: tensor model.layers.{L}.mlp.down_proj.weight: columns 24..27 of [16, 28] are used by no equation. Use them, or say dropped, tied or carried. (L=0..1; check tiny))"}},
    {"never_used",
     {R"(error [unused] family never_used: tensor model.layers.{L}.mlp.down_proj.scale: is named, but no equation uses it. Use it, or say dropped, tied or carried. (L=0..1; check tiny))"}},
    {"echo_alone",
     {R"(error [echo-only] family echo_alone: tensor model.layers.{L}.self_attn.v_proj.weight: all elements of [8, 16] reach Megatron only as echo, so an export cannot give them back. Use them once without echo. (L=0..1; check tiny))"}},
    {"padded",
     {R"(error [padding] family padded: equation of decoder.layers.{L}.mlp.linear_fc1.weight: rows 44..47 of [48, 16] come from no tensor. Did you mean concat? If Megatron has zeros there, let the check accept it with a reason. (L=0..1; check tiny))"}},
    {"inexact",
     {R"(error [round-trip] family inexact: tensor model.norm.weight: element [0] is 0.2265625 and comes back as 0.2266845703125. See that every operation has an exact inverse. (one rank, float16; check tiny))"}},
    {"two_shapes",
     {R"(error [shapes-differ] family two_shapes: tensor model.layers.{L}.mlp.gate_proj.weight: [24, 16] in one place and [16, 24] in another. Give it one shape. (L=0..1; check tiny))"}},
    {"uneven_groups",
     {R"(error [expression] family uneven_groups: equation of decoder.layers.{L}.self_attention.linear_qkv.weight: [16, 16] cannot be cut into 3 groups along axis 0. The groups must divide the rows of every operand; they are the key heads. (L=0..1; check tiny))"}},
    {"unequal_parts",
     {R"(error [expression] family unequal_parts: equation of decoder.layers.{L}.mlp.linear_fc1.weight: concat along axis 0 of [24, 16] and [24, 17]. Operands agree in every axis but the one along which they are joined. (L=0..1; check tiny))"}},
    {"wrong_shape",
     {R"(error [megatron-shape] family wrong_shape: equation of decoder.layers.{L}.self_attention.linear_proj.weight: has the shape [16, 20]; of the document (hidden_size 16, num_attention_heads 4, num_query_groups 2, kv_channels 4, ffn_hidden_size 24, vocab_size 40) Megatron-Core makes it [16, 16]. Correct the shape, or the field of the document. (L=0..1; check tiny))"}},
    {"stated_twice",
     {R"(error [stated-twice] family stated_twice: equation of decoder.final_layernorm.weight: is stated twice. State it once; did you mean concat? (check tiny))"}},
    {"wrong_split",
     {R"(error [split] family wrong_split: equation of decoder.layers.{L}.mlp.linear_fc2.weight: is cut by rows; Megatron-Core's mlp.linear_fc2.weight is cut by columns. Use row(…). (L=0..1; check tiny))"}},
    {"one_piece",
     {R"(error [split] family one_piece: equation of decoder.layers.{L}.mlp.linear_fc1.weight: is cut as one piece; Megatron-Core gives every rank its share of the gate and its share of the up projection. Use concat(gate, up). (L=0..1; check tiny))"}},
    {"vector_by_columns",
     {R"(error [split] family vector_by_columns: equation of decoder.final_layernorm.weight: is cut by columns, but has the shape [16]. A vector is replicated, or split by rows. (check tiny))"}},
    {"indivisible",
     {R"(error [indivisible] family indivisible: equation of decoder.layers.{L}.self_attention.linear_qkv.weight: a part of 5 rows does not divide among 2 tensor-parallel ranks, although heads, groups and feed-forward widths do. Concatenate the parts that every rank has its share of. (L=0..1; check tiny))"}},
    {"misspelt",
     {R"(error [module-name] family misspelt: equation of decoder.layers.{L}.mlp.liner_fc2.weight: Megatron-Core has no such parameter. Did you mean mlp.linear_fc2.weight? (L=0..1; check tiny))"}},
    {"no_extra_state",
     {R"(error [extra-state] family no_extra_state: module decoder.layers.{L}.self_attention.linear_proj: keeps an extra state in Megatron-Core, and loading fails without one; the equations state none. Use column, row, norm, replicated or vocabulary as the module is. (L=0..1; check tiny))"}},
    {"state_of_nothing",
     {R"(error [extra-state] family state_of_nothing: module decoder.layers.{L}.mlp.linear_fc4: is said to keep an extra state or none, but no parameter lies below it. Name a module of the model. (L=0..1; check tiny))"}},
    {"last_layer_missing",
     {R"(error [layers] family last_layer_missing: stack decoder.layers.: has 2 layers, but no equation for layer 1. Count them from 0 to one less than their number. (check tiny))"}},
    {"expert_missing",
     {R"(error [layers] family expert_missing: equations of decoder.layers.{L}.mlp.experts.linear_fc2.weight: there are 3 of 4 experts. Count them from 0 to one less than their number. (L=0..1; check tiny))"}},
    {"dropped_and_used",
     {R"(error [declaration] family dropped_and_used: tensor model.norm.weight: is said to be dropped, but equations use it. Say it of tensors that no equation uses, and tie them to one that is used. (check tiny))"}},
    {"tied_to_nothing",
     {R"(error [declaration] family tied_to_nothing: tensor model.other.weight: is said to be a copy of model.another.weight, which no equation uses. Say it of tensors that no equation uses, and tie them to one that is used. (check tiny))"}},
    {"not_in_the_list",
     {R"(error [tensor-list] family not_in_the_list: tensor model.layers.{L}.self_attn.q_norm.weight: is in the list of the check, but neither used nor spoken of. Use it, or say dropped, tied or carried. (check tiny))",
      R"(error [tensor-list] family not_in_the_list: tensor model.layers.{L}.self_attn.v_proj.weight: is [16, 8] in the list of the check and [8, 16] in the equations. Correct the equations or the list. (check tiny))",
      R"(error [tensor-list] family not_in_the_list: tensor model.layers.{L}.mlp.down_proj.weight: is used, but not in the list of the check. Correct the equations or the list. (check tiny))"}},
    {"field_lost",
     {R"(error [field-lost] family field_lost: config field rms_norm_eps: reaches Megatron as layernorm_epsilon, but to_hugging_face does not set it. Set it in to_hugging_face, or let the check accept it with a reason. (check tiny))"}},
    {"field_constant",
     {R"(error [field-changed] family field_constant: config field rope_theta: reaches Megatron as rotary_base, but to_hugging_face sets it to 10000 whatever it was. Make to_hugging_face the inverse of to_megatron. (check tiny))"}},
    {"equations_need_more",
     {R"(error [field-lost] family equations_need_more: config.json: after the way back the equations are others: equation of decoder.final_layernorm.bias is stated once only. Set in to_hugging_face every field that equations() reads. (check tiny))"}},
    {"knows_everything",
     {R"(error [recognises-all] family knows_everything: recognises: claims an empty Megatron document. Let it look at _target_ and the fields that are the family's own.)", R"(error [recognises-all] family knows_everything: recognises: claims the document of a foreign model (_target_ foreign.ForeignModelProvider). Let it look at _target_ and the fields that are the family's own.)"}},
    {"knows_not_itself",
     {R"(error [recognises-not] family knows_not_itself: recognises: says no to the document that to_megatron made (_target_ "wrong.knows_not_itself"). Let it look at what to_megatron sets, or leave it out. (check tiny))"}},
    {"refuses_itself",
     {R"(error [translation] family refuses_itself: to_megatron: hidden_act is silu, which is out of fashion. Correct the translation or the check. (check tiny))"}},
    {"shares_state",
     {R"(error [shared-state] family shares_state: to_megatron: alone and beside another call, field hidden_size is 16 and 32. Keep everything in local variables; no static or global variable may change.)"}},
    {"keeps_text",
     {R"(error [kept-text] family keeps_text: to_megatron: passes to the host a text that the host lent to an earlier call. Copy what the host gives before the callback returns.)"}},
    {"throws",
     {R"(error [exception] family throws: equations: lets an exception out on the configuration of the check: thrown through the boundary. Catch it inside and call wb_host.fail. (check tiny))"}},
    {"fails_silently",
     {R"(error [silent-failure] family fails_silently: to_hugging_face: fails on the configuration of the check without a sentence. Call wb_host.fail, or throw weighbridge::Failure. (check tiny))"}},
    {"fragile",
     {R"(error [fragile] family fragile: to_megatron: lets an exception out: num_hidden_layers. Check every field before it is used. (an empty configuration; num_hidden_layers: null))",
      R"(error [fragile] family fragile: to_megatron: lets an exception out: num_hidden_layers should be a whole number. Check every field before it is used. (num_hidden_layers: "wrong"; num_hidden_layers: []; num_hidden_layers: {}; num_hidden_layers: 0.5))"}},
    {"own_module",
     {R"(warning [unknown-module] family own_module: equation of decoder.layers.{L}.retrieval.gate: no parameter of Megatron-Core that this program knows. Check the name; of a module of your own let the check accept it. (L=0..1; check tiny))"}},
};

TEST(WrongFamilies, AreToldExactlyWhatIsWrong) {
  const auto report = test::run_kit(std::filesystem::path{WEIGHBRIDGE_WRONG} / "wrong.so");
  ASSERT_TRUE(report.manifest);
  EXPECT_FALSE(report.passes(false));
  auto lines = test::by_family(report);
  for (const auto& wrong : kWrong) {
    SCOPED_TRACE(wrong.family);
    EXPECT_THAT(lines[wrong.family], ElementsAreArray(wrong.lines));
    lines.erase(wrong.family);
  }
  EXPECT_THAT(lines["counts_calls"],
              ElementsAre("error [translation] family counts_calls: to_hugging_face: there is no way back. Correct the "
                          "translation or the check. (check tiny)",
                          ContainsRegex("^error \\[unstable\\] family counts_calls: to_megatron: asked twice, field "
                                        "calls is [0-9]+ and [0-9]+\\. "
                                        "Keep no state between calls\\.$")));
  EXPECT_EQ(lines.size(), 1u) << "a violation of no family, or of a family that the table does not know";
  EXPECT_EQ(report.families.size(), std::size(kWrong) + 1);
}

// What is proven of a family that is wrong elsewhere: 2 layers of 9 tensors, embedding and norm; 40*16 + 2*(2*16 + 2*16*16 + 2*8*16 + 3*24*16) + 16.
TEST(WrongFamilies, AreProvenAsFarAsTheyAreRight) {
  const auto report = test::run_kit(std::filesystem::path{WEIGHBRIDGE_WRONG} / "wrong.json");
  const auto found = std::ranges::find(report.proven, "shares_state", &ProvenCheck::family);
  ASSERT_NE(found, report.proven.end());
  EXPECT_EQ(found->name, "tiny");
  EXPECT_EQ(found->equations, 14);
  EXPECT_EQ(found->tensors, 20);
  EXPECT_EQ(found->parameters, 4560);
  EXPECT_THAT(found->layouts,
              ElementsAre("one rank", "--tp 2 --ckpt-format torch", "--tp 2 --pp 2 --ckpt-format torch", "--tp 4"));
  const auto overlapped = std::ranges::find(report.proven, "overlapped", &ProvenCheck::family);
  ASSERT_NE(overlapped, report.proven.end());
  EXPECT_EQ(overlapped->conversions, 0);
}

TEST(WrongFamilies, AreTheSameForPrograms) {
  const auto json = to_json(test::run_kit(std::filesystem::path{WEIGHBRIDGE_WRONG} / "wrong.so"), false);
  EXPECT_EQ(json.at("ok"), false);
  EXPECT_EQ(json.at("id"), "wrong");
  const auto& first = json.at("violations").at(0);
  EXPECT_EQ(first.at("rule"), "overlap");
  EXPECT_EQ(first.at("severity"), "error");
  EXPECT_EQ(first.at("family"), "overlapped");
  EXPECT_EQ(first.at("check"), "tiny");
  EXPECT_EQ(first.at("subject"), "tensor model.layers.{L}.mlp.gate_up_proj.weight");
  EXPECT_EQ(first.at("sentence"),
            "rows 12..23 of [48, 16] are used twice in the equation of decoder.layers.{L}.mlp.linear_fc1.weight");
  EXPECT_EQ(first.at("remedy"), "Let the slices follow one another; did you mean concat of the parts?");
  EXPECT_EQ(first.at("where"), (boost::json::array{"L=0", "L=1"}));
}

}  // namespace
}  // namespace weighbridge
