#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "checkpoints/megatron_arguments.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

// A Namespace under construction.
class Namespace {
 public:
  Namespace& add(std::string_view name, PickleValue value) {
    attributes_.emplace_back(arena.text(name), value);
    return *this;
  }
  Namespace& add(std::string_view name, int value) { return add(name, arena.integer(value)); }
  Namespace& add(std::string_view name, double value) { return add(name, arena.real(value)); }
  Namespace& add(std::string_view name, bool value) { return add(name, arena.boolean(value)); }
  Namespace& add(std::string_view name, const char* value) { return add(name, arena.text(value)); }
  PickleValue made() { return arena.argparse_namespace(attributes_); }

  PickleArena arena;

 private:
  std::vector<PicklePair> attributes_;
};

Namespace minimal() {
  Namespace args;
  args.add("num_layers", 2).add("hidden_size", 16).add("num_attention_heads", 4);
  return args;
}

boost::json::object document_of(Namespace& args) {
  auto result = document_from_arguments(args.made(), "common.pt");
  EXPECT_TRUE(result) << (result ? "" : result.error().text());
  return result ? result->document : boost::json::object{};
}

TEST(MegatronArguments, BecomeTheDocumentOfAGatedModel) {
  auto args = minimal();
  const std::array window{args.arena.integer(47), args.arena.integer(0)};
  args.add("num_query_groups", 2).add("group_query_attention", true).add("swiglu", true).add("norm_epsilon", 1e-6);
  args.add("untie_embeddings_and_output_weights", true).add("vocab_size", 40).add("padded_vocab_size", 128);
  args.add("seq_length", 64).add("max_position_embeddings", 512).add("rotary_base", 500000).add("bf16", true);
  args.add("use_rope_scaling", true)
      .add("rope_scaling_factor", 8.0)
      .add("params_dtype", args.arena.torch_dtype(DType::bf16));
  args.add("window_size", args.arena.tuple(window))
      .add("lr", 1e-3)
      .add("train_iters", 10)
      .add("num_experts", args.arena.none());
  args.add("moe_router_topk", 2).add("position_embedding_type", "rope").add("tokenizer_model", "somewhere");
  EXPECT_EQ(document_of(args), object(R"({"num_layers":2,"hidden_size":16,"num_attention_heads":4,"num_query_groups":2,
    "gated_linear_unit":true,"activation_func":"silu","layernorm_epsilon":1e-6,
    "share_embeddings_and_output_weights":false,"vocab_size":40,"seq_length":512,"rotary_base":500000,"bf16":true,
    "rope_scaling":true,"rope_scaling_factor":8.0,
    "params_dtype":"bfloat16","window_size":[47,0],"moe_router_topk":2,"position_embedding_type":"rope"})"));
}

TEST(MegatronArguments, OfOtherActivations) {
  const auto activation = [](const char* flag) {
    auto args = minimal();
    if (*flag) args.add(flag, true);
    const auto document = document_of(args);
    return std::pair{*string_field(document, "activation_func"), flag_field(document, "gated_linear_unit")};
  };
  EXPECT_EQ(activation("swiglu"), std::pair(std::string("silu"), true));
  EXPECT_EQ(activation("squared_relu"), std::pair(std::string("squared_relu"), false));
  EXPECT_EQ(activation("quick_geglu"), std::pair(std::string("quick_gelu"), true));
  EXPECT_EQ(activation(""), std::pair(std::string("gelu"), false));
}

TEST(MegatronArguments, UnderstandOldNames) {
  Namespace args;
  args.add("encoder_num_layers", 2)
      .add("hidden_size", 16)
      .add("num_attention_heads", 4)
      .add("disable_bias_linear", true);
  args.add("apply_layernorm_1p", true).add("use_rotary_position_embeddings", true).add("num_experts", 8);
  args.add("decoder_first_pipeline_num_layers", 1).add("rotary_seq_len_interpolation_factor", 4).add("fp16", true);
  const auto document = document_of(args);
  EXPECT_EQ(integer_field(document, "num_layers"), 2);
  EXPECT_EQ(document.at("add_bias_linear"), false);
  EXPECT_EQ(document.at("layernorm_zero_centered_gamma"), true);
  EXPECT_EQ(document.at("position_embedding_type"), "rope");
  EXPECT_EQ(document.at("num_moe_experts"), 8);
  EXPECT_EQ(document.at("num_layers_in_first_pipeline_stage"), 1);
  EXPECT_EQ(document.at("seq_len_interpolation_factor"), 4);
  EXPECT_EQ(document.at("params_dtype"), "float16");
  EXPECT_EQ(document.at("share_embeddings_and_output_weights"), true);
  EXPECT_FALSE(document.contains("num_experts"));
}

