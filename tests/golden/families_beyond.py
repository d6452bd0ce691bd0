"""The golden cases of make_beyond.py: what their config.json says, and the layout of their Megatron side, written out.

Megatron-Bridge knows none of these families. What Megatron-Core's modules are called and how they keep their weights is stated for them as
it is for the others in layout.py."""
import torch

from layout import interleave

SIZES = {"hidden_size": 16, "intermediate_size": 20, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, "vocab_size": 40,
         "max_position_embeddings": 512, "initializer_range": 0.02, "attention_dropout": 0.0, "hidden_act": "silu", "rms_norm_eps": 1e-05,
         "rope_theta": 10000.0, "rope_scaling": None, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"}

PHI3 = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", **SIZES, "attention_bias": False, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
        "original_max_position_embeddings": 512, "pad_token_id": 0, "sliding_window": 4}
# Sequences of six tokens are longer than the original length: long factors hold, of six of eight features.
PHI4_MINI = {**PHI3, "hidden_size": 32, "num_key_value_heads": 4, "tie_word_embeddings": True, "sliding_window": 262144, "partial_rotary_factor": 0.75,
             "original_max_position_embeddings": 4,
             "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.0, 1.0], "long_factor": [1.0, 1.5, 4.25]}}
# Short factors hold.
PHI3_LONG = {**PHI3, "sliding_window": None, "original_max_position_embeddings": 64,
             "rope_scaling": {"type": "longrope", "short_factor": [1.05, 1.5], "long_factor": [2.0, 8.0]}}

OLMO = {"architectures": ["OlmoForCausalLM"], "model_type": "olmo", **SIZES, "attention_bias": False, "clip_qkv": None, "pad_token_id": 0,
        "eos_token_id": 2}
del OLMO["rms_norm_eps"]
OLMO2 = {"architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", **SIZES, "rms_norm_eps": 1e-06, "rope_theta": 500000.0, "attention_bias": False,
         "pad_token_id": 0}
OLMO3 = {"architectures": ["Olmo3ForCausalLM"], "model_type": "olmo3", **SIZES, "num_hidden_layers": 4, "rms_norm_eps": 1e-06, "attention_bias": False,
         "pad_token_id": 0, "sliding_window": 4, "layer_types": ["sliding_attention"] * 3 + ["full_attention"], "rope_theta": 500000.0}

SMOLLM3 = {"architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", **SIZES, "num_hidden_layers": 3, "rms_norm_eps": 1e-06, "rope_theta": 5000000.0,
           "attention_bias": False, "mlp_bias": False, "no_rope_layer_interval": 4, "no_rope_layers": [1, 0, 1], "use_sliding_window": True,
           "sliding_window": 4, "layer_types": ["full_attention", "full_attention", "sliding_attention"], "tie_word_embeddings": True, "pad_token_id": 0}
STARCODER2 = {"architectures": ["Starcoder2ForCausalLM"], "model_type": "starcoder2", **SIZES, "hidden_act": "gelu_pytorch_tanh", "norm_epsilon": 1e-05,
              "use_bias": True, "sliding_window": 4, "embedding_dropout": 0.1, "residual_dropout": 0.1, "attention_dropout": 0.1, "mlp_type": "default",
              "norm_type": "layer_norm"}
for unused in ("rms_norm_eps", "rope_scaling", "tie_word_embeddings"):
    del STARCODER2[unused]
FALCON3 = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **SIZES, "head_dim": 12, "rms_norm_eps": 1e-06, "rope_theta": 1000042,
           "attention_bias": False, "mlp_bias": False, "pretraining_tp": 1}


def phi(config, hf):
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    width, inner = config["hidden_size"] // heads, config["intermediate_size"]
    found = outer(config, hf)
    for source, target in layers(config):
        rows = hf[source + "self_attn.qkv_proj.weight"]
        query, key = heads * width, groups * width
        assert len(rows) == query + 2 * key and len(hf[source + "mlp.gate_up_proj.weight"]) == 2 * inner
        found[target + "self_attention.linear_qkv.layer_norm_weight"] = hf[source + "input_layernorm.weight"]
        found[target + "self_attention.linear_qkv.weight"] = interleave(rows[:query], rows[query:query + key], rows[query + key:], heads, groups, width)
        found[target + "self_attention.linear_proj.weight"] = hf[source + "self_attn.o_proj.weight"]
        found[target + "mlp.linear_fc1.layer_norm_weight"] = hf[source + "post_attention_layernorm.weight"]
        found[target + "mlp.linear_fc1.weight"] = hf[source + "mlp.gate_up_proj.weight"]
        found[target + "mlp.linear_fc2.weight"] = hf[source + "mlp.down_proj.weight"]
    return found


