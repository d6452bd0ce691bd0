"""A golden case of make_stated.py: the language model of Kimi K3 beside something that sees. Both sides are written out, by keys of torch_dist, as
Megatron-Bridge's models/kimi/kimi_k3_bridge.py (main, August 2026) maps them: released Megatron-Bridge has no such model."""
from plain import below, stacked
from stated_cases import SIZES, Case
from stated_text import gated, gated_shapes

LANGUAGE = {key: value for key, value in SIZES.items() if key not in ("transformers_version", "use_cache")} | {
    "hidden_act": "situ", "intermediate_size": 28, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16,
    "rms_norm_eps": 1e-05, "attention_bias": False, "q_lora_rank": 18, "kv_lora_rank": 10, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 6,
    "num_experts": 3, "num_experts_per_token": 2, "num_shared_experts": 2, "moe_intermediate_size": 12, "routed_expert_hidden_size": 14,
    "first_k_dense_replace": 1, "moe_layer_freq": 1, "moe_router_activation_func": "sigmoid", "latent_moe_use_norm": True, "routed_scaling_factor": 1.5,
    "use_grouped_topk": True, "num_expert_group": 1, "topk_group": 1, "attn_res_block_size": 12,
    "linear_attn_config": {"kda_layers": [1, 2, 4], "num_heads": 2, "head_dim": 6, "short_conv_kernel_size": 4, "gate_lower_bound": -5.0}}
KIMI_K3 = {"architectures": ["KimiK3ForConditionalGeneration"], "model_type": "kimi_k3", "text_config": LANGUAGE, "vision_config": {"hidden_size": 8},
           "torch_dtype": "bfloat16", "transformers_version": "4.57.1"}

BEHIND = 3  # zeros that published files have behind the entries of the heads
PREFIX = "language_model.model."
LATENT = ("q_a_proj", "q_a_layernorm", "q_b_proj", "kv_a_proj_with_mqa", "kv_a_layernorm", "kv_b_proj", "g_proj", "o_proj")
RESIDUAL = ("self_attention_res_norm", "self_attention_res_proj", "mlp_res_norm", "mlp_res_proj")
ROUTED = {"gate.weight": "router.weight", "gate.e_score_correction_bias": "router.expert_bias", "routed_expert_down_proj.weight": "fc1_latent_proj.weight",
          "routed_expert_norm.weight": "routed_expert_norm.weight", "routed_expert_up_proj.weight": "fc2_latent_proj.weight"}


def attention_shapes(text, number):
    hidden, linear = text["hidden_size"], text["linear_attn_config"]
    if number + 1 in linear["kda_layers"]:
        heads, width = linear["num_heads"], linear["head_dim"]
        all_heads = heads * width
        return {**{f"{name}_proj.weight": (all_heads, hidden) for name in "qkvg"},
                **{f"{name}_conv1d.weight": (all_heads, 1, linear["short_conv_kernel_size"]) for name in "qkv"},
                "f_a_proj.weight": (width, hidden), "f_b_proj.weight": (all_heads, width), "b_proj.weight": (heads, hidden), "A_log": (heads + BEHIND,),
                "dt_bias": (all_heads,), "o_norm.weight": (width,), "o_proj.weight": (hidden, all_heads)}
    heads, rank, query_rank = text["num_attention_heads"], text["kv_lora_rank"], text["q_lora_rank"]
    nope, rope, value = text["qk_nope_head_dim"], text["qk_rope_head_dim"], text["v_head_dim"]
    of = {"q_a_proj": (query_rank, hidden), "q_a_layernorm": (query_rank,), "q_b_proj": (heads * (nope + rope), query_rank),
          "kv_a_proj_with_mqa": (rank + rope, hidden), "kv_a_layernorm": (rank,), "kv_b_proj": (heads * (nope + value), rank),
          "g_proj": (heads * value, hidden), "o_proj": (hidden, heads * value)}
    return {f"{name}.weight": of[name] for name in LATENT}


