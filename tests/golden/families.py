"""The golden cases of make_families.py: what their config.json says. Sizes are small and all different, so that no two axes can be
exchanged unnoticed."""

SIZES = {"hidden_size": 20, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 40, "num_hidden_layers": 2,
         "max_position_embeddings": 512, "initializer_range": 0.02, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
         "torch_dtype": "bfloat16", "rope_theta": 10000.0, "tie_word_embeddings": False}
EXPERTS = {"intermediate_size": 28, "moe_intermediate_size": 12, "num_experts_per_tok": 2}
LINEAR = {"linear_conv_kernel_dim": 4, "linear_key_head_dim": 6, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
          "linear_value_head_dim": 5, "partial_rotary_factor": 0.25}

QWEN3_MOE = {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", **SIZES, **EXPERTS, "num_experts": 3, "hidden_act": "silu",
             "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True, "rms_norm_eps": 1e-06, "rope_scaling": None,
             "router_aux_loss_coef": 0.001}
GPT_OSS = {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", **SIZES, "hidden_size": 24, "intermediate_size": 24,
           "num_local_experts": 3, "num_experts_per_tok": 2, "experts_per_token": 2, "attention_bias": True, "hidden_act": "silu", "rms_norm_eps": 1e-05,
           "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"], "initial_context_length": 4096,
           "rope_theta": 150000.0, "swiglu_limit": 7.0,
           "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "original_max_position_embeddings": 4096,
                            "rope_type": "yarn", "truncate": False}}
DEEPSEEK_V3 = {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", **SIZES, **EXPERTS, "num_key_value_heads": 4,
               "n_routed_experts": 4, "n_shared_experts": 1, "first_k_dense_replace": 1, "n_group": 2, "topk_group": 1,
               "q_lora_rank": 18, "kv_lora_rank": 10, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 6,
               "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": True,
               "hidden_act": "silu", "attention_bias": False, "rms_norm_eps": 1e-06, "rope_scaling": None, "moe_layer_freq": 1}
del DEEPSEEK_V3["head_dim"]
QWEN3_NEXT = {"architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next", **SIZES, **EXPERTS, **LINEAR, "num_experts": 2,
              "shared_expert_intermediate_size": 14, "full_attention_interval": 2, "hidden_act": "silu", "norm_topk_prob": True,
              "decoder_sparse_step": 1, "mlp_only_layers": [], "rms_norm_eps": 1e-06, "rope_scaling": None, "attention_bias": False,
              "router_aux_loss_coef": 0.001, "output_router_logits": False}
QWEN35 = {"architectures": ["Qwen3_5ForCausalLM"], "model_type": "qwen3_5_text", **SIZES, **LINEAR, "intermediate_size": 28,
          "layer_types": ["linear_attention", "full_attention"], "hidden_act": "silu", "rms_norm_eps": 1e-06, "attention_bias": False,
          "rope_parameters": {"mrope_interleaved": True, "mrope_section": [1, 0, 0], "partial_rotary_factor": 0.25, "rope_theta": 10000.0,
                              "rope_type": "default"}, "attn_output_gate": True}
NEMOTRON_H = {"architectures": ["NemotronHForCausalLM"], "model_type": "nemotron_h", **SIZES, "intermediate_size": 28, "expand": 2,
              "hybrid_override_pattern": "ME*-", "num_hidden_layers": 4, "mamba_num_heads": 4, "mamba_head_dim": 10, "n_groups": 2,
              "ssm_state_size": 6, "conv_kernel": 4, "chunk_size": 16, "use_conv_bias": True, "use_bias": False, "mlp_bias": False,
              "attention_bias": False, "mamba_proj_bias": False, "mlp_hidden_act": "relu2", "mamba_hidden_act": "silu",
              "layer_norm_epsilon": 1e-05, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 12,
              "moe_shared_expert_intermediate_size": 14, "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "norm_topk_prob": True,
              "routed_scaling_factor": 2.5, "residual_in_fp32": False, "time_step_limit": [0.0, float("inf")], "time_step_min": 0.001,
              "time_step_max": 0.1, "time_step_floor": 0.0001}
FALCON_H1 = {"architectures": ["FalconH1ForCausalLM"], "model_type": "falcon_h1", **SIZES, "intermediate_size": 28, "hidden_act": "silu",
             "mamba_d_ssm": 40, "mamba_n_heads": 4, "mamba_d_head": 10, "mamba_n_groups": 2, "mamba_d_state": 6, "mamba_d_conv": 4,
             "mamba_expand": 2, "mamba_chunk_size": 16, "mamba_conv_bias": True, "mamba_proj_bias": False, "mamba_rms_norm": True,
             "mamba_norm_before_gate": False, "attention_bias": False, "mlp_bias": False, "projectors_bias": False,
             "rms_norm_eps": 1e-05, "rope_scaling": None, "ssm_multipliers": [0.35, 0.25, 0.18, 0.5, 0.31], "mlp_multipliers": [0.8, 0.6],
             "embedding_multiplier": 1.5, "lm_head_multiplier": 0.5, "key_multiplier": 0.7, "attention_in_multiplier": 1.0,
             "attention_out_multiplier": 0.9, "ssm_in_multiplier": 1.25, "ssm_out_multiplier": 0.24}
