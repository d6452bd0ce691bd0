#include "cli/report.hpp"

#include <gmock/gmock.h>

#include "cli/plan_account.hpp"

namespace weighbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Prepared prepared() {
  Conversion conversion;
  conversion.family = "family";
  conversion.family_version = "1.2.0";
  conversion.architecture = "ModelForCausalLM";
  conversion.mapped = 12;
  conversion.tied = {{"output_layer.weight", "is the embedding", "declared"}};
  conversion.dropped = {{"rotary.inv_freq", "is computed", ""}};
  for (int i = 0; i < 20; ++i) conversion.carried.push_back({"file" + std::to_string(i), "", ""});
  conversion.notes = {"A note"};
  conversion.training_flags = {"--norm-epsilon 1e-05", "--qk-layernorm"};
  conversion.input_bytes = 100;
  conversion.output_bytes = 40;
  conversion.proven = {1, 8, 2, 20, 12};
  auto& plan = conversion.plan;
  plan.sources = {"in/model.safetensors"};
  plan.files = {{"iter_0000000/__0_0.distcp", 40}};
  plan.tensors = {{"a", 0, 8, 16, DType::bf16, false, {Copy{0, 0, 0, DType::bf16, ElementOperation::none, 0, {}}}},
                  {"b", 0, 24, 16, DType::f32, true, {}}};
  plan.carried = {{"in/tokenizer.json", "iter_0000000/tokenizer/tokenizer.json"}};
  return {Direction::to_megatron, std::move(conversion), "in", "out", 0.25};
}

RunReport run_report() {
  RunReport report;
  report.bytes_read = 3'000'000'000;
  report.bytes_written = 2'000'000'000;
  report.seconds = 4;
  report.peak_resident = 64 << 20;
  report.threads = 2;
  report.files = {{"iter_0000000/__0_0.distcp", 1'999'999'000, false}, {"t.json", 1000, true}};
  report.warnings = {"A warning"};
  return report;
}

std::vector<std::string> keys(const boost::json::object& object) {
  std::vector<std::string> names;
  for (const auto& member : object) names.emplace_back(member.key());
  return names;
}

TEST(Report, JsonHasItsKeysAndValues) {
  const auto report = conversion_json(prepared(), run_report());
  EXPECT_THAT(keys(report),
              ElementsAre("command", "source", "destination", "family", "architecture", "bytes_read", "bytes_written",
                          "bytes_resumed", "already_done", "seconds", "gb_per_second", "peak_memory_bytes", "threads", "processes", "tensors", "encoding", "notes",
                          "training_flags", "warnings", "files"));
  EXPECT_EQ(report.at("command"), "import");
  EXPECT_EQ(report.at("family"), (boost::json::object{{"id", "family"}, {"version", "1.2.0"}}));
  EXPECT_EQ(report.at("gb_per_second").as_double(), 0.5);
  EXPECT_EQ(report.at("peak_memory_bytes").to_number<std::uint64_t>(), 67'108'864U);
  const auto& tensors = report.at("tensors").as_object();
  EXPECT_THAT(keys(tensors), ElementsAre("mapped", "tied", "padded", "dropped", "synthesised", "carried"));
  EXPECT_EQ(tensors.at("mapped").to_number<int>(), 12);
  EXPECT_EQ(tensors.at("carried").at("count").to_number<int>(), 20);
  EXPECT_EQ(tensors.at("carried").at("names").as_array().size(), 20U);
  EXPECT_EQ(tensors.at("dropped").at("names").at(0).at("reason"), "is computed");
  EXPECT_EQ(tensors.at("padded").at("names").as_array().size(), 0U);
  EXPECT_EQ(report.at("files").at(1).at("path"), "t.json");
  EXPECT_EQ(report.at("files").at(1).at("carried"), true);
  EXPECT_EQ(report.at("encoding").at("blocks_new").to_number<int>(), 0);
}

TEST(Report, TextTellsTheSame) {
  EXPECT_EQ(conversion_text(prepared(), run_report()),
            "Imported in -> out\n"
            "  family      family 1.2.0, ModelForCausalLM\n"
            "  tensors     12 mapped, 1 tied, 0 padded, 1 dropped, 0 synthesised, 20 carried\n"
            "    tied: output_layer.weight (is the embedding; declared)\n"
            "    dropped: rotary.inv_freq (is computed)\n"
            "  bytes       3.00 GB read, 2.00 GB written, 2 files\n"
            "  time        4.00 s, 0.50 GB/s, 2 threads\n"
            "  memory      64.0 MiB at most\n"
            "  note        A note.\n"
            "  Start the training with these flags, which the checkpoint cannot carry:\n"
            "\n"
            "    --norm-epsilon 1e-05 \\\n"
            "    --qk-layernorm\n"
            "\n"
            "  warning     A warning.\n");
}

TEST(Report, TellsWhatEncodingDid) {
  auto run = run_report();
  run.encoding = {30, 2, 0.0357};
  EXPECT_THAT(conversion_text(prepared(), run),
              testing::HasSubstr("  encoding    30 blocks keep their scales, 2 have new ones; values are off by 0.0357 of the largest in their block at most\n"));
  EXPECT_EQ(conversion_json(prepared(), run).at("encoding").at("blocks_kept").to_number<int>(), 30);
}

TEST(PlanAccount, JsonIsComplete) {
  const auto account = plan_json(prepared(), {}, true);
  EXPECT_EQ(account.at("direction"), "import");
  EXPECT_EQ(account.at("copies").to_number<int>(), 1);
  EXPECT_EQ(account.at("planning_seconds").as_double(), 0.25);
  EXPECT_EQ(account.at("files").at(0).at("tensors").to_number<int>(), 2);
  EXPECT_EQ(account.at("carried").at(0).at("source"), "in/tokenizer.json");
  const auto& tensors = account.at("output_tensors").as_array();
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].at("sources").at(0), "in/model.safetensors");
  EXPECT_EQ(tensors[1].at("padded"), true);
  EXPECT_FALSE(plan_json(prepared(), {}, false).contains("output_tensors"));
}

TEST(PlanAccount, TextListsTensorsOnlyWhenAsked) {
  const auto shortly = plan_text(prepared(), {}, false);
  EXPECT_THAT(shortly, HasSubstr("Plan of an import: in -> out\n"));
  EXPECT_THAT(shortly, HasSubstr("      40 B  iter_0000000/__0_0.distcp, 2 tensors\n"));
  EXPECT_THAT(shortly, HasSubstr("each of 8 elements of 1 input tensor is used once, and each of 20 elements of 2 output tensors is written once (12 of them are padding)"));
  EXPECT_THAT(shortly, Not(HasSubstr("  a BF16")));
  EXPECT_THAT(plan_text(prepared(), {}, true),
              HasSubstr("  a BF16 16 B in iter_0000000/__0_0.distcp, 1 copy, from model.safetensors\n"));
}

}  // namespace
}  // namespace weighbridge
