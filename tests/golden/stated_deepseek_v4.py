"""Golden cases of make_stated.py: DeepSeek V4. Both sides are written out, by keys of torch_dist, as Megatron-Bridge 0.6.2 maps them onto
Megatron-Core's branch dev (transformer/hyper_connection.py, transformer/experimental_attention_variant): released Megatron-Core has no such model.
"""
from plain import Tensor, below, stacked
from stated_cases import SIZES, Case
from stated_storage import E2M1, GROUP, e4m3, product, scaled

V4 = {"architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4", **SIZES, "moe_intermediate_size": 12, "num_hidden_layers": 3,
      "num_attention_heads": 6, "num_key_value_heads": 1, "head_dim": 8, "qk_rope_head_dim": 4, "q_lora_rank": 18, "o_groups": 2, "o_lora_rank": 7,
      "n_routed_experts": 3, "n_shared_experts": 1, "num_experts_per_tok": 2, "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc",
      "norm_topk_prob": True, "routed_scaling_factor": 1.5, "max_position_embeddings": 512, "rope_theta": 10000, "compress_rope_theta": 160000,
      "rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 128, "beta_fast": 32, "beta_slow": 1},
      "compress_ratios": [0, 4, 128, 0], "num_hash_layers": 1, "hc_mult": 2, "hc_sinkhorn_iters": 20, "hc_eps": 1e-06, "swiglu_limit": 10.0,
      "sliding_window": 8, "index_n_heads": 3, "index_head_dim": 4, "index_topk": 2, "num_nextn_predict_layers": 1, "attention_bias": False,
      "rms_norm_eps": 1e-06}
