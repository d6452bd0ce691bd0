"""The layouts of MiMo, MiMo-V2-Flash, Step-3.5-Flash and Llama-Nemotron, both sides, written out: what a conversion must do, said
without its code. For each family `…_shapes(config)`, the tensors of a published checkpoint, and `…_parameters(config, hf)`, what
Megatron-Bridge 0.6.2 over Megatron-Core 0.19.2 saves of it, by key of torch_dist.

There, layers that are all alike lie in one tensor, layers that differ each under a key of its own, and layers that predict further
tokens say transformer_layer where the model in memory says mtp_model_layer.
"""
from plain import below, stacked


def gated_shapes(prefix, width, hidden):
    return {f"{prefix}gate_proj.weight": (width, hidden), f"{prefix}up_proj.weight": (width, hidden),
            f"{prefix}down_proj.weight": (hidden, width)}


def attention_shapes(prefix, hidden, heads, groups, width, value_width):
    return {f"{prefix}q_proj.weight": (heads * width, hidden), f"{prefix}k_proj.weight": (groups * width, hidden),
            f"{prefix}v_proj.weight": (groups * value_width, hidden), f"{prefix}o_proj.weight": (hidden, heads * value_width)}


def ends_shapes(config):
    table = (config["vocab_size"], config["hidden_size"])
    return {"model.embed_tokens.weight": table, "model.norm.weight": table[1:], "lm_head.weight": table}


def ends(hf):
    return {"embedding.word_embeddings.weight": hf["model.embed_tokens.weight"], "decoder.final_layernorm.weight": hf["model.norm.weight"],
            "output_layer.weight": hf["lm_head.weight"]}


def linear_qkv(q, k, v, groups, gate=None):
    """Row by row: for every group its query heads, the gates of these heads if there are any, its key head, its value head. A gate is
    one row of a head, which Megatron holds as often as the head has rows."""
    q_rows, k_rows, v_rows, rows = q.rows(), k.rows(), v.rows(), []
    width, value_width = len(k_rows) // groups, len(v_rows) // groups
    heads = len(q_rows) // groups // width  # of one group
    for group in range(groups):
        for head in range(group * heads, (group + 1) * heads):
            rows += [q_rows[head * width + row] for row in range(width)]
        for head in range(group * heads, (group + 1) * heads) if gate else ():
            rows += [gate.rows()[head] for row in range(width)]
        rows += [k_rows[group * width + row] for row in range(width)]
        rows += [v_rows[group * value_width + row] for row in range(value_width)]
    return q.of_rows(rows)


def attention(hf, source, target, groups):
    """Transformer Engine's norm lies with the projection that it precedes."""
    q, k, v = (hf[f"{source}self_attn.{name}_proj.weight"] for name in "qkv")
    return {f"{target}self_attention.linear_qkv.layer_norm_weight": hf[source + "input_layernorm.weight"],
            f"{target}self_attention.linear_qkv.weight": linear_qkv(q, k, v, groups, hf.get(source + "self_attn.g_proj.weight")),
            f"{target}self_attention.linear_proj.weight": hf[source + "self_attn.o_proj.weight"]}


def gated(hf, source, target):
    return {f"{target}linear_fc1.weight": below(hf[source + "gate_proj.weight"], hf[source + "up_proj.weight"]),
            f"{target}linear_fc2.weight": hf[source + "down_proj.weight"]}


def dense(hf, source, target, norm="post_attention_layernorm.weight"):
    return {f"{target}mlp.linear_fc1.layer_norm_weight": hf[source + norm], **gated(hf, source + "mlp.", target + "mlp.")}


def experts(hf, source, target, count):
    """Those that Hugging Face keeps one by one; torch_dist has them in one tensor and says `experts` twice."""
    each = [gated(hf, f"{source}mlp.experts.{number}.", "") for number in range(count)]
    return {f"{target}mlp.experts.experts.{name}": stacked(one[name] for one in each) for name in each[0]}


def prediction(hf, source, number, norm):
    """What a predicting layer has around its transformer layer."""
    mtp = f"mtp.layers.{number}."
    return {mtp + "final_layernorm.weight": hf[source + norm],
            **{f"{mtp}{name}.weight": hf[f"{source}{name}.weight"] for name in ("enorm", "hnorm", "eh_proj")}}


