"""More golden cases of make_families.py, as in families.py: mixtures of experts."""
import families
from families import EXPERTS, SIZES

MINIMAX_M2 = {"architectures": ["MiniMaxM2ForCausalLM"], "model_type": "minimax_m2", **SIZES, "intermediate_size": 12, "num_local_experts": 3,
              "num_experts_per_tok": 2, "hidden_act": "silu", "rms_norm_eps": 1e-06, "rope_theta": 5000000.0, "rope_scaling": None,
              "rotary_dim": 4, "partial_rotary_factor": 0.5, "scoring_func": "sigmoid", "use_routing_bias": True, "use_qk_norm": True,
              "qk_norm_type": "per_layer", "attn_type_list": [1, 1], "shared_intermediate_size": 0, "output_router_logits": False,
              "router_aux_loss_coef": 0.001}
ERNIE45 = {"architectures": ["Ernie4_5_MoeForCausalLM"], "model_type": "ernie4_5_moe", **SIZES, "intermediate_size": 28, "moe_intermediate_size": 12,
           "moe_k": 2, "moe_num_experts": 3, "moe_num_shared_experts": 2, "moe_layer_start_index": 1, "moe_layer_end_index": 1,
           "moe_layer_interval": 1, "moe_use_aux_free": True, "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
           "rope_scaling": None, "use_bias": False, "tie_word_embeddings": True, "router_aux_loss_coef": 0.001}
OLMOE = {"architectures": ["OlmoeForCausalLM"], "model_type": "olmoe", **SIZES, **EXPERTS, "hidden_size": 24, "intermediate_size": 12, "num_key_value_heads": 4,
         "num_experts": 3, "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_scaling": None, "clip_qkv": None, "norm_topk_prob": False,
         "attention_bias": False, "router_aux_loss_coef": 0.01, "output_router_logits": False}
for without in ("head_dim", "moe_intermediate_size"):
    del OLMOE[without]

families.CASES |= {"minimax-m2": MINIMAX_M2, "ernie45-moe": ERNIE45, "olmoe": OLMOE}
families.FLOAT32 |= {"minimax-m2": (".e_score_correction_bias",), "ernie45-moe": (".e_score_correction_bias", ".mlp.gate.weight")}
