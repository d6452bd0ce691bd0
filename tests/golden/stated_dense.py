"""Further golden cases of make_stated.py, and their layouts, both sides, written out: the hybrid EXAONE 4, which Megatron-Bridge cannot import,
EXAONE-MoE, whose prediction layers transformers does not save, and Mixtral and Granite, which Megatron-Bridge does not know. The
parameters are those of Megatron-Core 0.19.2's GPT model with Transformer Engine layers, by key of torch_dist."""
from plain import below, stacked
from stated_cases import SIZES, Case
from stated_text import alike, attention, attention_shapes, dense, ends, ends_shapes, experts, gated, gated_shapes, linear_qkv

EXAONE4 = {"architectures": ["Exaone4ForCausalLM"], "model_type": "exaone4", **SIZES, "intermediate_size": 28, "num_hidden_layers": 4,
           "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
           "rope_scaling": {"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                            "original_max_position_embeddings": 8192},
           "sliding_window": 3, "sliding_window_pattern": "LLLG",
           "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"]}
EXAONE_MOE = {"architectures": ["ExaoneMoEForCausalLM"], "model_type": "exaone_moe", **SIZES, "intermediate_size": 28, "num_hidden_layers": 4,
              "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "rms_norm_eps": 1e-05,
              "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}, "sliding_window": 3, "sliding_window_pattern": "LLLG",
              "layer_types": EXAONE4["layer_types"], "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"], "first_k_dense_replace": 1,
              "moe_intermediate_size": 12, "num_experts": 3, "num_experts_per_tok": 2, "num_shared_experts": 2, "n_group": 1, "topk_group": 1,
              "norm_topk_prob": True, "routed_scaling_factor": 2.5, "num_nextn_predict_layers": 1}
MIXTRAL = {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", **SIZES, "intermediate_size": 28, "num_hidden_layers": 2,
           "num_attention_heads": 5, "num_key_value_heads": 5, "head_dim": 4, "num_local_experts": 3, "num_experts_per_tok": 2,
           "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": None, "output_router_logits": False, "router_aux_loss_coef": 0.02}
GRANITE = {"architectures": ["GraniteForCausalLM"], "model_type": "granite", **SIZES, "intermediate_size": 28, "num_hidden_layers": 2,
           "num_attention_heads": 10, "num_key_value_heads": 2, "attention_bias": False, "mlp_bias": False, "rms_norm_eps": 1e-05,
           "rope_theta": 10000.0, "rope_scaling": None, "embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.0625,
           "logits_scaling": 8.0, "tie_word_embeddings": True}
GRANITE_MOE = {key: value for key, value in GRANITE.items() if key != "mlp_bias"} | {
    "architectures": ["GraniteMoeForCausalLM"], "model_type": "granitemoe", "intermediate_size": 12, "num_local_experts": 3,
    "num_experts_per_tok": 2, "output_router_logits": False, "router_aux_loss_coef": 0.0, "logits_scaling": 6.0, "tie_word_embeddings": False}