TEST(MegatronArguments, WithoutGroupedQueriesHaveAGroupAHead) {
  auto args = minimal();
  args.add("num_query_groups", 1).add("group_query_attention", false);
  EXPECT_EQ(document_of(args).at("num_query_groups"), 4);
}

TEST(MegatronArguments, WithoutVocabularySizeTakeThePaddedOneAndSaySo) {
  auto args = minimal();
  args.add("padded_vocab_size", 128).add("vocab_size", args.arena.none());
  auto result = document_from_arguments(args.made(), "common.pt");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->document.at("vocab_size"), 128);
  EXPECT_THAT(result->notes, ElementsAre(HasSubstr("padded size 128 stands in")));
}

TEST(MegatronArguments, OfAHybridModelNeedNoLayerCount) {
  Namespace args;
  args.add("hidden_size", 16)
      .add("num_attention_heads", 4)
      .add("hybrid_override_pattern", "M-M*")
      .add("num_layers", args.arena.none());
  EXPECT_EQ(document_of(args).at("hybrid_layer_pattern"), "M-M*");
}

TEST(MegatronArguments, LeaveOutWhatMeansNothingForTheModel) {
  auto args = minimal();
  args.add("kv_lora_rank", 32).add("v_head_dim", 128).add("mscale", 1.0).add("rope_scaling_factor", 8.0);
  args.add("moe_routing_trace_path", "x")
      .add("mamba_inference_ssm_states_dtype", "x")
      .add("kv_channels", args.arena.none());
  auto document = document_of(args);
  for (const auto* name : {"kv_lora_rank", "v_head_dim", "mscale", "rope_scaling_factor", "moe_routing_trace_path",
                           "mamba_inference_ssm_states_dtype", "kv_channels"})
    EXPECT_FALSE(document.contains(name)) << name;
  args.add("multi_latent_attention", true);
  document = document_of(args);
  EXPECT_EQ(document.at("kv_lora_rank"), 32);
  EXPECT_EQ(document.at("v_head_dim"), 128);
}

TEST(MegatronArguments, LeaveOutWhatIsNoPlainValue) {
  auto args = minimal();
  args.add("moe_backend", args.arena.enum_member("a.b", "C", args.arena.integer(1)));
  EXPECT_FALSE(document_of(args).contains("moe_backend"));
}

TEST(MegatronArguments, ThatLackASizeAreAnError) {
  Namespace args;
  args.add("num_layers", 2).add("num_attention_heads", 4);
  auto result = document_from_arguments(args.made(), "common.pt");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().file, "common.pt");
  EXPECT_EQ(result.error().subject, "args.hidden_size");
  EXPECT_THAT(result.error().remedy, HasSubstr("--hf-model"));

  auto text = document_from_arguments(args.arena.text("x"), "common.pt");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().subject, "args");
}

const char* const kDocument = R"({"num_layers":2,"hidden_size":16,"ffn_hidden_size":32,"num_attention_heads":4,
  "num_query_groups":2,"kv_channels":4,"gated_linear_unit":true,"activation_func":"silu","layernorm_epsilon":1e-6,
  "layernorm_zero_centered_gamma":false,"normalization":"RMSNorm","share_embeddings_and_output_weights":false,
  "vocab_size":40,"seq_length":512,"rotary_base":500000.0,"rotary_percent":1.0,"rotary_interleaved":false,"bf16":true,
  "fp16":false,"params_dtype":"bfloat16","rope_scaling":true,"rope_scaling_factor":8.0,"window_size":[47,0],
  "add_bias_linear":false,"add_qkv_bias":true,"qk_layernorm":true,"qk_l2_norm":false,"position_embedding_type":"rope",
  "hidden_dropout":0.0,"attention_dropout":0.0,"init_method_std":0.02,"make_vocab_size_divisible_by":2,
  "apply_query_key_layer_scaling":false,"fp16_lm_cross_entropy":false,
  "is_hybrid_model":false,"multi_latent_attention":false,"moe_grouped_gemm":false,"moe_layer_freq":1,
  "moe_router_enable_expert_bias":false,"moe_router_pre_softmax":false})";

TEST(MegatronArguments, GiveBackTheDocumentTheyWereMadeOf) {
  PickleArena arena;
  const auto document = object(kDocument);
  auto arguments = arguments_from_document(document, {.padded_vocab_size = 128}, arena);
  auto back = document_from_arguments(arguments, "common.pt");
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->document, document);
  EXPECT_THAT(back->notes, IsEmpty());
}

TEST(MegatronArguments, KeepMultipliersWhereTheRunHasThem) {
  for (const bool used : {false, true}) {
    auto args = minimal();
    args.add("use_mup", used).add("mup_embedding_mult", 54.5).add("mup_output_mult", 0.125);
    const auto document = document_of(args);
    EXPECT_EQ(document.contains("use_mup"), used);
    ASSERT_EQ(document.contains("mup_embedding_mult"), used);
    if (!used) continue;
    EXPECT_EQ(document.at("mup_embedding_mult").as_double(), 54.5);
    EXPECT_EQ(document.at("mup_output_mult").as_double(), 0.125);
  }
}