def alike(count, layer):
    """`layer(number)` of every layer, each parameter as one tensor with the layers along a new first axis."""
    layers = [layer(number) for number in range(count)]
    return {f"decoder.layers.{name}": stacked(one[name] for one in layers) for name in layers[0]}


# MiMo: Qwen 2's layers, and layers that predict further tokens (megatron/bridge/models/mimo/mimo_bridge.py).

def mimo_shapes(config):
    hidden, heads, groups = config["hidden_size"], config["num_attention_heads"], config["num_key_value_heads"]
    width, shapes = config["head_dim"], ends_shapes(config)
    for prefix, count in (("model.layers.", config["num_hidden_layers"]), ("model.mtp_layers.", config["num_nextn_predict_layers"])):
        for number in range(count):
            layer = f"{prefix}{number}."
            shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
            shapes |= attention_shapes(layer + "self_attn.", hidden, heads, groups, width, width)
            shapes |= {f"{layer}self_attn.{name}_proj.bias": (rows * width,) for name, rows in (("q", heads), ("k", groups), ("v", groups))}
            shapes |= gated_shapes(layer + "mlp.", config["intermediate_size"], hidden)
            if prefix == "model.mtp_layers.":
                shapes |= {f"{layer}{name}_layernorm.weight": (hidden,) for name in ("token", "hidden", "final")}
                shapes[layer + "input_proj.weight"] = (hidden, 2 * hidden)
    return shapes


def mimo_parameters(config, hf):
    groups, hidden = config["num_key_value_heads"], config["hidden_size"]

    def layer(source, target):
        biases = (hf[f"{source}self_attn.{name}_proj.bias"] for name in "qkv")
        return {**attention(hf, source, target, groups), f"{target}self_attention.linear_qkv.bias": linear_qkv(*biases, groups),
                **dense(hf, source, target)}

    found = ends(hf) | alike(config["num_hidden_layers"], lambda number: layer(f"model.layers.{number}.", ""))
    for number in range(config["num_nextn_predict_layers"]):
        source, target = f"model.mtp_layers.{number}.", f"mtp.layers.{number}."
        found |= layer(source, target + "transformer_layer.")
        for here, there in (("token", "enorm"), ("hidden", "hnorm"), ("final", "final_layernorm")):
            found[f"{target}{there}.weight"] = hf[f"{source}{here}_layernorm.weight"]
        # MiMo multiplies [state, embedding], Megatron [embedding, state].
        whole = hf[source + "input_proj.weight"]
        found[target + "eh_proj.weight"] = whole.of_rows([row[hidden:] + row[:hidden] for row in whole.rows()])
    return found


# MiMo-V2-Flash: layers with a window have groups of another number and sinks, values are narrower than keys, no norm over a head
# (megatron/bridge/models/mimo_v2_flash). A layer that predicts has a window, is dense, and spells its second norm otherwise.

def mimo_v2_flash_shapes(config):
    hidden, heads, shapes = config["hidden_size"], config["num_attention_heads"], ends_shapes(config)
    everywhere, window = config["num_key_value_heads"], config["swa_num_key_value_heads"]

    def layer(prefix, is_window, is_mixture, norm):
        shapes[prefix + "input_layernorm.weight"] = shapes[prefix + norm] = (hidden,)
        shapes.update(attention_shapes(prefix + "self_attn.", hidden, heads, window if is_window else everywhere, config["head_dim"],
                                       config["v_head_dim"]))
        if is_window:
            shapes[prefix + "self_attn.attention_sink_bias"] = (heads,)
        if not is_mixture:
            shapes.update(gated_shapes(prefix + "mlp.", config["intermediate_size"], hidden))
            return
        shapes[prefix + "mlp.gate.weight"] = (config["n_routed_experts"], hidden)
        shapes[prefix + "mlp.gate.e_score_correction_bias"] = (config["n_routed_experts"],)
        for number in range(config["n_routed_experts"]):
            shapes.update(gated_shapes(f"{prefix}mlp.experts.{number}.", config["moe_intermediate_size"], hidden))

    for number, (is_window, is_mixture) in enumerate(zip(config["hybrid_layer_pattern"], config["moe_layer_freq"], strict=True)):
        layer(f"model.layers.{number}.", is_window, is_mixture, "post_attention_layernorm.weight")
    for number in range(config["num_nextn_predict_layers"]):
        layer(f"model.mtp.layers.{number}.", True, False, "pre_mlp_layernorm.weight")
        shapes |= {f"model.mtp.layers.{number}.{name}.weight": (hidden,) for name in ("enorm", "hnorm", "final_layernorm")}
        shapes[f"model.mtp.layers.{number}.eh_proj.weight"] = (hidden, 2 * hidden)
    return shapes


