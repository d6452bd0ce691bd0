"""The golden cases of make_stated.py: what their config.json says, what states their layout, and which tensors lie in which storage.
Sizes are small and all different, so that no two axes can be exchanged unnoticed."""
import dataclasses
from collections.abc import Callable

import stated_mixtures as mixtures
import stated_storage as storage
import stated_text as text

SIZES = {"vocab_size": 40, "hidden_size": 20, "max_position_embeddings": 512, "hidden_act": "silu", "initializer_range": 0.02,
         "attention_dropout": 0.0, "tie_word_embeddings": False, "use_cache": True, "bos_token_id": 1, "eos_token_id": 2,
         "torch_dtype": "bfloat16", "transformers_version": "4.57.1"}

MIMO = {"architectures": ["MiMoForCausalLM"], "model_type": "mimo", **SIZES, "intermediate_size": 28, "num_hidden_layers": 2,
        "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4, "attention_bias": True, "num_nextn_predict_layers": 2,
        "rms_norm_eps": 1e-05, "rope_theta": 640000, "rope_scaling": None, "sliding_window": 512, "use_sliding_window": False,
        "max_window_layers": 2, "use_mrope": False}
# Published files do not say how many layers predict; their tensors do.
MIMO_V2_FLASH = {"architectures": ["MiMoV2FlashForCausalLM"], "model_type": "mimo_v2_flash", **SIZES, "intermediate_size": 28,
                 "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 6, "v_head_dim": 4,
                 "swa_num_attention_heads": 6, "swa_num_key_value_heads": 3, "swa_head_dim": 6, "swa_v_head_dim": 4,
                 "hybrid_layer_pattern": [0, 1, 0, 1], "moe_layer_freq": [0, 1, 1, 0], "sliding_window": 8, "sliding_window_size": 8,
                 "attention_chunk_size": 8, "layernorm_epsilon": 1e-05, "rope_theta": 5000000, "swa_rope_theta": 10000,
                 "partial_rotary_factor": 0.334, "attention_value_scale": 0.707, "attention_bias": False,
                 "add_swa_attention_sink_bias": True, "add_full_attention_sink_bias": False, "n_routed_experts": 3,
                 "n_shared_experts": None, "num_experts_per_tok": 2, "moe_intermediate_size": 12, "n_group": 1, "topk_group": 1,
                 "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": True, "routed_scaling_factor": None}
STEP35 = {"architectures": ["Step3p5ForCausalLM"], "model_type": "step3p5", **SIZES, "intermediate_size": 28, "num_hidden_layers": 3,
          "num_attention_heads": 4, "num_attention_groups": 2, "head_dim": 8, "max_seq_len": 512, "rms_norm_eps": 1e-05,
          "moe_num_experts": 3, "moe_top_k": 2, "moe_intermediate_size": 12, "share_expert_dim": 14, "share_expert_dims": 14,
          "norm_expert_weight": True, "moe_layers_enum": "1,2",
          "layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"],
          "rope_theta": [5000000.0, 10000.0, 5000000.0, 10000.0], "rope_scaling": None, "yarn_only_types": ["full_attention"],
          "partial_rotary_factors": [0.5, 1.0, 0.5, 1.0], "sliding_window": 8,
          "attention_other_setting": {"attention_type": "sliding_attention", "num_attention_heads": 6, "num_attention_groups": 3,
                                      "head_dim": 8, "true_head_dim": 8},
          "use_head_wise_attn_gate": True, "use_qk_norm": True, "zero_centered": True, "use_moe": True, "use_moe_router_bias": True,
          "moe_router_activation": "sigmoid", "moe_router_scaling_factor": 3.0, "need_fp32_gate": True, "use_rope_layers": [],
          "swiglu_limits": [0.0, 0.0, 7.0, 0.0], "swiglu_limits_shared": [0.0, 0.0, 16.0, 0.0], "num_nextn_predict_layers": 1}


def block(heads_in_group=None, linear_attention=False, linear_mlp=False, **width):
    """An entry of block_configs; without a size, attention or mlp is left out or one matrix."""
    return {"attention": {"n_heads_in_group": heads_in_group, "no_op": not heads_in_group and not linear_attention,
                          "replace_with_linear": linear_attention, "num_sink_tokens": None, "sparsify": None, "unshifted_sink": False,
                          "use_prefill_window_in_sink_attention": False, "window_length": None},
            "ffn": {"ffn_mult": None, "no_op": not width and not linear_mlp, "replace_with_linear": linear_mlp, "sparsify": None, **width}}