# Both axes of the blocks divide some matrices and not others.
V4_MXFP4 = {**V4, "hidden_size": 64, "moe_intermediate_size": 32, "num_hidden_layers": 2, "compress_ratios": [4, 0], "num_hash_layers": 0,
            "num_nextn_predict_layers": 0, "q_lora_rank": 132, "n_routed_experts": 2,
            "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}}


class Pairs:
    """X.weight and X.scale, which holds exponents: FP8 in blocks of 128 by 128, experts in MXFP4, two values in a signed byte."""

    @staticmethod
    def is_expert(name):
        return ".ffn.experts." in name

    def stored(self, fill, name, shape):
        rows, columns = shape
        scale = name.removesuffix(".weight") + ".scale"
        if self.is_expert(name):
            grid, data = (rows, columns // GROUP), fill("I8", (rows, columns // 2))
        else:
            grid, data = (-(-rows // 128), -(-columns // 128)), fill("F8_E4M3", shape)
            data = Tensor("F8_E4M3", shape, [code - 1 if code & 0x7F == 0x7F else code for code in data.bits])
        return {name: data, scale: Tensor("F8_E8M0", grid, [110 + bits % 29 for bits in fill("U8", grid).bits])}

    def decoded(self, files, name):
        data, scales = files[name], files[name.removesuffix(".weight") + ".scale"]
        scale = [[2.0 ** (bits - 127) for bits in row] for row in scales.rows()]
        if not self.is_expert(name):
            rows, columns = data.shape
            return Tensor("BF16", data.shape, [scaled(e4m3(data.bits[i * columns + j]), scale[i // 128][j // 128]) for i, j in product(data.shape)])
        rows, columns = data.shape[0], 2 * data.shape[1]
        values = []
        for i, j in product((rows, columns)):
            code = data.bits[i * (columns // 2) + j // 2] >> 4 * (j % 2) & 15
            values.append(scaled(-E2M1[code & 7] if code & 8 else E2M1[code & 7], scale[i][j // GROUP]))
        return Tensor("BF16", (rows, columns), values)


def in_pairs(name):
    return name.endswith((".wq_a.weight", ".attn.wq_b.weight", ".attn.wkv.weight", ".wo_a.weight", ".wo_b.weight", ".w1.weight", ".w2.weight", ".w3.weight"))


def layers_of(config):
    """For each layer what its names begin with, on both sides, its ratio, and whether the token alone chooses experts."""
    decoder = config["num_hidden_layers"]
    for number in range(decoder):
        yield f"layers.{number}.", f"decoder.layers.{number}.", config["compress_ratios"][number], number < config["num_hash_layers"]
    for number in range(config["num_nextn_predict_layers"]):
        yield f"mtp.{number}.", f"mtp.layers.{number}.transformer_layer.", config["compress_ratios"][decoder + number], False


def compressor_shapes(prefix, ratio, width, hidden):
    rows = 2 * width if ratio == 4 else width
    return {prefix + "wkv.weight": (rows, hidden), prefix + "wgate.weight": (rows, hidden), prefix + "ape": (ratio, rows), prefix + "norm.weight": (width,)}


def head_shapes(prefix, streams, hidden):
    return {prefix + "hc_head_fn": (streams, streams * hidden), prefix + "hc_head_base": (streams,), prefix + "hc_head_scale": (1,)}


def v4_shapes(config):
    hidden, heads, width, rank = config["hidden_size"], config["num_attention_heads"], config["head_dim"], config["q_lora_rank"]
    groups, group_rank, streams, inner = config["o_groups"], config["o_lora_rank"], config["hc_mult"], config["moe_intermediate_size"]
    table, mixes, index = (config["vocab_size"], hidden), streams * streams + 2 * streams, config["index_head_dim"]
    shapes = {"embed.weight": table, "head.weight": table, "norm.weight": (hidden,), **head_shapes("", streams, hidden)}
    for layer, _, ratio, hashed in layers_of(config):
        shapes[layer + "attn_norm.weight"] = shapes[layer + "ffn_norm.weight"] = (hidden,)
        attn = layer + "attn."
        shapes |= {attn + "wq_a.weight": (rank, hidden), attn + "q_norm.weight": (rank,), attn + "wq_b.weight": (heads * width, rank),
                   attn + "wkv.weight": (width, hidden), attn + "kv_norm.weight": (width,), attn + "attn_sink": (heads,),
                   attn + "wo_a.weight": (groups * group_rank, heads * width // groups), attn + "wo_b.weight": (hidden, groups * group_rank)}
        if ratio:
            shapes |= compressor_shapes(attn + "compressor.", ratio, width, hidden)
        if ratio == 4:
            shapes |= {attn + "indexer.wq_b.weight": (config["index_n_heads"] * index, rank), attn + "indexer.weights_proj.weight": (config["index_n_heads"], hidden),
                       **compressor_shapes(attn + "indexer.compressor.", ratio, index, hidden)}
        shapes[layer + "ffn.gate.weight"] = (config["n_routed_experts"], hidden)
        shapes |= {layer + "ffn.gate.tid2eid": (config["vocab_size"], config["num_experts_per_tok"])} if hashed else {layer + "ffn.gate.bias": (config["n_routed_experts"],)}
        for mlp in [f"experts.{number}" for number in range(config["n_routed_experts"])] + ["shared_experts"]:
            shapes |= {f"{layer}ffn.{mlp}.{name}.weight": (hidden, inner) if name == "w2" else (inner, hidden) for name in ("w1", "w2", "w3")}
        for half in ("attn", "ffn"):
            shapes |= {f"{layer}hc_{half}_fn": (mixes, streams * hidden), f"{layer}hc_{half}_base": (mixes,), f"{layer}hc_{half}_scale": (3,)}
        if layer.startswith("mtp."):
            shapes |= {f"{layer}{name}.weight": (hidden,) for name in ("enorm", "hnorm", "norm")}
            shapes |= {f"{layer}{name}.weight": (hidden, hidden) for name in ("e_proj", "h_proj")}
            shapes |= head_shapes(layer, streams, hidden)
    return shapes


ATTENTION = {"wq_a.weight": "linear_q_down_proj.weight", "q_norm.weight": "q_layernorm.weight", "wq_b.weight": "linear_q_up_proj.weight",
             "wkv.weight": "linear_kv_proj.weight", "kv_norm.weight": "kv_layernorm.weight", "wo_a.weight": "linear_o_group_proj",
             "wo_b.weight": "linear_proj.weight", "attn_sink": "core_attention.attn_sink"}
COMPRESSOR = {"wkv.weight": "linear_wkv.weight", "wgate.weight": "linear_wgate.weight", "ape": "ape", "norm.weight": "norm.weight"}
INDEXER = {"wq_b.weight": "linear_wq_b.weight", "weights_proj.weight": "linear_weights_proj.weight"}


def v4_parameters(config, hf):
    found = {"embedding.word_embeddings.weight": hf["embed.weight"], "output_layer.weight": hf["head.weight"], "decoder.final_layernorm.weight": hf["norm.weight"],
             **{f"decoder.hc_head_{name}": hf[f"hc_head_{name}"] for name in ("fn", "base", "scale")}}
    for source, target, ratio, hashed in layers_of(config):
        def rename(names, here, there):
            found.update({target + there + new: hf[source + here + old] for old, new in names.items()})

        found[target + "input_layernorm.weight"], found[target + "pre_mlp_layernorm.weight"] = hf[source + "attn_norm.weight"], hf[source + "ffn_norm.weight"]
        rename(ATTENTION, "attn.", "self_attention.")
        core = "self_attention.core_attention."
        if ratio:
            rename(COMPRESSOR, "attn.compressor.", core + "compressor.")
        if ratio == 4:
            rename(INDEXER, "attn.indexer.", core + "indexer.")
            rename(COMPRESSOR, "attn.indexer.compressor.", core + "indexer.compressor.")
        found[target + "mlp.router.weight"] = hf[source + "ffn.gate.weight"]
        if hashed:
            table = hf[source + "ffn.gate.tid2eid"]
            found[target + "mlp.router.tid2eid"] = Tensor("I32", table.shape, table.bits)
        else:
            found[target + "mlp.router.expert_bias"] = hf[source + "ffn.gate.bias"]
        weight = lambda mlp, name: hf[f"{source}ffn.{mlp}.{name}.weight"]  # noqa: E731
        each = [f"experts.{number}" for number in range(config["n_routed_experts"])]
        found[target + "mlp.experts.experts.linear_fc1.weight"] = stacked(below(weight(mlp, "w1"), weight(mlp, "w3")) for mlp in each)
        found[target + "mlp.experts.experts.linear_fc2.weight"] = stacked(weight(mlp, "w2") for mlp in each)
        found[target + "mlp.shared_experts.linear_fc1.weight"] = below(weight("shared_experts", "w1"), weight("shared_experts", "w3"))
        found[target + "mlp.shared_experts.linear_fc2.weight"] = weight("shared_experts", "w2")
        for half, there in (("attn", "self_attention_hyper_connection."), ("ffn", "mlp_hyper_connection.")):
            found[target + there + "mapping_proj.weight"], found[target + there + "bias"] = hf[f"{source}hc_{half}_fn"], hf[f"{source}hc_{half}_base"]
            for name, bits in zip(("pre", "post", "res"), hf[f"{source}hc_{half}_scale"].bits, strict=True):
                found[f"{target}{there}alpha_{name}"] = Tensor("F32", (1,), [bits])
        if source.startswith("mtp."):
            mtp = target.removesuffix("transformer_layer.")
            found |= {f"{mtp}{name}.weight": hf[f"{source}{name}.weight"] for name in ("enorm", "hnorm", "e_proj", "h_proj")}
            found[mtp + "final_layernorm.weight"] = hf[source + "norm.weight"]
            found |= {f"{mtp}hc_head_{name}": hf[f"{source}hc_head_{name}"] for name in ("fn", "base", "scale")}
    return found


CASES = {"deepseek-v4": Case(V4, v4_shapes, v4_parameters),
         "deepseek-v4-mxfp4": Case(V4_MXFP4, v4_shapes, v4_parameters, codec=Pairs(), in_codec=in_pairs)}