GEMMA3 = {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", **SIZES, "intermediate_size": 28,
          "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 16, "sliding_window": 8, "sliding_window_pattern": 2,
          "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "rope_scaling": None, "rms_norm_eps": 1e-06, "tie_word_embeddings": True,
          "attention_bias": False}
# Megatron-Bridge cannot import a vocabulary that 128 does not divide.
GEMMA4 = {"architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", **SIZES, "vocab_size": 128, "intermediate_size": 28, "attention_k_eq_v": True,
          "enable_moe_block": False, "final_logit_softcapping": 30.0, "global_head_dim": 12, "num_global_key_value_heads": 1,
          "hidden_activation": "gelu_pytorch_tanh", "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0,
          "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8, "rms_norm_eps": 1e-06, "tie_word_embeddings": True,
          "vocab_size_per_layer_input": 40, "use_double_wide_mlp": False, "attention_bias": False,
          "rope_parameters": {"full_attention": {"partial_rotary_factor": 0.25, "rope_theta": 1000000.0, "rope_type": "proportional"},
                              "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}}}
del GEMMA4["rope_theta"]
QWEN3_VL = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", "tie_word_embeddings": False,
            "image_token_id": 36, "video_token_id": 37, "vision_start_token_id": 38, "vision_end_token_id": 39,
            "text_config": {"model_type": "qwen3_vl_text", **{name: value for name, value in SIZES.items() if name != "torch_dtype"},
                            "dtype": "bfloat16", "intermediate_size": 28, "hidden_act": "silu", "rms_norm_eps": 1e-06, "attention_bias": False,
                            "rope_scaling": {"mrope_interleaved": True, "mrope_section": [2, 1, 1], "rope_type": "default"}},
            "vision_config": {"model_type": "qwen3_vl", "depth": 2, "hidden_size": 16, "intermediate_size": 22, "num_heads": 2, "in_channels": 3,
                              "hidden_act": "gelu_pytorch_tanh", "num_position_embeddings": 16, "out_hidden_size": 20, "patch_size": 4,
                              "spatial_merge_size": 2, "temporal_patch_size": 2, "initializer_range": 0.02, "deepstack_visual_indexes": [1]}}
GEMMA3_VL = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "torch_dtype": "bfloat16", "boi_token_index": 36,
             "eoi_token_index": 37, "image_token_index": 38, "mm_tokens_per_image": 4,
             "text_config": {**{name: value for name, value in GEMMA3.items() if name not in ("architectures", "torch_dtype", "tie_word_embeddings")}},
             "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 22, "num_attention_heads": 2,
                               "num_hidden_layers": 2, "image_size": 16, "patch_size": 4, "vision_use_head": False}}
QWEN2_AUDIO = {"architectures": ["Qwen2AudioForConditionalGeneration"], "model_type": "qwen2_audio", "torch_dtype": "bfloat16", "audio_token_index": 39,
               "ignore_index": -100, "vocab_size": 40,
               "audio_config": {"model_type": "qwen2_audio_encoder", "num_mel_bins": 8, "d_model": 16, "encoder_layers": 2,
                                "encoder_attention_heads": 2, "encoder_ffn_dim": 22, "max_source_positions": 10, "scale_embedding": False,
                                "activation_function": "gelu", "encoder_layerdrop": 0.0},
               "text_config": {"model_type": "qwen2", "vocab_size": 40, "hidden_size": 20, "intermediate_size": 28, "num_hidden_layers": 2,
                               "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "rope_theta": 10000.0,
                               "rms_norm_eps": 1e-05, "torch_dtype": "bfloat16", "bos_token_id": 1, "eos_token_id": 2}}

CASES = {"qwen3-moe": QWEN3_MOE, "gpt-oss": GPT_OSS, "deepseek-v3": DEEPSEEK_V3, "qwen3-next": QWEN3_NEXT, "qwen35": QWEN35,
         "nemotron3": NEMOTRON_H, "falcon-h1": FALCON_H1, "gemma3": GEMMA3, "gemma4": GEMMA4, "qwen3-vl": QWEN3_VL,
         "gemma3-vl": GEMMA3_VL, "qwen2-audio": QWEN2_AUDIO}
# Beginnings of names of published files that transformers spells otherwise when it saves.
RENAMED = {"nemotron3": {"backbone.embedding.": "backbone.embeddings."}, "qwen2-audio": {"language_model.model.model.": "language_model.model."}}
# Norms that are zero-centred on Megatron's side only: key, then tensor. Megatron-Bridge subtracts 1 in bfloat16, which loses bits; a
# conversion that must come back keeps float32.
LESS_ONE = {case: {"decoder.layers.0.self_attention.out_norm.weight": "model.layers.0.linear_attn.norm.weight"} for case in ("qwen35", "qwen3-next")}
# Ends of the names of tensors that published files hold in float32.
FLOAT32 = {"nemotron3": (".A_log", ".mixer.D", ".e_score_correction_bias"), "deepseek-v3": (".e_score_correction_bias",), "qwen35": (".A_log",)}
# Of tensors that published files hold beside those that transformers saves: a function of {name: (shape, dtype)} of the saved ones.
ADDED = {}
# Tensors that are copies of others: {copy: original}.
COPIES = {}
