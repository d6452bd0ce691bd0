#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "checkpoints/run_config.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "checkpoints/yaml_document.hpp"

namespace weighbridge {
namespace {

using ::testing::HasSubstr;

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

boost::json::object document_of(std::string_view text) {
  auto document = parse_run_config(text, "run_config.yaml");
  EXPECT_TRUE(document) << (document ? "" : document.error().text());
  return document ? *document : boost::json::object{};
}

TEST(MegatronRunConfig, PutsFunctionsAndTypesIntoPlainWords) {
  EXPECT_EQ(document_of("model:\n"
                        "  _target_: megatron.bridge.models.gpt_provider.GPTModelProvider\n"
                        "  activation_func:\n    _call_: false\n    _target_: torch.nn.functional.silu\n"
                        "  params_dtype:\n    _call_: false\n    _target_: torch.bfloat16\n"
                        "  attention_backend:\n    _args_:\n    - 5\n    _call_: true\n    _target_: a.AttnBackend\n"
                        "  transformer_layer_spec:\n    _call_: false\n    _target_: a.default_layer_spec\n"
                        "  num_layers: 3\n  window_size:\n  - 47\n  - 0\n  vocab_size: 262\n  new_field: [.5]\n"
                        "train: null\n"),
            object(R"({"_target_":"megatron.bridge.models.gpt_provider.GPTModelProvider","activation_func":"silu",
              "params_dtype":"bfloat16","attention_backend":{"_args_":[5],"_call_":true,"_target_":"a.AttnBackend"},
              "transformer_layer_spec":{"_call_":false,"_target_":"a.default_layer_spec"},"num_layers":3,
              "window_size":[47,0],"vocab_size":262,"new_field":[0.5]})"));
}

TEST(MegatronRunConfig, KnowsEveryActivation) {
  for (const auto& [target, name] : std::vector<std::pair<std::string, std::string>>{
           {"torch.nn.functional.silu", "silu"},
           {"torch._C._nn.gelu", "gelu"},
           {"torch.nn.functional.gelu", "gelu"},
           {"megatron.core.activations.fast_gelu", "gelu_tanh"},
           {"megatron.core.activations.squared_relu", "squared_relu"},
           {"megatron.core.fusions.fused_bias_geglu.quick_gelu", "quick_gelu"},
           {"torch.nn.functional.relu", "relu"}})
    EXPECT_EQ(
        document_of("model:\n  activation_func: {_call_: false, _target_: " + target + "}\n").at("activation_func"),
        boost::json::value(name));
  EXPECT_EQ(document_of("model:\n  activation_func: {_call_: false, _target_: a.b}\n").at("activation_func"),
            boost::json::parse(R"({"_call_":false,"_target_":"a.b"})"));
}

TEST(MegatronRunConfig, ReadsAndWritesTextsOfJson) {
  const auto document = document_of("model:\n  layers_encoded_json: \"{\\\"n\\\": 2, \\\"a\\\": 0.5}\"\n");
  EXPECT_EQ(document, object(R"({"layers_encoded_json":{"n":2,"a":0.5}})"));
  const auto written = write_run_config(document);
  auto yaml = parse_yaml(written, "run_config.yaml");
  ASSERT_TRUE(yaml);
  EXPECT_EQ(yaml->at("model").at("layers_encoded_json"), boost::json::value("{\n  \"a\": 0.5,\n  \"n\": 2\n}\n"));
}

TEST(MegatronRunConfig, RenewsOldNamesAndFlattensBuilders) {
  EXPECT_EQ(
      document_of("model:\n  hybrid_override_pattern: M-M*\n  pipeline_model_parallel_layout:\n    _target_: a.B\n"),
      object(R"({"hybrid_layer_pattern":"M-M*","pipeline_model_parallel_layout":null})"));
  EXPECT_EQ(document_of("model:\n  _builder_: a.Builder\n  vocab_size: 8\n  transformer:\n    num_layers: 2\n"
                        "    params_dtype: {_call_: false, _target_: torch.float16}\n"),
            object(R"({"_builder_":"a.Builder","vocab_size":8,"num_layers":2,"params_dtype":"float16"})"));
}

TEST(MegatronRunConfig, WritesTheSectionsThatBridgeReads) {
  const auto text = write_run_config(object(R"({"num_layers":3,"activation_func":"silu","params_dtype":"bfloat16",
    "layernorm_epsilon":1e-5,"hf_model_id":"org/model"})"));
  EXPECT_EQ(text,
            "_target_: megatron.bridge.training.config.ConfigContainer\n"
            "checkpoint:\n"
            "  _target_: megatron.bridge.training.config.CheckpointConfig\n"
            "  ckpt_format: torch_dist\n"
            "  fully_parallel_save: true\n"
            "  save_optim: false\n"
            "  save_rng: false\n"
            "comm_overlap: null\n"
            "dataset: null\n"
            "ddp: null\n"
            "dist: null\n"
            "logger:\n"
            "  _target_: megatron.bridge.training.config.LoggerConfig\n"
            "mixed_precision: null\n"
            "model:\n"
            "  _target_: megatron.bridge.models.gpt_provider.GPTModelProvider\n"
            "  activation_func:\n"
            "    _call_: false\n"
            "    _target_: torch.nn.functional.silu\n"
            "  autocast_dtype:\n"
            "    _call_: false\n"
            "    _target_: torch.bfloat16\n"
            "  hf_model_id: org/model\n"
            "  layernorm_epsilon: 1.0e-05\n"
            "  num_layers: 3\n"
            "  params_dtype:\n"
            "    _call_: false\n"
            "    _target_: torch.bfloat16\n"
            "  pipeline_model_parallel_size: 1\n"
            "  tensor_model_parallel_size: 1\n"
            "  use_cpu_initialization: true\n"
            "optimizer:\n"
            "  _target_: megatron.core.optimizer.optimizer_config.OptimizerConfig\n"
            "  use_distributed_optimizer: false\n"
            "peft: null\n"
            "scheduler: null\n"
            "tokenizer:\n"
            "  _target_: megatron.bridge.training.tokenizers.config.TokenizerConfig\n"
            "  tokenizer_model: org/model\n"
            "  tokenizer_type: HuggingFaceTokenizer\n"
            "train: null\n");
}

TEST(MegatronRunConfig, ReadsBackTheDocumentItWrote) {
  const auto document =
      object(R"({"_target_":"a.Provider","num_layers":3,"activation_func":"gelu_tanh","window_size":[47,0],
    "params_dtype":"float16","autocast_dtype":"float32","tensor_model_parallel_size":2,"pipeline_model_parallel_size":1,
    "use_cpu_initialization":false,"rotary_base":10000.0,"init":{"_partial_":true,"std":0.02},"moe_router_dtype":"fp32",
    "moe_layer_freq":[0,1,1],"kv_channels":null,"text":"yes","unheard_of":{"a":[1,{"b":false}]}})");
  EXPECT_EQ(document_of(write_run_config(document)), document);
}

TEST(MegatronRunConfig, NamesWhatIsWrong) {
  for (const auto* text : {"a: 1\n", "model: 5\n", "- 1\n", ""}) {
    auto document = parse_run_config(text, "here/run_config.yaml");
    ASSERT_FALSE(document);
    EXPECT_EQ(document.error().kind, Error::Kind::format);
    EXPECT_EQ(document.error().file, "here/run_config.yaml");
    EXPECT_EQ(document.error().subject, "model");
  }
  const test::TemporaryFolder folder;
  auto missing = read_run_config(folder.path() / "run_config.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Error::Kind::io);
  EXPECT_THAT(missing.error().file, HasSubstr("run_config.yaml"));
}

}  // namespace
}  // namespace weighbridge