TEST(MegatronArguments, HoldTextsOfJson) {
  PickleArena arena;
  auto document = object(kDocument);
  document["heterogeneous_layers_config_encoded_json"] = object(R"({"block_configs":[{"ffn":{"ffn_mult":0.5}}]})");
  auto arguments = arguments_from_document(document, {.padded_vocab_size = 128}, arena);
  const auto text = arguments.find("heterogeneous_layers_config_encoded_json");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text(), "{\n  \"block_configs\": [\n    {\n      \"ffn\": {\n        \"ffn_mult\": 0.5\n      }\n    }\n  ]\n}\n");
  auto back = document_from_arguments(arguments, "common.pt");
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->document, document);
}

TEST(MegatronArguments, AreWhatMegatronTakesOver) {
  PickleArena arena;
  auto document = object(kDocument);
  document["tensor_model_parallel_size"] = 8;
  document["hf_model_id"] = "org/model";
  const auto arguments = arguments_from_document(document, {.padded_vocab_size = 128}, arena);
  EXPECT_TRUE(arguments.callable().is_global("argparse", "Namespace"));
  const auto integer = [&](const char* name) { return arguments.find(name)->integer(); };
  const auto flag = [&](const char* name) { return arguments.find(name)->boolean(); };
  EXPECT_EQ(integer("num_layers"), 2);
  EXPECT_EQ(integer("padded_vocab_size"), 128);
  EXPECT_EQ(integer("vocab_size"), 40);
  EXPECT_EQ(integer("max_position_embeddings"), 512);
  EXPECT_EQ(integer("tensor_model_parallel_size"), 8);
  EXPECT_EQ(integer("world_size"), 8);
  EXPECT_EQ(integer("data_parallel_size"), 1);
  EXPECT_EQ(flag("swiglu"), true);
  EXPECT_EQ(flag("squared_relu"), false);
  EXPECT_EQ(flag("group_query_attention"), true);
  EXPECT_EQ(flag("untie_embeddings_and_output_weights"), true);
  EXPECT_EQ(flag("use_rope_scaling"), true);
  EXPECT_EQ(flag("add_position_embedding"), true);
  EXPECT_EQ(flag("no_save_optim"), true);
  EXPECT_EQ(flag("no_save_rng"), true);
  EXPECT_EQ(arguments.find("norm_epsilon")->real(), 1e-6);
  EXPECT_EQ(arguments.find("ckpt_format")->text(), "torch_dist");
  EXPECT_EQ(arguments.find("tokenizer_model")->text(), "org/model");
  EXPECT_TRUE(arguments.find("params_dtype")->is_global("torch", "bfloat16"));
  EXPECT_TRUE(arguments.find("window_size")->is(PickleKind::tuple));
  EXPECT_TRUE(arguments.find("num_experts")->is_none());
  EXPECT_EQ(arguments.find("cp_comm_type")->items()[0].text(), "p2p");
  EXPECT_FALSE(arguments.find("activation_func").has_value());
  EXPECT_FALSE(arguments.find("_target_").has_value());
}

// Readers look at many arguments without asking whether they are there, and a null in the document is no value.
TEST(MegatronArguments, AreCompleteWhateverTheDocumentLeavesOut) {
  PickleArena arena;
  auto made = arguments_from_document(object(R"({"num_layers":2,"qk_layernorm":null,"cp_comm_type":null})"), {}, arena);
  for (const auto* name :
       {"qk_layernorm", "multi_latent_attention", "no_persist_layer_norm", "overlap_p2p_comm", "swiglu",
        "fp8_param_gather", "init_method_xavier_uniform", "is_hybrid_model", "group_query_attention"})
    EXPECT_EQ(made.find(name)->boolean(), false) << name;
  for (const auto* name : {"bias_swiglu_fusion", "bias_gelu_fusion", "add_bias_linear", "add_position_embedding"})
    EXPECT_EQ(made.find(name)->boolean(), true) << name;
  for (const auto* name : {"heterogeneous_layers_config_path", "decoder_first_pipeline_num_layers", "mtp_num_layers",
                           "spec", "tokenizer_model", "virtual_pipeline_model_parallel_size"})
    EXPECT_TRUE(made.find(name).has_value() && made.find(name)->is_none()) << name;
  EXPECT_EQ(made.find("cp_comm_type")->items()[0].text(), "p2p");
  EXPECT_EQ(made.find("tokenizer_type")->text(), "NullTokenizer");
}

