"""The layouts of Bailing MoE V2, HY V3 and MiniMax-M2, both sides, written out as in stated_text.py; keys are those of torch_dist.

Of the first two: dense layers first, then mixtures of experts with shared ones and a bias with which they are chosen; layers that predict are numbered on.
"""
from plain import below, stacked
from stated_text import alike, attention, attention_shapes, dense, ends, ends_shapes, experts, gated, gated_shapes, linear_qkv, prediction


def layers_shapes(config, attention_of, names):
    """`attention_of(layer)`: its shapes. `names`: how router, bias, and shared experts are called."""
    hidden, inner, count = config["hidden_size"], config["moe_intermediate_size"], config["num_experts"]
    shapes = {}
    for number in range(config["num_hidden_layers"] + config["num_nextn_predict_layers"]):
        layer = f"model.layers.{number}."
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        shapes |= attention_of(layer)
        if number < config["first_k_dense_replace"]:
            shapes |= gated_shapes(layer + "mlp.", config["intermediate_size"], hidden)
        else:
            shapes[f"{layer}mlp.{names['router']}"], shapes[f"{layer}mlp.{names['bias']}"] = (count, hidden), (count,)
            for expert in range(count):
                shapes |= gated_shapes(f"{layer}mlp.experts.{expert}.", inner, hidden)
            shapes |= gated_shapes(f"{layer}mlp.{names['shared']}", inner * config["num_shared_experts"], hidden)
        if number >= config["num_hidden_layers"]:
            shapes |= {f"{layer}{name}.weight": (hidden,) for name in ("enorm", "hnorm", "final_layernorm")}
            shapes[layer + "eh_proj.weight"] = (hidden, 2 * hidden)
    return shapes


def layers_parameters(config, hf, attention_of, names):
    """`attention_of(source, target)`: its parameters."""
    found, decoder = {}, config["num_hidden_layers"]
    for number in range(decoder + config["num_nextn_predict_layers"]):
        source, target = f"model.layers.{number}.", f"decoder.layers.{number}."
        if number >= decoder:
            target = f"mtp.layers.{number - decoder}.transformer_layer."
            found |= prediction(hf, source, number - decoder, "final_layernorm.weight")
        found |= attention_of(source, target)
        if number < config["first_k_dense_replace"]:
            found |= dense(hf, source, target)
            continue
        found |= {target + "pre_mlp_layernorm.weight": hf[source + "post_attention_layernorm.weight"],
                  target + "mlp.router.weight": hf[f"{source}mlp.{names['router']}"],
                  target + "mlp.router.expert_bias": hf[f"{source}mlp.{names['bias']}"]}
        found |= experts(hf, source, target, config["num_experts"])
        found |= gated(hf, f"{source}mlp.{names['shared']}", target + "mlp.shared_experts.")
    return found


# Bailing MoE V2 (megatron/bridge/models/bailing): queries, keys and values are rows of one matrix, all of a kind after the other.

BAILING = {"router": "gate.weight", "bias": "gate.expert_bias", "shared": "shared_experts."}


def bailing_shapes(config):
    hidden, width, heads, groups = (config[name] for name in ("hidden_size", "head_dim", "num_attention_heads", "num_key_value_heads"))
    table, rows = (config["vocab_size"], hidden), (heads + 2 * groups) * width

    def attention_of(layer):
        biases = {layer + "attention.query_key_value.bias": (rows,)} if config["use_qkv_bias"] else {}
        return {layer + "attention.query_key_value.weight": (rows, hidden), layer + "attention.dense.weight": (hidden, heads * width),
                layer + "attention.query_layernorm.weight": (width,), layer + "attention.key_layernorm.weight": (width,), **biases}

    return {"model.word_embeddings.weight": table, "model.norm.weight": table[1:], "lm_head.weight": table,
            **layers_shapes(config, attention_of, BAILING)}