def mimo_v2_flash_parameters(config, hf):
    def layer(source, target, norm):
        is_window, is_mixture = source + "self_attn.attention_sink_bias" in hf, source + "mlp.gate.weight" in hf
        found = attention(hf, source, target, config["swa_num_key_value_heads" if is_window else "num_key_value_heads"])
        if is_window:
            found[target + "self_attention.core_attention.softmax_offset"] = hf[source + "self_attn.attention_sink_bias"]
        if not is_mixture:
            return found | dense(hf, source, target, norm)
        found[target + "pre_mlp_layernorm.weight"] = hf[source + norm]
        found[target + "mlp.router.weight"] = hf[source + "mlp.gate.weight"]
        found[target + "mlp.router.expert_bias"] = hf[source + "mlp.gate.e_score_correction_bias"]
        return found | experts(hf, source, target, config["n_routed_experts"])

    found = ends(hf)
    for number in range(config["num_hidden_layers"]):
        found |= layer(f"model.layers.{number}.", f"decoder.layers.{number}.", "post_attention_layernorm.weight")
    for number in range(config["num_nextn_predict_layers"]):
        source, target = f"model.mtp.layers.{number}.", f"mtp.layers.{number}."
        found |= layer(source, target + "transformer_layer.", "pre_mlp_layernorm.weight")
        found |= {f"{target}{name}.weight": hf[f"{source}{name}.weight"] for name in ("enorm", "hnorm", "eh_proj", "final_layernorm")}
    return found


# Step-3.5-Flash (megatron/bridge/models/stepfun): heads of another number where a layer has a window, a gate for each head, a shared expert;
# one tensor holds a projection of all experts. Layers that predict are numbered on, dense, and hold a copy of the output layer.

def step35_shapes(config):
    hidden, width, shapes = config["hidden_size"], config["head_dim"], ends_shapes(config)
    count, inner, shared = config["moe_num_experts"], config["moe_intermediate_size"], config["share_expert_dim"]
    mixtures = {int(number) for number in config["moe_layers_enum"].split(",")}
    for number, kind in enumerate(config["layer_types"]):
        layer = f"model.layers.{number}."
        setting = config["attention_other_setting"] if kind == "sliding_attention" else config
        heads = setting["num_attention_heads"]
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        shapes |= attention_shapes(layer + "self_attn.", hidden, heads, setting["num_attention_groups"], width, width)
        shapes[layer + "self_attn.g_proj.weight"] = (heads, hidden)
        shapes[layer + "self_attn.q_norm.weight"] = shapes[layer + "self_attn.k_norm.weight"] = (width,)
        if number in mixtures:
            shapes[layer + "moe.gate.weight"], shapes[layer + "moe.router_bias"] = (count, hidden), (count,)
            shapes |= {name: (count, *shape) for name, shape in gated_shapes(layer + "moe.", inner, hidden).items()}
            shapes |= gated_shapes(layer + "share_expert.", shared, hidden)
        else:
            shapes |= gated_shapes(layer + "mlp.", config["intermediate_size"], hidden)
        if number >= config["num_hidden_layers"]:
            shapes |= {f"{layer}{name}.weight": (hidden,) for name in ("enorm", "hnorm", "transformer.shared_head.norm")}
            shapes[layer + "eh_proj.weight"] = (hidden, 2 * hidden)
            shapes[layer + "transformer.shared_head.output.weight"] = shapes["lm_head.weight"]
    return shapes