// Megatron-LM has no argument for these; what is written must not say another activation, and is understood here.
TEST(MegatronArguments, KeepAnActivationThatNoArgumentSays) {
  PickleArena arena;
  const std::string common = R"("num_layers":2,"hidden_size":8,"num_attention_heads":2)";
  for (const auto& [activation, gated] : {std::pair{"gelu_tanh", false}, {"gelu_tanh", true}, {"silu", false}, {"squared_relu", true}}) {
    auto document = object("{" + common + "}");
    document["activation_func"] = activation;
    document["gated_linear_unit"] = gated;
    EXPECT_EQ(activation_without_argument(document), std::string{gated ? "gated " : ""} + activation);
    const auto arguments = arguments_from_document(document, {}, arena);
    for (const auto* flag : {"swiglu", "squared_relu", "quick_geglu"}) EXPECT_EQ(arguments.find(flag)->boolean(), false) << flag;
    const auto back = document_from_arguments(arguments, "args");
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->document.at("activation_func").as_string(), activation);
    EXPECT_EQ(back->document.at("gated_linear_unit").as_bool(), gated);
  }
  EXPECT_FALSE(activation_without_argument(object(R"({"activation_func":"silu","gated_linear_unit":true})")));
}

TEST(MegatronTrainingFlags, NameWhatMegatronNeverTakesFromACheckpoint) {
  EXPECT_THAT(training_flags(object(kDocument)),
              ElementsAre("--bf16", "--qk-layernorm", "--use-rope-scaling", "--rope-scaling-factor 8.0",
                          "--norm-epsilon 1e-06", "--window-size 47,0", "--make-vocab-size-divisible-by 2",
                          "--tokenizer-type NullTokenizer --vocab-size 40"));
}

TEST(MegatronTrainingFlags, LeaveOutDefaults) {
  EXPECT_THAT(
      training_flags(object(R"({"layernorm_epsilon":1e-5,"init_method_std":0.02,"make_vocab_size_divisible_by":128,
    "qk_layernorm":false,"window_size":null,"softmax_type":"vanilla","glu_linear_offset":0,"rope_scaling_factor":8.0,
    "mscale":2.0,"moe_aux_loss_coeff":0.1})")),
      IsEmpty());
}

TEST(MegatronTrainingFlags, CoverListsExpertsLatentAttentionAndTokenizers) {
  EXPECT_THAT(
      training_flags(object(R"({"fp16":true,"layernorm_zero_centered_gamma":true,"multi_latent_attention":true,
    "q_lora_rank":32,"mscale":1,"mscale_all_dim":1.0,"num_moe_experts":8,"moe_aux_loss_coeff":0.001,
    "linear_attention_freq":[1,1,1,0],"mrope_section":[2,3,3],"window_size":[-1,0],
    "moe_router_load_balancing_type":"none","activation_func":"quick_gelu","gated_linear_unit":true,
    "hf_model_id":"some folder/it's"})")),
      ElementsAre("--fp16", "--apply-layernorm-1p", "--multi-latent-attention", "--quick-geglu", "--window-size=-1,0",
                  "--mrope-section 2 3 3", "--linear-attention-freq '[1,1,1,0]'", "--q-lora-rank 32",
                  "--mscale-all-dim 1.0", "--moe-router-load-balancing-type none", "--moe-aux-loss-coeff 0.001",
                  "--tokenizer-type HuggingFaceTokenizer --tokenizer-model 'some folder/it'\\''s'"));
}

TEST(MegatronTrainingFlags, NameTheMultipliersOfMaximalUpdateParametrization) {
  EXPECT_THAT(training_flags(object(R"({"use_mup":true,"mup_embedding_mult":54.5,"mup_output_mult":0.125,"mup_attn_scale_power":1.0,
    "mup_base_head_dim":4.0,"softmax_scale":0.5})")),
              ElementsAre("--use-mup", "--mup-embedding-mult 54.5", "--mup-output-mult 0.125", "--mup-base-head-dim 4.0"));
  EXPECT_THAT(training_flags(object(R"({"use_mup":false,"mup_embedding_mult":54.5})")), IsEmpty());
}

TEST(MegatronTrainingFlags, NameTheKindOfAttentionThatTheDocumentChose) {
  EXPECT_THAT(training_flags(object(R"({"attention_backend":{"_target_":"megatron.core.transformer.enums.AttnBackend","_call_":true,
    "_args_":[1],"_name_":"flash"},"first_last_layers_bf16":true,"moe_shared_expert_overlap":true})")),
              ElementsAre("--moe-shared-expert-overlap", "--first-last-layers-bf16", "--attention-backend flash"));
  EXPECT_THAT(training_flags(object(R"({"attention_backend":{"_name_":"auto"}})")), IsEmpty());
}

}  // namespace
}  // namespace weighbridge