def olmo(config, hf):
    """OLMo's norms have no weights; ones and zeros stand for them. OLMo 2 and 3 have norms of other places, and over all queries and keys."""
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    width, hidden = config["hidden_size"] // heads, config["hidden_size"]
    found = outer(config, hf)
    plain = config["model_type"] == "olmo"
    norms = {"weight": torch.ones(hidden, dtype=torch.bfloat16), "bias": torch.zeros(hidden, dtype=torch.bfloat16)}
    if plain:
        found |= {f"decoder.final_layernorm.{kind}": value.clone() for kind, value in norms.items()}
    for source, target in layers(config):
        q, k, v = (hf[f"{source}self_attn.{name}_proj.weight"] for name in "qkv")
        found[target + "self_attention.linear_qkv.weight"] = interleave(q, k, v, heads, groups, width)
        found[target + "self_attention.linear_proj.weight"] = hf[source + "self_attn.o_proj.weight"]
        found[target + "mlp.linear_fc1.weight"] = torch.cat([hf[source + "mlp.gate_proj.weight"], hf[source + "mlp.up_proj.weight"]])
        found[target + "mlp.linear_fc2.weight"] = hf[source + "mlp.down_proj.weight"]
        for linear in ("self_attention.linear_qkv", "mlp.linear_fc1"):
            found |= {f"{target}{linear}.layer_norm_{kind}": value.clone() for kind, value in norms.items() if plain}
        if not plain:
            found[target + "self_attention.q_layernorm.weight"] = hf[source + "self_attn.q_norm.weight"]
            found[target + "self_attention.k_layernorm.weight"] = hf[source + "self_attn.k_norm.weight"]
            found[target + "self_attention.linear_proj.post_layernorm.weight"] = hf[source + "post_attention_layernorm.weight"]
            found[target + "mlp.linear_fc2.post_layernorm.weight"] = hf[source + "post_feedforward_layernorm.weight"]
    return found


def pre_norm(config, hf):
    """Llama's block, or StarCoder2's: norms with a bias, an mlp without a gate, biases everywhere."""
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    width = config.get("head_dim", config["hidden_size"] // heads)
    names = {"input_layernorm.": "self_attention.linear_qkv.layer_norm_", "post_attention_layernorm.": "mlp.linear_fc1.layer_norm_",
             "self_attn.o_proj.": "self_attention.linear_proj.", "mlp.c_fc.": "mlp.linear_fc1.", "mlp.c_proj.": "mlp.linear_fc2.",
             "mlp.down_proj.": "mlp.linear_fc2."}
    found = outer(config, hf)
    for source, target in layers(config):
        for kind in ("weight", "bias"):
            found |= {f"{target}{there}{kind}": hf[f"{source}{here}{kind}"] for here, there in names.items() if f"{source}{here}{kind}" in hf}
            if f"{source}self_attn.q_proj.{kind}" in hf:
                q, k, v = (hf[f"{source}self_attn.{name}_proj.{kind}"] for name in "qkv")
                found[f"{target}self_attention.linear_qkv.{kind}"] = interleave(q, k, v, heads, groups, width)
        if source + "mlp.gate_proj.weight" in hf:
            found[target + "mlp.linear_fc1.weight"] = torch.cat([hf[source + "mlp.gate_proj.weight"], hf[source + "mlp.up_proj.weight"]])
    return found


def layers(config):
    """Beginnings of the names of every layer's tensors on both sides."""
    return [(f"model.layers.{number}.", f"decoder.layers.{number}.") for number in range(config["num_hidden_layers"])]


def outer(config, hf):
    """What comes before the first layer and after the last one."""
    found = {"embedding.word_embeddings.weight": hf["model.embed_tokens.weight"]}
    for kind in ("weight", "bias"):
        if f"model.norm.{kind}" in hf:
            found[f"decoder.final_layernorm.{kind}"] = hf[f"model.norm.{kind}"]
    if not config.get("tie_word_embeddings", True):
        found["output_layer.weight"] = hf["lm_head.weight"]
    return found


CASES = {"phi3": (PHI3, phi), "phi3-long": (PHI3_LONG, phi), "phi4-mini": (PHI4_MINI, phi),
         "olmo": (OLMO, olmo), "olmo2": (OLMO2, olmo), "olmo3": (OLMO3, olmo),
         "smollm3": (SMOLLM3, pre_norm), "starcoder2": (STARCODER2, pre_norm), "falcon3": (FALCON3, pre_norm)}