BAILING_V2 = {"architectures": ["BailingMoeV2ForCausalLM"], "model_type": "bailing_moe_v2", **SIZES, "intermediate_size": 28,
              "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4, "use_qkv_bias": True, "use_bias": False,
              "rms_norm_eps": 1e-06, "rope_theta": 600000, "rope_scaling": None, "partial_rotary_factor": 0.5, "num_experts": 4,
              "num_shared_experts": 2, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "moe_intermediate_size": 12,
              "first_k_dense_replace": 1, "output_router_logits": False, "use_qk_norm": True, "use_rmsnorm": True,
              "num_nextn_predict_layers": 1, "score_function": "sigmoid", "router_dtype": "fp32", "moe_router_enable_expert_bias": True,
              "routed_scaling_factor": 2.5, "norm_topk_prob": True, "norm_head": False, "norm_softmax": False}
HY_V3 = {"architectures": ["HYV3ForCausalLM"], "model_type": "hy_v3", **SIZES, "intermediate_size": 28, "num_hidden_layers": 2,
         "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4, "attention_bias": False, "mlp_bias": False, "rms_norm_eps": 1e-05,
         "initializer_range": 0.006, "rope_theta": 11158840.0, "rope_scaling": None, "num_experts": 3, "num_experts_per_tok": 2,
         "num_shared_experts": 2, "moe_intermediate_size": 12, "expert_hidden_dim": 12, "first_k_dense_replace": 1,
         "router_scaling_factor": 2.826, "moe_router_use_sigmoid": True, "moe_router_enable_expert_bias": True, "qk_norm": True,
         "route_norm": True, "num_nextn_predict_layers": 1, "enable_moe_fp32_combine": True, "output_router_logits": False}

# The first layer's width, 256.8 before it is cut to 256, would become 512 if it were rounded up instead.
LLAMA_NEMOTRON = {"architectures": ["DeciLMForCausalLM"], "model_type": "nemotron-nas", **SIZES, "hidden_size": 18, "intermediate_size": None,
                  "num_hidden_layers": 5, "num_attention_heads": 6, "num_key_value_heads": None, "attention_bias": False,
                  "mlp_bias": False,
                  "block_configs": [block(3, ffn_mult=21.4), block(2, intermediate_size=20), block(ffn_hidden_size=24),
                                    block(linear_attention=True, linear_mlp=True), block(6)],
                  "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "pretraining_tp": 1,
                  "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                   "original_max_position_embeddings": 8192}}

FP8 = {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]}
# Both axes of the blocks divide some matrices and not others.
DEEPSEEK_V3 = {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", **SIZES, "intermediate_size": 140,
               "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "n_routed_experts": 4, "n_shared_experts": 1,
               "moe_intermediate_size": 12, "num_experts_per_tok": 2, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 2,
               "topk_group": 1, "q_lora_rank": 18, "kv_lora_rank": 132, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 6,
               "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": True,
               "attention_bias": False, "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "rope_scaling": None,
               "num_nextn_predict_layers": 1, "ep_size": 1, "quantization_config": FP8}
MINIMAX_M2 = {"architectures": ["MiniMaxM2ForCausalLM"], "model_type": "minimax_m2", **SIZES, "intermediate_size": 12, "num_hidden_layers": 2,
              "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4, "rotary_dim": 2, "num_local_experts": 3, "num_experts_per_tok": 2,
              "rms_norm_eps": 1e-06, "rope_theta": 5000000.0, "scoring_func": "sigmoid", "use_routing_bias": True, "use_qk_norm": True,
              "qk_norm_type": "per_layer", "attn_type_list": [1, 1], "num_mtp_modules": 3, "use_mtp": True, "shared_intermediate_size": 0,
              "router_aux_loss_coef": 0.001, "output_router_logits": False, "quantization_config": {**FP8, "weight_block_size": [8, 16]}}
KIMI_K2 = {**DEEPSEEK_V3, "model_type": "kimi_k2", "intermediate_size": 28, "kv_lora_rank": 10, "n_group": 1, "n_routed_experts": 3,
           "num_attention_heads": 4, "num_key_value_heads": 4, "num_nextn_predict_layers": 0, "routed_scaling_factor": 2.827}
MOONLIGHT = {key: value for key, value in KIMI_K2.items() if key != "quantization_config"} | {
    "model_type": "deepseek_v3", "q_lora_rank": None, "num_hidden_layers": 2, "routed_scaling_factor": 2.446}
