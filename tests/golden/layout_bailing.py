"""The layout of Bailing MoE V2 by live name, one rank: an independent statement like that of layout.py, for models with biases, which
Megatron-Bridge cannot import."""
import torch

from layout import interleave

MODEL_TYPES = {"bailing_moe_v2"}


def _gated(hf, source, target, number=""):
    gate, up = (hf[f"{source}{name}_proj.weight"] for name in ("gate", "up"))
    return {f"{target}linear_fc1.weight{number}": torch.cat([gate, up]), f"{target}linear_fc2.weight{number}": hf[f"{source}down_proj.weight"]}


def megatron_parameters(config, hf):
    heads, groups, width, layers = (config[name] for name in ("num_attention_heads", "num_key_value_heads", "head_dim", "num_hidden_layers"))
    found = {"embedding.word_embeddings.weight": hf["model.word_embeddings.weight"], "decoder.final_layernorm.weight": hf["model.norm.weight"],
             "output_layer.weight": hf["lm_head.weight"]}
    for number in range(layers + config.get("num_nextn_predict_layers", 0)):
        source, target = f"model.layers.{number}.", f"decoder.layers.{number}."
        if number >= layers:
            target = f"mtp.layers.{number - layers}."
            found |= {f"{target}{name}.weight": hf[f"{source}{name}.weight"] for name in ("enorm", "hnorm", "eh_proj", "final_layernorm")}
            target += "mtp_model_layer."
        for kind in ("weight", "bias"):
            if (whole := hf.get(f"{source}attention.query_key_value.{kind}")) is not None:
                q, k, v = whole.split([heads * width, groups * width, groups * width])
                found[f"{target}self_attention.linear_qkv.{kind}"] = interleave(q, k, v, heads, groups, width)
        found |= {f"{target}self_attention.{there}": hf[source + here] for here, there in (
            ("input_layernorm.weight", "linear_qkv.layer_norm_weight"), ("attention.dense.weight", "linear_proj.weight"),
            ("attention.query_layernorm.weight", "q_layernorm.weight"), ("attention.key_layernorm.weight", "k_layernorm.weight"))}
        norm = hf[source + "post_attention_layernorm.weight"]
        if number < config["first_k_dense_replace"]:
            found |= {target + "mlp.linear_fc1.layer_norm_weight": norm, **_gated(hf, source + "mlp.", target + "mlp.")}
            continue
        found |= {target + "pre_mlp_layernorm.weight": norm, target + "mlp.router.weight": hf[source + "mlp.gate.weight"],
                  target + "mlp.router.expert_bias": hf[source + "mlp.gate.expert_bias"].float()}
        for expert in range(config["num_experts"]):
            found |= _gated(hf, f"{source}mlp.experts.{expert}.", target + "mlp.experts.", expert)
        found |= _gated(hf, source + "mlp.shared_experts.", target + "mlp.shared_experts.")
    return {name: value.contiguous() for name, value in found.items()}