def bailing_parameters(config, hf):
    width, heads, groups = (config[name] for name in ("head_dim", "num_attention_heads", "num_key_value_heads"))

    def attention_of(source, target):
        found = {f"{target}self_attention.linear_qkv.layer_norm_weight": hf[source + "input_layernorm.weight"],
                 f"{target}self_attention.linear_proj.weight": hf[source + "attention.dense.weight"],
                 f"{target}self_attention.q_layernorm.weight": hf[source + "attention.query_layernorm.weight"],
                 f"{target}self_attention.k_layernorm.weight": hf[source + "attention.key_layernorm.weight"]}
        for kind in ("weight", "bias") if config["use_qkv_bias"] else ("weight",):
            whole = hf[f"{source}attention.query_key_value.{kind}"]
            rows, query, key = whole.rows(), heads * width, groups * width
            q, k, v = (whole.of_rows(rows[begin:end]) for begin, end in ((0, query), (query, query + key), (query + key, query + 2 * key)))
            found[f"{target}self_attention.linear_qkv.{kind}"] = linear_qkv(q, k, v, groups)
        return found

    return {"embedding.word_embeddings.weight": hf["model.word_embeddings.weight"], "decoder.final_layernorm.weight": hf["model.norm.weight"],
            "output_layer.weight": hf["lm_head.weight"], **layers_parameters(config, hf, attention_of, BAILING)}


# HY V3 (megatron/bridge/models/hy_v3): the names of published files, which transformers changes when it loads them.

HY_V3 = {"router": "router.gate.weight", "bias": "expert_bias", "shared": "shared_mlp."}


def hy_v3_shapes(config):
    hidden, width, heads, groups = (config[name] for name in ("hidden_size", "head_dim", "num_attention_heads", "num_key_value_heads"))

    def attention_of(layer):
        return {**attention_shapes(layer + "self_attn.", hidden, heads, groups, width, width),
                layer + "self_attn.q_norm.weight": (width,), layer + "self_attn.k_norm.weight": (width,)}

    return {**ends_shapes(config), **layers_shapes(config, attention_of, HY_V3)}


def hy_v3_parameters(config, hf):
    def attention_of(source, target):
        norms = {f"{target}self_attention.{name}_layernorm.weight": hf[f"{source}self_attn.{name}_norm.weight"] for name in "qk"}
        return attention(hf, source, target, config["num_key_value_heads"]) | norms

    return {**ends(hf), **layers_parameters(config, hf, attention_of, HY_V3)}


# MiniMax-M2 (megatron/bridge/models/minimax_m2): every layer a mixture; the norms of queries and keys reach over all heads.

def minimax_shapes(config):
    hidden, width, heads, groups = (config[name] for name in ("hidden_size", "head_dim", "num_attention_heads", "num_key_value_heads"))
    inner, count, shapes = config["intermediate_size"], config["num_local_experts"], ends_shapes(config)
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        shapes |= attention_shapes(layer + "self_attn.", hidden, heads, groups, width, width)
        shapes[layer + "self_attn.q_norm.weight"], shapes[layer + "self_attn.k_norm.weight"] = (heads * width,), (groups * width,)
        shapes[layer + "block_sparse_moe.gate.weight"] = (count, hidden)
        shapes[layer + "block_sparse_moe.e_score_correction_bias"] = (count,)
        for expert in range(count):
            shapes |= {f"{layer}block_sparse_moe.experts.{expert}.{name}.weight": (hidden, inner) if name == "w2" else (inner, hidden)
                       for name in ("w1", "w2", "w3")}
    return shapes


def minimax_parameters(config, hf):
    def layer(number):
        source = f"model.layers.{number}."
        norms = {f"self_attention.{name}_layernorm.weight": hf[f"{source}self_attn.{name}_norm.weight"] for name in "qk"}
        w1, w2, w3 = ([hf[f"{source}block_sparse_moe.experts.{expert}.{name}.weight"] for expert in range(config["num_local_experts"])]
                      for name in ("w1", "w2", "w3"))
        return {**attention(hf, source, "", config["num_key_value_heads"]), **norms,
                "pre_mlp_layernorm.weight": hf[source + "post_attention_layernorm.weight"],
                "mlp.router.weight": hf[source + "block_sparse_moe.gate.weight"],
                "mlp.router.expert_bias": hf[source + "block_sparse_moe.e_score_correction_bias"],
                "mlp.experts.experts.linear_fc1.weight": stacked(below(gate, up) for gate, up in zip(w1, w3, strict=True)),
                "mlp.experts.experts.linear_fc2.weight": stacked(w2)}

    return ends(hf) | alike(config["num_hidden_layers"], layer)