def kimi_k3_shapes(config):
    text = config["text_config"]
    hidden, latent, inner, count = text["hidden_size"], text["routed_expert_hidden_size"], text["moe_intermediate_size"], text["num_experts"]
    table = (text["vocab_size"], hidden)
    shapes = {PREFIX + "embed_tokens.weight": table, PREFIX + "norm.weight": (hidden,), "language_model.lm_head.weight": table,
              PREFIX + "output_attn_res_norm.weight": (hidden,), PREFIX + "output_attn_res_proj.weight": (1, hidden),
              "vision_tower.encoder.weight": (8, 6), "mm_projector.proj.weight": (hidden, 8)}
    for number in range(text["num_hidden_layers"]):
        layer = f"{PREFIX}layers.{number}."
        shapes |= {layer + "self_attn." + name: shape for name, shape in attention_shapes(text, number).items()}
        shapes |= {f"{layer}{name}.weight": (1, hidden) if name.endswith("proj") else (hidden,) for name in RESIDUAL}
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        if number < text["first_k_dense_replace"]:
            shapes |= gated_shapes(layer + "mlp.", text["intermediate_size"], hidden)
            continue
        moe = layer + "block_sparse_moe."
        shapes |= {moe + "gate.weight": (count, hidden), moe + "gate.e_score_correction_bias": (count,), moe + "routed_expert_down_proj.weight": (latent, hidden),
                   moe + "routed_expert_norm.weight": (latent,), moe + "routed_expert_up_proj.weight": (hidden, latent)}
        for expert in range(count):
            shapes |= {f"{moe}experts.{expert}.{name}.weight": (latent, inner) if name == "w2" else (inner, latent) for name in ("w1", "w2", "w3")}
        shapes |= gated_shapes(moe + "shared_experts.", inner * text["num_shared_experts"], hidden)
    return shapes


def kimi_k3_parameters(config, hf):
    text = config["text_config"]
    last = text["num_hidden_layers"] - 1
    found = {"embedding.word_embeddings.weight": hf[PREFIX + "embed_tokens.weight"], "decoder.final_layernorm.weight": hf[PREFIX + "norm.weight"],
             "output_layer.weight": hf["language_model.lm_head.weight"],
             **{f"decoder.layers.{last}.output_attn_res_{name}.weight": hf[f"{PREFIX}output_attn_res_{name}.weight"] for name in ("norm", "proj")}}
    for number in range(text["num_hidden_layers"]):
        source, target = f"{PREFIX}layers.{number}.", f"decoder.layers.{number}."
        found |= {f"{target}self_attention.{name}": hf[f"{source}self_attn.{name}"] for name in attention_shapes(text, number)}
        found |= {f"{target}{name}.weight": hf[f"{source}{name}.weight"] for name in (*RESIDUAL, "input_layernorm")}
        found[target + "pre_mlp_layernorm.weight"] = hf[source + "post_attention_layernorm.weight"]
        if number < text["first_k_dense_replace"]:
            found |= gated(hf, source + "mlp.", target + "mlp.")
            continue
        moe = source + "block_sparse_moe."
        found |= {f"{target}mlp.{there}": hf[moe + here] for here, there in ROUTED.items()}
        weight = lambda expert, name: hf[f"{moe}experts.{expert}.{name}.weight"]  # noqa: E731
        each = range(text["num_experts"])
        found[target + "mlp.experts.experts.linear_fc1.weight"] = stacked(below(weight(expert, "w1"), weight(expert, "w3")) for expert in each)
        found[target + "mlp.experts.experts.linear_fc2.weight"] = stacked(weight(expert, "w2") for expert in each)
        found |= gated(hf, moe + "shared_experts.", target + "mlp.shared_experts.")
    return found


CASES = {"kimi-k3": Case(KIMI_K3, kimi_k3_shapes, kimi_k3_parameters, bfloat16=(".block_sparse_moe.gate.weight",),
                         zeros_behind={".A_log": LANGUAGE["linear_attn_config"]["num_heads"]})}