KIMI_K2_FP8 = {**KIMI_K2, "quantization_config": {**FP8, "weight_block_size": [8, 16]}}
KIMI_K2_INT4 = {**KIMI_K2, "hidden_size": 64, "moe_intermediate_size": 32, "n_routed_experts": 2,
                "quantization_config": {
                    "config_groups": {"group_0": {"input_activations": None, "output_activations": None, "targets": ["Linear"], "weights": {
                        "actorder": None, "block_structure": None, "dynamic": False, "group_size": 32, "num_bits": 4, "observer": "minmax",
                        "observer_kwargs": {}, "strategy": "group", "symmetric": True, "type": "int"}}},
                    "format": "pack-quantized", "kv_cache_scheme": None, "quant_method": "compressed-tensors",
                    "quantization_status": "compressed",
                    "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"]}}
GPT_OSS = {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", **SIZES, "hidden_size": 32, "intermediate_size": 64,
           "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4, "num_local_experts": 2,
           "num_experts_per_tok": 2, "experts_per_token": 2, "attention_bias": True, "rms_norm_eps": 1e-05, "sliding_window": 8,
           "layer_types": ["sliding_attention", "full_attention"], "initial_context_length": 4096, "rope_theta": 150000.0,
           "swiglu_limit": 7.0,
           "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "original_max_position_embeddings": 4096,
                            "rope_type": "yarn", "truncate": False},
           "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": [
               "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}}


@dataclasses.dataclass
class Case:
    config: dict
    shapes: Callable
    parameters: Callable
    copies: dict = dataclasses.field(default_factory=dict)  # a tensor, and of which it is a copy
    stated_elsewhere: dict = dataclasses.field(default_factory=dict)  # what the layout needs and config.json does not say
    codec: object = None
    in_codec: Callable = lambda name: False  # which tensors
    bfloat16: tuple = ()  # ends of the names of tensors that this family, unlike others, does not hold in float32
    zeros_behind: dict = dataclasses.field(default_factory=dict)  # the end of a tensor's name, and the entries that zeros follow
    about_one: tuple = ()  # ends of the names of tensors of such values: patterns of all magnitudes would leave a router nothing to tell apart


def linear(name):
    """In FP8: what multiplies within a layer, but for the router."""
    return name.endswith(("_proj.weight", "_proj_with_mqa.weight")) and "eh_proj" not in name


DEEPSEEK = (storage.deepseek_shapes, storage.deepseek_parameters)
CASES = {
    "mimo": Case(MIMO, text.mimo_shapes, text.mimo_parameters),
    "mimo-v2-flash": Case(MIMO_V2_FLASH, text.mimo_v2_flash_shapes, text.mimo_v2_flash_parameters,
                          stated_elsewhere={"num_nextn_predict_layers": 2}),
    "step35": Case(STEP35, text.step35_shapes, text.step35_parameters,
                   copies={"model.layers.3.transformer.shared_head.output.weight": "lm_head.weight"}),
    "bailing-v2": Case(BAILING_V2, mixtures.bailing_shapes, mixtures.bailing_parameters),
    "hy-v3": Case(HY_V3, mixtures.hy_v3_shapes, mixtures.hy_v3_parameters),
    "llama-nemotron": Case(LLAMA_NEMOTRON, text.llama_nemotron_shapes, text.llama_nemotron_parameters),
    "deepseek-v3-fp8": Case(DEEPSEEK_V3, *DEEPSEEK, codec=storage.Fp8(DEEPSEEK_V3, "F32"), in_codec=linear,
                            copies={"model.layers.2.embed_tokens.weight": "model.embed_tokens.weight",
                                    "model.layers.2.shared_head.head.weight": "lm_head.weight"}),
    "moonlight": Case(MOONLIGHT, *DEEPSEEK),
    "minimax-m2-fp8": Case(MINIMAX_M2, mixtures.minimax_shapes, mixtures.minimax_parameters, codec=storage.Fp8(MINIMAX_M2, "F32"),
                           in_codec=lambda name: name.endswith(("_proj.weight", ".w1.weight", ".w2.weight", ".w3.weight"))),
    "kimi-k2-fp8": Case(KIMI_K2_FP8, *DEEPSEEK, codec=storage.Fp8(KIMI_K2_FP8, "BF16"), in_codec=linear),
    "kimi-k2-int4": Case(KIMI_K2_INT4, *DEEPSEEK, codec=storage.Int4(), in_codec=lambda name: ".mlp.experts." in name),
    "gpt-oss-mxfp4": Case(GPT_OSS, storage.gpt_oss_shapes, storage.gpt_oss_parameters, codec=storage.Mxfp4(),
                          in_codec=lambda name: name.endswith(("experts.gate_up_proj", "experts.down_proj"))),
}