def block_shapes(config, prefix):
    """Attention and the two norms of a layer."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    width = config.get("head_dim") or hidden // heads
    return {prefix + "input_layernorm.weight": (hidden,), prefix + "post_attention_layernorm.weight": (hidden,),
            **attention_shapes(prefix + "self_attn.", hidden, heads, config["num_key_value_heads"], width, width)}


def model_ends(config, of):
    """Tied, there is no output layer on either side."""
    return {name: value for name, value in of.items() if not config["tie_word_embeddings"] or name not in ("lm_head.weight", "output_layer.weight")}


def tied_ends(config, hf):
    return model_ends(config, ends(hf | {"lm_head.weight": hf.get("lm_head.weight")}))


# EXAONE 4 (megatron/bridge/models/exaone/exaone4): norms behind the projections that end attention and mlp, none before.

def exaone4_shapes(config):
    shapes, hidden = ends_shapes(config), config["hidden_size"]
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        shapes |= block_shapes(config, layer) | gated_shapes(layer + "mlp.", config["intermediate_size"], hidden)
        del shapes[layer + "input_layernorm.weight"]
        shapes[layer + "post_feedforward_layernorm.weight"] = (hidden,)
        shapes[layer + "self_attn.q_norm.weight"] = shapes[layer + "self_attn.k_norm.weight"] = (config["head_dim"],)
    return shapes


def exaone4_parameters(config, hf):
    def layer(number):
        source = f"model.layers.{number}."
        q, k, v = (hf[f"{source}self_attn.{name}_proj.weight"] for name in "qkv")
        return {"self_attention.linear_qkv.weight": linear_qkv(q, k, v, config["num_key_value_heads"]),
                "self_attention.q_layernorm.weight": hf[source + "self_attn.q_norm.weight"],
                "self_attention.k_layernorm.weight": hf[source + "self_attn.k_norm.weight"],
                "self_attention.linear_proj.weight": hf[source + "self_attn.o_proj.weight"],
                "self_attention.linear_proj.post_layernorm.weight": hf[source + "post_attention_layernorm.weight"],
                "mlp.linear_fc2.post_layernorm.weight": hf[source + "post_feedforward_layernorm.weight"],
                **gated(hf, source + "mlp.", "mlp.")}

    return ends(hf) | alike(config["num_hidden_layers"], layer)


# EXAONE-MoE (megatron/bridge/models/exaone/exaone_moe): layers differ, so each has keys of its own; what predicts is dense, and its
# projection and norms have no number.

def exaone_moe_shapes(config):
    shapes, hidden, width = ends_shapes(config), config["hidden_size"], config["moe_intermediate_size"]

    def layer(prefix, mixture):
        shapes.update(block_shapes(config, prefix))
        shapes[prefix + "self_attn.q_norm.weight"] = shapes[prefix + "self_attn.k_norm.weight"] = (config["head_dim"],)
        if not mixture:
            shapes.update(gated_shapes(prefix + "mlp.", config["intermediate_size"], hidden))
            return
        shapes[prefix + "mlp.gate.weight"] = (config["num_experts"], hidden)
        shapes[prefix + "mlp.e_score_correction_bias"] = (config["num_experts"],)
        for number in range(config["num_experts"]):
            shapes.update(gated_shapes(f"{prefix}mlp.experts.{number}.", width, hidden))
        shapes.update(gated_shapes(prefix + "mlp.shared_experts.", width * config["num_shared_experts"], hidden))

    for number, kind in enumerate(config["mlp_layer_types"]):
        layer(f"model.layers.{number}.", kind == "sparse")
    layer("mtp.layers.0.", False)
    shapes |= {f"mtp.{name}.weight": (hidden,) for name in ("pre_fc_norm_embedding", "pre_fc_norm_hidden", "norm")}
    return shapes | {"mtp.fc.weight": (hidden, 2 * hidden)}


def exaone_moe_parameters(config, hf):
    def layer(source, target):
        found = attention(hf, source, target, config["num_key_value_heads"])
        for name in "qk":
            found[f"{target}self_attention.{name}_layernorm.weight"] = hf[f"{source}self_attn.{name}_norm.weight"]
        if source + "mlp.gate.weight" not in hf:
            return found | dense(hf, source, target)
        found[target + "pre_mlp_layernorm.weight"] = hf[source + "post_attention_layernorm.weight"]
        found[target + "mlp.router.weight"] = hf[source + "mlp.gate.weight"]
        found[target + "mlp.router.expert_bias"] = hf[source + "mlp.e_score_correction_bias"]
        found |= gated(hf, source + "mlp.shared_experts.", target + "mlp.shared_experts.")
        return found | experts(hf, source, target, config["num_experts"])

    found = ends(hf) | layer("mtp.layers.0.", "mtp.layers.0.transformer_layer.")
    for number in range(config["num_hidden_layers"]):
        found |= layer(f"model.layers.{number}.", f"decoder.layers.{number}.")
    for there, here in (("enorm", "pre_fc_norm_embedding"), ("hnorm", "pre_fc_norm_hidden"), ("eh_proj", "fc"), ("final_layernorm", "norm")):
        found[f"mtp.layers.0.{there}.weight"] = hf[f"mtp.{here}.weight"]
    return found


# Mixtral: of an expert, w1 is the gate, w3 up and w2 down.

def mixtral_shapes(config):
    shapes, hidden, width = ends_shapes(config), config["hidden_size"], config["intermediate_size"]
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        shapes |= block_shapes(config, layer) | {layer + "block_sparse_moe.gate.weight": (config["num_local_experts"], hidden)}
        for expert in range(config["num_local_experts"]):
            shapes |= {f"{layer}block_sparse_moe.experts.{expert}.{name}.weight": shape
                       for name, shape in (("w1", (width, hidden)), ("w2", (hidden, width)), ("w3", (width, hidden)))}
    return shapes


def mixtral_parameters(config, hf):
    def layer(number):
        source = f"model.layers.{number}."
        of = [{name: hf[f"{source}block_sparse_moe.experts.{expert}.{name}.weight"] for name in ("w1", "w2", "w3")}
              for expert in range(config["num_local_experts"])]
        return {**attention(hf, source, "", config["num_key_value_heads"]), "pre_mlp_layernorm.weight": hf[source + "post_attention_layernorm.weight"],
                "mlp.router.weight": hf[source + "block_sparse_moe.gate.weight"],
                "mlp.experts.experts.linear_fc1.weight": stacked(below(one["w1"], one["w3"]) for one in of),
                "mlp.experts.experts.linear_fc2.weight": stacked(one["w2"] for one in of)}

    return ends(hf) | alike(config["num_hidden_layers"], layer)


# Granite: Llama's layers; GraniteMoe: one tensor for a projection of all experts, gate above up.

def granite_shapes(config):
    shapes, hidden, width = model_ends(config, ends_shapes(config)), config["hidden_size"], config["intermediate_size"]
    for number in range(config["num_hidden_layers"]):
        layer, count = f"model.layers.{number}.", config.get("num_local_experts")
        shapes |= block_shapes(config, layer)
        shapes |= gated_shapes(layer + "mlp.", width, hidden) if not count else {
            layer + "block_sparse_moe.router.layer.weight": (count, hidden),
            layer + "block_sparse_moe.input_linear.weight": (count, 2 * width, hidden),
            layer + "block_sparse_moe.output_linear.weight": (count, hidden, width)}
    return shapes


def granite_parameters(config, hf):
    def layer(number):
        source = f"model.layers.{number}."
        found = attention(hf, source, "", config["num_key_value_heads"])
        if "num_local_experts" not in config:
            return found | dense(hf, source, "")
        return found | {"pre_mlp_layernorm.weight": hf[source + "post_attention_layernorm.weight"],
                        "mlp.router.weight": hf[source + "block_sparse_moe.router.layer.weight"],
                        "mlp.experts.experts.linear_fc1.weight": hf[source + "block_sparse_moe.input_linear.weight"],
                        "mlp.experts.experts.linear_fc2.weight": hf[source + "block_sparse_moe.output_linear.weight"]}

    return tied_ends(config, hf) | alike(config["num_hidden_layers"], layer)


ROUTED = (".gate.weight", ".router.layer.weight", "post_attention_layernorm.weight", "embed_tokens.weight")
CASES = {
    "exaone4-hybrid": Case(EXAONE4, exaone4_shapes, exaone4_parameters),
    "exaone-moe": Case(EXAONE_MOE, exaone_moe_shapes, exaone_moe_parameters),
    "mixtral": Case(MIXTRAL, mixtral_shapes, mixtral_parameters, about_one=ROUTED),
    "granite": Case(GRANITE, granite_shapes, granite_parameters),
    "granite-moe": Case(GRANITE_MOE, granite_shapes, granite_parameters, about_one=ROUTED),
}
