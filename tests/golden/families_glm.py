"""Cases of make_families.py: GLM. What transformers does not build, the layers that predict further tokens, is stated here."""
import families
from families import EXPERTS, SIZES

MIXTURE = {**EXPERTS, "hidden_act": "silu", "rms_norm_eps": 1e-05, "n_routed_experts": 3, "n_shared_experts": 2, "n_group": 1, "topk_group": 1,
           "first_k_dense_replace": 1, "norm_topk_prob": True, "routed_scaling_factor": 2.5, "num_nextn_predict_layers": 1}
LATENT = {"num_key_value_heads": 4, "q_lora_rank": 18, "kv_lora_rank": 10, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 6,
          "attention_bias": False, "topk_method": "noaux_tc"}
GLM45 = {"architectures": ["Glm4MoeForCausalLM"], "model_type": "glm4_moe", **SIZES, **MIXTURE, "n_shared_experts": 1, "attention_bias": True,
         "use_qk_norm": True, "partial_rotary_factor": 0.5, "rope_scaling": None}
FLASH = {"architectures": ["Glm4MoeLiteForCausalLM"], "model_type": "glm4_moe_lite", **SIZES, **MIXTURE, **LATENT, "partial_rotary_factor": 1.0,
         "rope_scaling": None, "routed_scaling_factor": 1.8}
del FLASH["head_dim"]
# Layer 1 sees the tokens that the indexer of layer 0 selects, three at most.
GLM52 = {"architectures": ["GlmMoeDsaForCausalLM"], "model_type": "glm_moe_dsa", **SIZES, **MIXTURE, **LATENT, "num_hidden_layers": 3, "head_dim": 4,
         "qk_head_dim": 12, "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "scoring_func": "sigmoid",
         "index_n_heads": 3, "index_head_dim": 10, "index_topk": 3, "index_topk_freq": 2, "index_skip_topk_offset": 1,
         "indexer_types": ["full", "shared", "full"], "n_routed_experts": 2, "indexer_rope_interleave": True, "rope_interleave": True}
del GLM52["rope_theta"]


def with_prediction(number, copies):
    """Adds layer `number` to what transformers saves: one like the layer before it, between projections of its own."""
    def added(saved):
        last, own = f"model.layers.{number - 1}.", f"model.layers.{number}."
        found = {own + name.removeprefix(last): what for name, what in saved.items() if name.startswith(last)}
        (rows, hidden), dtype = saved["model.embed_tokens.weight"]
        found |= {own + name + ".weight": ([hidden], dtype) for name in ("enorm", "hnorm", "shared_head.norm")}
        found[own + "eh_proj.weight"] = ([hidden, 2 * hidden], dtype)
        if copies:
            found |= {own + name: ([rows, hidden], dtype) for name in COPIES}
        return found
    return added


COPIES = {"embed_tokens.weight": "model.embed_tokens.weight", "shared_head.head.weight": "lm_head.weight"}
families.CASES |= {"glm45": GLM45, "glm47-flash": FLASH, "glm52": GLM52}
families.FLOAT32 |= {case: (".e_score_correction_bias",) for case in ("glm45", "glm47-flash", "glm52")}
families.ADDED |= {"glm45": with_prediction(2, copies=True), "glm47-flash": with_prediction(2, copies=False), "glm52": with_prediction(3, copies=False)}
families.COPIES |= {"glm45": {"model.layers.2." + name: source for name, source in COPIES.items()}}