def step35_parameters(config, hf):
    found, decoder = ends(hf), config["num_hidden_layers"]
    for number, kind in enumerate(config["layer_types"]):
        source, target = f"model.layers.{number}.", f"decoder.layers.{number}."
        if number >= decoder:
            target = f"mtp.layers.{number - decoder}.transformer_layer."
            found |= prediction(hf, source, number - decoder, "transformer.shared_head.norm.weight")
        setting = config["attention_other_setting"] if kind == "sliding_attention" else config
        found |= attention(hf, source, target, setting["num_attention_groups"])
        for name in "qk":
            found[f"{target}self_attention.{name}_layernorm.weight"] = hf[f"{source}self_attn.{name}_norm.weight"]
        if source + "mlp.gate_proj.weight" in hf:
            found |= dense(hf, source, target)
            continue
        found[target + "pre_mlp_layernorm.weight"] = hf[source + "post_attention_layernorm.weight"]
        found[target + "mlp.router.weight"] = hf[source + "moe.gate.weight"]
        found[target + "mlp.router.expert_bias"] = hf[source + "moe.router_bias"]
        gate, up, down = (hf[f"{source}moe.{name}_proj.weight"] for name in ("gate", "up", "down"))
        found[target + "mlp.experts.experts.linear_fc1.weight"] = stacked(
            below(gate.entry(expert), up.entry(expert)) for expert in range(config["moe_num_experts"]))
        found[target + "mlp.experts.experts.linear_fc2.weight"] = down
        found |= gated(hf, source + "share_expert.", target + "mlp.shared_experts.")
    return found


# Llama-Nemotron (megatron/bridge/models/llama_nemotron over Megatron-Core's heterogeneous layers): by block_configs attention and mlp are
# whole, one matrix, or left out together with their norm; numbers of layers never shift.

def mlp_width(config, mlp):
    """As stated, else two thirds of ffn_mult times the hidden size, cut to a whole number and then raised to a multiple of 256."""
    return mlp.get("ffn_hidden_size") or mlp.get("intermediate_size") or -(-int(2 * mlp["ffn_mult"] * config["hidden_size"] / 3) // 256) * 256


def llama_nemotron_shapes(config):
    hidden, heads, shapes = config["hidden_size"], config["num_attention_heads"], ends_shapes(config)
    for number, block in enumerate(config["block_configs"]):
        layer, matrix = f"model.layers.{number}.", (hidden, hidden)
        if not block["attention"]["no_op"]:
            shapes[layer + "input_layernorm.weight"] = (hidden,)
            shared = block["attention"]["n_heads_in_group"]
            shapes |= ({layer + "self_attn.linear_attn.weight": matrix} if block["attention"]["replace_with_linear"] else
                       attention_shapes(layer + "self_attn.", hidden, heads, heads // shared, hidden // heads, hidden // heads))
        if not block["ffn"]["no_op"]:
            shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
            shapes |= ({layer + "mlp.linear_mlp.weight": matrix} if block["ffn"]["replace_with_linear"] else
                       gated_shapes(layer + "mlp.", mlp_width(config, block["ffn"]), hidden))
    return shapes


def llama_nemotron_parameters(config, hf):
    found = ends(hf)
    for number, block in enumerate(config["block_configs"]):
        source, target = f"model.layers.{number}.", f"decoder.layers.{number}."
        if block["attention"]["replace_with_linear"]:
            found[target + "self_attention.weight"] = hf[source + "self_attn.linear_attn.weight"]
            found[target + "self_attention.layer_norm_weight"] = hf[source + "input_layernorm.weight"]
        elif not block["attention"]["no_op"]:
            found |= attention(hf, source, target, config["num_attention_heads"] // block["attention"]["n_heads_in_group"])
        if block["ffn"]["replace_with_linear"]:
            found[target + "mlp.weight"] = hf[source + "mlp.linear_mlp.weight"]
            found[target + "mlp.layer_norm_weight"] = hf[source + "post_attention_layernorm.weight"]
        elif not block["ffn"]["no_op"]:
            found |= dense(hf, source, target)
    return found
