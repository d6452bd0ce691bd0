"""Block-scaled storage of weights, written out value by value, and the layouts of the models whose published files use it:
DeepSeek-V3 and Kimi K2 (FP8 in blocks, INT4) and GPT-OSS (MXFP4). As in stated_text.py, keys are those of torch_dist.

`stored(…)` makes of a name what lies in a file; `decoded(…)` says which bfloat16 these bits mean.
"""
import itertools

from plain import Tensor, bfloat16, float32, of_bfloat16, of_float32, stacked
from stated_text import alike, attention_shapes, ends, ends_shapes, experts, gated, gated_shapes, linear_qkv, prediction

E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # OCP Microscaling formats 1.0, 5.3.3
GROUP = 32  # values that share a scale in MXFP4 and INT4


def e4m3(code):
    """OCP 8-bit floating point, E4M3: bias 7, no infinity, all ones is no number."""
    assert code & 0x7F != 0x7F
    exponent, fraction = code >> 3 & 15, code & 7
    magnitude = (8 + fraction) / 8 * 2.0 ** (exponent - 7) if exponent else fraction / 8 * 2.0 ** -6
    return -magnitude if code & 0x80 else magnitude


def scaled(value, scale):
    """One product, rounded to float32, then to bfloat16."""
    return bfloat16(of_float32(float32(value * scale)))


def product(sizes):
    return list(itertools.product(*map(range, sizes)))


