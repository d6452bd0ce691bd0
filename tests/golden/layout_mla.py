"""The layouts of latent attention with a mixture of experts, both sides: an independent statement like that of layout.py.

Nothing is permuted or merged but gate and up; what is worth saying is which tensor becomes which parameter, and its shape.
"""
import torch

MODEL_TYPES = {"deepseek_v2", "deepseek_v3", "kimi_k2"}

# Behind "self_attn." and "self_attention."; with a low rank for queries and without.
ATTENTION = {"kv_a_proj_with_mqa.weight": "linear_kv_down_proj.weight", "kv_a_layernorm.weight": "linear_kv_up_proj.layer_norm_weight",
             "kv_b_proj.weight": "linear_kv_up_proj.weight", "o_proj.weight": "linear_proj.weight"}
LOW_RANK = {"q_a_proj.weight": "linear_q_down_proj.weight", "q_a_layernorm.weight": "linear_q_up_proj.layer_norm_weight",
            "q_b_proj.weight": "linear_q_up_proj.weight"}
FULL_RANK = {"q_proj.weight": "linear_q_proj.weight"}
PREDICTION = {"enorm.weight": "enorm.weight", "hnorm.weight": "hnorm.weight", "eh_proj.weight": "eh_proj.weight",
              "shared_head.norm.weight": "final_layernorm.weight"}


def _is_mixture(config, layer):
    return layer >= config["first_k_dense_replace"] and layer % config.get("moe_layer_freq", 1) == 0


def _predictions(config):
    return config.get("num_nextn_predict_layers") or 0


def _gated(prefix, width, hidden):
    return {f"{prefix}gate_proj.weight": (width, hidden), f"{prefix}up_proj.weight": (width, hidden),
            f"{prefix}down_proj.weight": (hidden, width)}


def hf_shapes(config):
    hidden, heads, rows = config["hidden_size"], config["num_attention_heads"], config["vocab_size"]
    nope, rope, value = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["v_head_dim"]
    rank, query_rank = config["kv_lora_rank"], config["q_lora_rank"]
    width, experts = config["moe_intermediate_size"], config["n_routed_experts"]
    shapes = {"model.embed_tokens.weight": (rows, hidden)}
    for number in range(config["num_hidden_layers"] + _predictions(config)):
        layer = f"model.layers.{number}."
        attention = layer + "self_attn."
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        if query_rank is None:
            shapes[attention + "q_proj.weight"] = (heads * (nope + rope), hidden)
        else:
            shapes[attention + "q_a_proj.weight"] = (query_rank, hidden)
            shapes[attention + "q_a_layernorm.weight"] = (query_rank,)
            shapes[attention + "q_b_proj.weight"] = (heads * (nope + rope), query_rank)
        shapes[attention + "kv_a_proj_with_mqa.weight"] = (rank + rope, hidden)
        shapes[attention + "kv_a_layernorm.weight"] = (rank,)
        shapes[attention + "kv_b_proj.weight"] = (heads * (nope + value), rank)
        shapes[attention + "o_proj.weight"] = (hidden, heads * value)
        if _is_mixture(config, number):
            shapes[layer + "mlp.gate.weight"] = (experts, hidden)
            if config["model_type"] != "deepseek_v2":
                shapes[layer + "mlp.gate.e_score_correction_bias"] = (experts,)
            for expert in range(experts):
                shapes |= _gated(f"{layer}mlp.experts.{expert}.", width, hidden)
            if config["n_shared_experts"]:
                shapes |= _gated(f"{layer}mlp.shared_experts.", width * config["n_shared_experts"], hidden)
        else:
            shapes |= _gated(f"{layer}mlp.", config["intermediate_size"], hidden)
        if number >= config["num_hidden_layers"]:
            shapes[layer + "embed_tokens.weight"] = shapes[layer + "shared_head.head.weight"] = (rows, hidden)
            shapes[layer + "eh_proj.weight"] = (hidden, 2 * hidden)
            for name in ("enorm.weight", "hnorm.weight", "shared_head.norm.weight"):
                shapes[layer + name] = (hidden,)
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (rows, hidden)
    return shapes


def _layer(config, hf, source, target, mixture):
    """One transformer layer, `source` and `target` being what its names begin with."""
    def gated(here, there, number=""):
        found[f"{target}{there}linear_fc1.weight{number}"] = torch.cat([hf[f"{source}{here}{name}_proj.weight"] for name in ("gate", "up")])
        found[f"{target}{there}linear_fc2.weight{number}"] = hf[f"{source}{here}down_proj.weight"]

    found = {target + "input_layernorm.weight": hf[source + "input_layernorm.weight"]}
    for here, there in (ATTENTION | (FULL_RANK if config["q_lora_rank"] is None else LOW_RANK)).items():
        found[f"{target}self_attention.{there}"] = hf[f"{source}self_attn.{here}"]
    if config["q_lora_rank"] is None:
        # A norm that Megatron-Core 0.19 adds of its own accord.
        found[target + "self_attention.linear_q_proj.layer_norm_weight"] = torch.ones_like(hf[source + "input_layernorm.weight"])
    norm = hf[source + "post_attention_layernorm.weight"]
    if not mixture:
        found[target + "mlp.linear_fc1.layer_norm_weight"] = norm
        gated("mlp.", "mlp.")
        return found
    found[target + "pre_mlp_layernorm.weight"] = norm
    found[target + "mlp.router.weight"] = hf[source + "mlp.gate.weight"]
    if config["model_type"] != "deepseek_v2":
        found[target + "mlp.router.expert_bias"] = hf[source + "mlp.gate.e_score_correction_bias"].float()
    for expert in range(config["n_routed_experts"]):
        gated(f"mlp.experts.{expert}.", "mlp.experts.", expert)
    if config["n_shared_experts"]:
        gated("mlp.shared_experts.", "mlp.shared_experts.")
    return found


def megatron_parameters(config, hf):
    """Live names of a Megatron-Core model with Transformer Engine layers, one rank; buffers that are saved too."""
    found = {"embedding.word_embeddings.weight": hf["model.embed_tokens.weight"]}
    layers = config["num_hidden_layers"]
    for number in range(layers):
        found |= _layer(config, hf, f"model.layers.{number}.", f"decoder.layers.{number}.", _is_mixture(config, number))
    for number in range(_predictions(config)):
        source, target = f"model.layers.{layers + number}.", f"mtp.layers.{number}."
        for here, there in PREDICTION.items():
            found[target + there] = hf[source + here]
        found |= _layer(config, hf, source, target + "mtp_model_layer.", _is_mixture(config, layers + number))
    found["decoder.final_layernorm.weight"] = hf["model.norm.weight"]
    if not config["tie_word_embeddings"]:
        found["output_layer.weight"] = hf["lm_head.weight"]
    return {name: value.contiguous() for name, value in found.items()}
