"""The layouts of both sides, written out row by row: an independent statement of what a conversion must do."""
import torch


def _sizes(config):
    heads = config["num_attention_heads"]
    return heads, config["num_key_value_heads"] or heads, config.get("head_dim") or config["hidden_size"] // heads


def _biases(config):
    """Whether q, k, v; o; and the MLP have biases."""
    qkv = config["model_type"] == "qwen2" or config.get("attention_bias", False)
    return qkv, config.get("attention_bias", False), config.get("mlp_bias", False)


def hf_shapes(config):
    hidden, inner, rows = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    heads, groups, width = _sizes(config)
    qkv_bias, o_bias, mlp_bias = _biases(config)
    shapes = {"model.embed_tokens.weight": (rows, hidden)}
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        shapes[layer + "input_layernorm.weight"] = (hidden,)
        for name, out in (("q", heads * width), ("k", groups * width), ("v", groups * width)):
            shapes[f"{layer}self_attn.{name}_proj.weight"] = (out, hidden)
            if qkv_bias:
                shapes[f"{layer}self_attn.{name}_proj.bias"] = (out,)
        shapes[layer + "self_attn.o_proj.weight"] = (hidden, heads * width)
        if o_bias:
            shapes[layer + "self_attn.o_proj.bias"] = (hidden,)
        if config["model_type"] == "qwen3":
            shapes[layer + "self_attn.q_norm.weight"] = shapes[layer + "self_attn.k_norm.weight"] = (width,)
        shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        for name, out, into in (("gate", inner, hidden), ("up", inner, hidden), ("down", hidden, inner)):
            shapes[f"{layer}mlp.{name}_proj.weight"] = (out, into)
            if mlp_bias:
                shapes[f"{layer}mlp.{name}_proj.bias"] = (out,)
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (rows, hidden)
    return shapes


def interleave(q, k, v, heads, groups, width):
    """Rows of linear_qkv: for every group its query heads, then its key head, then its value head."""
    rows, queries = [], heads // groups
    for group in range(groups):
        for head in range(group * queries, (group + 1) * queries):
            rows += [q[head * width + row] for row in range(width)]
        rows += [k[group * width + row] for row in range(width)]
        rows += [v[group * width + row] for row in range(width)]
    return torch.stack(rows)


def megatron_parameters(config, hf):
    """Live names of a Megatron-Core model with Transformer Engine layers, one rank. Where layers differ (Llama-Nemotron), the tensors
    of one tell what it has: attention with its own number of groups, a matrix in its place, or nothing; the mlp likewise."""
    heads, groups, width = _sizes(config)
    found = {"embedding.word_embeddings.weight": hf["model.embed_tokens.weight"]}
    for number in range(config["num_hidden_layers"]):
        source, target = f"model.layers.{number}.", f"decoder.layers.{number}."
        for before, matrix, module, first in (("input", "self_attn.linear_attn", "self_attention", "linear_qkv."),
                                              ("post_attention", "mlp.linear_mlp", "mlp", "linear_fc1.")):
            if f"{source}{matrix}.weight" in hf:
                found[f"{target}{module}.weight"], first = hf[f"{source}{matrix}.weight"], ""
            if f"{source}{before}_layernorm.weight" in hf:
                found[f"{target}{module}.{first}layer_norm_weight"] = hf[f"{source}{before}_layernorm.weight"]
        for kind in ("weight", "bias"):
            if f"{source}self_attn.q_proj.{kind}" in hf:
                q, k, v = (hf[f"{source}self_attn.{name}_proj.{kind}"] for name in "qkv")
                groups = len(k) // width
                found[f"{target}self_attention.linear_qkv.{kind}"] = interleave(q, k, v, heads, groups, width)
            if f"{source}mlp.gate_proj.{kind}" in hf:
                gate, up = (hf[f"{source}mlp.{name}_proj.{kind}"] for name in ("gate", "up"))
                found[f"{target}mlp.linear_fc1.{kind}"] = torch.cat([gate, up])
            for here, there in (("self_attn.o_proj", "self_attention.linear_proj"), ("mlp.down_proj", "mlp.linear_fc2"),
                                ("self_attn.q_norm", "self_attention.q_layernorm"),
                                ("self_attn.k_norm", "self_attention.k_layernorm")):
                if f"{source}{here}.{kind}" in hf:
                    found[f"{target}{there}.{kind}"] = hf[f"{source}{here}.{kind}"]
    found["decoder.final_layernorm.weight"] = hf["model.norm.weight"]
    if not config["tie_word_embeddings"]:
        found["output_layer.weight"] = hf["lm_head.weight"]
    return {name: value.contiguous() for name, value in found.items()}
