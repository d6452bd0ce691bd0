#include "cli/options.hpp"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/arguments.hpp"

namespace weighbridge {
namespace {

// Parses as the program does, with all groups of options.
Options parse(std::vector<std::string> words) {
  CLI::App command;
  Options options;
  declare_hugging_face_source(command, options, false);
  declare_megatron_path(command, options, false);
  declare_hugging_face_path(command, options, false);
  declare_megatron_target(command, options);
  declare_export(command, options);
  declare_dtype(command, options);
  declare_strictness(command, options);
  declare_output(command, options);
  declare_run(command, options);
  declare_plugin_path(command, options);
  declare_json(command, options);
  words = normalised_arguments(std::move(words));
  std::reverse(words.begin(), words.end());
  command.parse(std::move(words));
  return options;
}

TEST(Options, PathsHaveTheirAliases) {
  for (const auto* name : {"--hf-model", "--hf-model-id", "--hf-checkpoint", "--hf_model_id"}) {
    EXPECT_EQ(parse({name, "org/model"}).hf_model, "org/model") << name;
  }
  for (const auto* name : {"--megatron-path", "--save", "--load", "--megatron_path"}) {
    EXPECT_EQ(parse({name, "a \"b\""}).megatron_path, "a \"b\"") << name;
  }
  for (const auto* name : {"--hf-path", "--output-dir", "--output_dir"}) {
    EXPECT_EQ(parse({name, "out"}).hf_path, "out") << name;
  }
}

TEST(Options, LayoutHasItsAliases) {
  for (const auto* name : {"--tp", "-tp", "--tensor-parallel-size", "--tensor_model_parallel_size"}) {
    EXPECT_EQ(parse({name, "8"}).target.layout.tensor, 8) << name;
  }
  for (const auto* name : {"-pp", "--pipeline-parallel-size", "--pipeline-model-parallel-size"}) {
    EXPECT_EQ(parse({name, "4"}).target.layout.pipeline, 4) << name;
  }
  for (const auto* name : {"--vpp", "-vpp", "--virtual-pipeline-parallel-size",
                           "--virtual-pipeline-model-parallel-size", "--num-virtual-stages-per-pipeline-rank"}) {
    EXPECT_EQ(parse({name, "2"}).target.layout.virtual_pipeline, 2) << name;
  }
  for (const auto* name : {"--ep", "-ep", "--expert-parallel-size", "--expert-model-parallel-size"}) {
    EXPECT_EQ(parse({name, "16"}).target.layout.expert, 16) << name;
  }
  for (const auto* name : {"--etp", "-etp", "--expert-tensor-parallel-size"}) {
    EXPECT_EQ(parse({name, "3"}).target.layout.expert_tensor, 3) << name;
  }
  for (const auto* name : {"--cp", "-cp", "--context-parallel-size"}) {
    EXPECT_EQ(parse({name, "5"}).target.layout.context, 5) << name;
  }
}

TEST(Options, HaveTheirDefaults) {
  const auto options = parse({});
  EXPECT_EQ(options.hf_revision, "main");
  EXPECT_EQ(options.max_memory, 268'435'456U);
  EXPECT_EQ(options.max_shard_size, 5'000'000'000U);
  EXPECT_EQ(options.target.layout.tensor, 1);
  EXPECT_FALSE(options.target.layout.virtual_pipeline);
  EXPECT_FALSE(options.dtype);
  EXPECT_FALSE(options.target.flavor);
  EXPECT_FALSE(options.json || options.overwrite || options.dry_run || options.not_strict || options.no_progress);
}

TEST(Options, ReadTheOthers) {
  const auto options = parse({"--max-memory", "1GiB", "--max_shard_size=500MB", "--torch-dtype", "torch.bfloat16",
                              "--flavor", "megatron_lm", "--iteration", "12", "--plugin-path", "a", "--plugin-path",
                              "b", "--make-vocab-size-divisible-by", "128", "--not-strict", "--overwrite", "--json"});
  EXPECT_EQ(options.max_memory, 1'073'741'824U);
  EXPECT_EQ(options.max_shard_size, 500'000'000U);
  EXPECT_EQ(options.dtype, DType::bf16);
  EXPECT_EQ(options.target.flavor, MegatronFlavor::megatron_lm);
  EXPECT_EQ(options.iteration, 12);
  EXPECT_EQ(options.plugin_paths, (std::vector<std::filesystem::path>{"a", "b"}));
  EXPECT_EQ(options.make_vocab_size_divisible_by, 128);
  EXPECT_TRUE(options.not_strict && options.overwrite && options.json);
}

TEST(Options, RefuseWhatMakesNoSense) {
  const std::vector<std::vector<std::string>> wrong{
      {"--tp", "0"},           {"--tp", "-1"},         {"--threads", "two"},    {"--max-memory", "0"},
      {"--max-memory", "lot"}, {"--torch-dtype", "q"}, {"--flavor", "vanilla"}, {"--iteration", "-1"},
      {"--megatron-path", ""}, {"--hf-model", ""},     {"--no-such-flag"}};
  for (const auto& words : wrong) EXPECT_THROW(parse(words), CLI::ParseError) << words[0];
}

TEST(Options, DTypesAsPeopleTypeThem) {
  for (const auto* name : {"bfloat16", "torch.bfloat16", "bf16", "BF16"}) {
    ASSERT_TRUE(parse_dtype(name)) << name;
    EXPECT_EQ(*parse_dtype(name), DType::bf16) << name;
  }
  for (const auto* name : {"float16", "torch.float16", "fp16", "half"}) {
    ASSERT_TRUE(parse_dtype(name)) << name;
    EXPECT_EQ(*parse_dtype(name), DType::f16) << name;
  }
  for (const auto* name : {"float32", "torch.float32", "fp32", "float"}) {
    ASSERT_TRUE(parse_dtype(name)) << name;
    EXPECT_EQ(*parse_dtype(name), DType::f32) << name;
  }
  const auto refused = parse_dtype("int8");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(),
            "int8: is not a type that weights can be cast to. Say bfloat16, float16 or float32.");
}

}  // namespace
}  // namespace weighbridge