class Fp8:
    """transformers' quant_method fp8: X in bytes, X_scale_inv beside it. The scale multiplies, whatever its name says; the last block of
    a row or column is shorter where the block does not divide it."""

    def __init__(self, config, scale_type):
        self.block, self.scale_type = config["quantization_config"]["weight_block_size"], scale_type

    def stored(self, fill, name, shape):
        data = fill("F8_E4M3", shape)
        codes = [code - 1 if code & 0x7F == 0x7F else code for code in data.bits]
        grid = tuple(-(-extent // block) for extent, block in zip(shape, self.block))
        scales = [1 + (fill.word(place, "U8") / 256) for place in range(fill.count, fill.count + grid[0] * grid[1])]
        scales = [scale / 2 ** (5 + place % 7) for place, scale in enumerate(scales)]
        of = {"F32": float32, "BF16": bfloat16}[self.scale_type]
        return {name: Tensor("F8_E4M3", shape, codes), name + "_scale_inv": Tensor(self.scale_type, grid, [of(scale) for scale in scales])}

    def decoded(self, files, name):
        data, scales = files[name], files[name + "_scale_inv"]
        (high, wide), (rows, columns) = self.block, data.shape
        of = {"F32": of_float32, "BF16": of_bfloat16}[scales.dtype]
        scale = [[of(bits) for bits in row] for row in scales.rows()]
        assert scales.shape == (-(-rows // high), -(-columns // wide))
        return Tensor("BF16", data.shape, [scaled(e4m3(data.bits[i * columns + j]), scale[i // high][j // wide]) for i, j in product(data.shape)])


class Mxfp4:
    """GPT-OSS's files: X_blocks and X_scales. Sixteen bytes hold 32 values, the first of two in the low half; byte s is the scale 2^(s-127)."""

    def stored(self, fill, name, shape):
        grid = (*shape[:-1], shape[-1] // GROUP)
        scales = fill("U8", grid)
        return {name + "_blocks": fill("U8", (*grid, GROUP // 2)), name + "_scales": Tensor("U8", grid, [101 + bits % 37 for bits in scales.bits])}

    def decoded(self, files, name):
        blocks, scales = files[name + "_blocks"], files[name + "_scales"]
        values = []
        for place, byte in enumerate(blocks.bits):
            for code in (byte & 15, byte >> 4):
                value = -E2M1[code & 7] if code & 8 else E2M1[code & 7]
                values.append(scaled(value, 2.0 ** (scales.bits[place // (GROUP // 2)] - 127)))
        return Tensor("BF16", (*scales.shape[:-1], scales.shape[-1] * GROUP), values)


class Int4:
    """compressed-tensors' pack-quantized: X_packed, eight values in a word, the first in the lowest half byte, 8 stands for zero;
    X_scale in bfloat16 for groups of 32; X_shape."""

    def stored(self, fill, name, shape):
        rows, columns = shape
        grid = (rows, columns // GROUP)
        scales = [118 + bits % 5 << 7 | bits >> 1 for bits in fill("U8", grid).bits]  # 2^-9 to 2^-4, any fraction
        return {name + "_packed": fill("I32", (rows, columns // 8)), name + "_scale": Tensor("BF16", grid, scales),
                name + "_shape": Tensor("I32", (2,), [rows, columns])}

    def decoded(self, files, name):
        packed, scales = files[name + "_packed"], files[name + "_scale"]
        rows, columns = files[name + "_shape"].bits
        values = []
        for i, j in product((rows, columns)):
            code = packed.bits[i * (columns // 8) + j // 8] >> 4 * (j % 8) & 15
            values.append(scaled(code - 8, of_bfloat16(scales.bits[i * (columns // GROUP) + j // GROUP])))
        return Tensor("BF16", (rows, columns), values)


# DeepSeek-V3 (megatron/bridge/models/deepseek): the latents' norms lie with the projections that they precede, the layer's norm does not. A
# layer that predicts is numbered on and is like the last one; its embedding and output layer are copies, which Megatron shares.

LATENT = {"q_a_proj": "linear_q_down_proj.weight", "q_a_layernorm": "linear_q_up_proj.layer_norm_weight", "q_b_proj": "linear_q_up_proj.weight",
          "kv_a_proj_with_mqa": "linear_kv_down_proj.weight", "kv_a_layernorm": "linear_kv_up_proj.layer_norm_weight",
          "kv_b_proj": "linear_kv_up_proj.weight", "o_proj": "linear_proj.weight"}
# Without a latent of queries there is one projection, and before it a norm of ones: Megatron-Core adds it to the layer's own.
FULL_RANK = {"q_proj": "linear_q_proj.weight"} | {here: there for here, there in LATENT.items() if not here.startswith("q_")}


def latent_names(config):
    return FULL_RANK if config["q_lora_rank"] is None else LATENT


def deepseek_shapes(config):
    hidden, heads, inner = config["hidden_size"], config["num_attention_heads"], config["moe_intermediate_size"]
    nope, rope, value = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["v_head_dim"]
    rank, query_rank, count = config["kv_lora_rank"], config["q_lora_rank"], config["n_routed_experts"]
    latent = {"q_proj": (heads * (nope + rope), hidden), "q_a_proj": (query_rank, hidden), "q_a_layernorm": (query_rank,),
              "q_b_proj": (heads * (nope + rope), query_rank), "kv_a_proj_with_mqa": (rank + rope, hidden), "kv_a_layernorm": (rank,), "kv_b_proj": (heads * (nope + value), rank),
              "o_proj": (hidden, heads * value)}
    shapes = ends_shapes(config)
    for number in range(config["num_hidden_layers"] + config["num_nextn_predict_layers"]):
        layer = f"model.layers.{number}."
        shapes |= {f"{layer}self_attn.{name}.weight": latent[name] for name in latent_names(config)}
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        if number < config["first_k_dense_replace"]:
            shapes |= gated_shapes(layer + "mlp.", config["intermediate_size"], hidden)
        else:
            shapes[layer + "mlp.gate.weight"], shapes[layer + "mlp.gate.e_score_correction_bias"] = (count, hidden), (count,)
            for expert in range(count):
                shapes |= gated_shapes(f"{layer}mlp.experts.{expert}.", inner, hidden)
            shapes |= gated_shapes(layer + "mlp.shared_experts.", inner * config["n_shared_experts"], hidden)
        if number >= config["num_hidden_layers"]:
            shapes |= {f"{layer}{name}.weight": (hidden,) for name in ("enorm", "hnorm", "shared_head.norm")}
            shapes[layer + "eh_proj.weight"] = (hidden, 2 * hidden)
            shapes[layer + "embed_tokens.weight"] = shapes[layer + "shared_head.head.weight"] = shapes["lm_head.weight"]
    return shapes


def deepseek_parameters(config, hf):
    found, decoder = ends(hf), config["num_hidden_layers"]
    for number in range(decoder + config["num_nextn_predict_layers"]):
        source, target = f"model.layers.{number}.", f"decoder.layers.{number}."
        if number >= decoder:
            target = f"mtp.layers.{number - decoder}.transformer_layer."
            found |= prediction(hf, source, number - decoder, "shared_head.norm.weight")
        found |= {f"{target}self_attention.{there}": hf[f"{source}self_attn.{here}.weight"] for here, there in latent_names(config).items()}
        found[target + "input_layernorm.weight"] = hf[source + "input_layernorm.weight"]
        if config["q_lora_rank"] is None:
            ones = Tensor("BF16", (config["hidden_size"],), [bfloat16(1)] * config["hidden_size"])
            found[target + "self_attention.linear_q_proj.layer_norm_weight"] = ones
        norm = hf[source + "post_attention_layernorm.weight"]
        if number < config["first_k_dense_replace"]:
            found |= {target + "mlp.linear_fc1.layer_norm_weight": norm, **gated(hf, source + "mlp.", target + "mlp.")}
            continue
        found |= {target + "pre_mlp_layernorm.weight": norm, target + "mlp.router.weight": hf[source + "mlp.gate.weight"],
                  target + "mlp.router.expert_bias": hf[source + "mlp.gate.e_score_correction_bias"]}
        found |= experts(hf, source, target, config["n_routed_experts"])
        found |= gated(hf, source + "mlp.shared_experts.", target + "mlp.shared_experts.")
    return found


# GPT-OSS (megatron/bridge/models/gpt_oss): biases everywhere, sinks, experts in one tensor. Decoded MXFP4 has outputs before inputs, where
# the plain files of this family have them the other way round; rows of gate and up take turns.

def gpt_oss_shapes(config):
    hidden, width, inner, count = config["hidden_size"], config["head_dim"], config["intermediate_size"], config["num_local_experts"]
    heads, groups, shapes = config["num_attention_heads"], config["num_key_value_heads"], ends_shapes(config)
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        shapes |= attention_shapes(layer + "self_attn.", hidden, heads, groups, width, width)
        shapes |= {f"{layer}self_attn.{name}_proj.bias": shapes[f"{layer}self_attn.{name}_proj.weight"][:1] for name in "qkvo"}
        shapes[layer + "self_attn.sinks"] = (heads,)
        shapes[layer + "mlp.router.weight"], shapes[layer + "mlp.router.bias"] = (count, hidden), (count,)
        for name, out, into in (("gate_up", 2 * inner, hidden), ("down", hidden, inner)):
            shapes |= {f"{layer}mlp.experts.{name}_proj": (count, out, into), f"{layer}mlp.experts.{name}_proj_bias": (count, out)}
    return shapes


def gate_above_up(expert):
    rows = expert.rows()
    return expert.of_rows(rows[0::2] + rows[1::2])


def gpt_oss_parameters(config, hf):
    def layer(number):
        source, found = f"model.layers.{number}.", {}
        found["self_attention.linear_qkv.layer_norm_weight"] = hf[source + "input_layernorm.weight"]
        found["pre_mlp_layernorm.weight"] = hf[source + "post_attention_layernorm.weight"]
        found["self_attention.core_attention.softmax_offset"] = hf[source + "self_attn.sinks"]
        for kind, suffix in (("weight", ""), ("bias", "_bias")):
            qkv = (hf[f"{source}self_attn.{name}_proj.{kind}"] for name in "qkv")
            found[f"self_attention.linear_qkv.{kind}"] = linear_qkv(*qkv, config["num_key_value_heads"])
            found[f"self_attention.linear_proj.{kind}"] = hf[f"{source}self_attn.o_proj.{kind}"]
            found[f"mlp.router.{kind}"] = hf[f"{source}mlp.router.{kind}"]
            gate_up = hf[f"{source}mlp.experts.gate_up_proj{suffix}"]
            found[f"mlp.experts.experts.linear_fc1.{kind}"] = stacked(gate_above_up(gate_up.entry(e)) for e in range(config["num_local_experts"]))
            found[f"mlp.experts.experts.linear_fc2.{kind}"] = hf[f"{source}mlp.experts.down_proj{suffix}"]
        return found

    return ends(hf) | alike(config["num_hidden_layers"], layer)
