#!/usr/bin/env python3
"""Makes the shapes of published models: Hugging Face folders with real tensor names and sizes in sparse files that hold no data.

  python3 make_shapes.py DIR --model deepseek-v3|kimi-k2|llama-405b [--layers N] [--experts N] [--shrink N]

With fewer layers (then without the one that predicts further tokens) or experts the tensors keep their sizes; shrunk, as many have an Nth
of each extent. Sizes are those of the models' config.json.
"""
import argparse
import json
import pathlib

import make_llama

EXTENTS = ("hidden_size", "intermediate_size", "moe_intermediate_size", "q_lora_rank", "kv_lora_rank", "num_attention_heads",
           "num_key_value_heads", "vocab_size")
WIDTH = {"BF16": 2, "F32": 4, "F8_E4M3": 1}
BLOCK = 128


def latent(hidden, experts, heads, vocabulary, layers, groups, factor, model_type, prediction):
    return {"architectures": ["DeepseekV3ForCausalLM"], "model_type": model_type, "attention_bias": False, "attention_dropout": 0.0,
            "first_k_dense_replace": 3 if groups > 1 else 1, "hidden_act": "silu", "hidden_size": hidden, "initializer_range": 0.02,
            "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840, "moe_intermediate_size": 2048, "moe_layer_freq": 1,
            "n_group": groups, "n_routed_experts": experts, "n_shared_experts": 1, "norm_topk_prob": True, "num_attention_heads": heads,
            "num_experts_per_tok": 8, "num_hidden_layers": layers, "num_key_value_heads": heads, "num_nextn_predict_layers": prediction,
            "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
            "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
                             "original_max_position_embeddings": 4096, "type": "yarn"},
            "routed_scaling_factor": factor, "scoring_func": "sigmoid", "tie_word_embeddings": False, "topk_group": 4 if groups > 1 else 1,
            "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "v_head_dim": 128, "vocab_size": vocabulary,
            "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK]}}


def encoded(name, shape):
    yield name + ".weight", "F8_E4M3", shape
    yield name + ".weight_scale_inv", "F32", [-(-extent // BLOCK) for extent in shape]


def latent_shapes(c):
    hidden, heads, rows = c["hidden_size"], c["num_attention_heads"], c["vocab_size"]
    query, compressed = c["q_lora_rank"], c["kv_lora_rank"]
    wide = c["qk_nope_head_dim"] + c["qk_rope_head_dim"]

    def feed_forward(prefix, width):
        for name, shape in (("gate", [width, hidden]), ("up", [width, hidden]), ("down", [hidden, width])):
            yield from encoded(f"{prefix}{name}_proj", shape)

    yield "model.embed_tokens.weight", "BF16", [rows, hidden]
    layers = c["num_hidden_layers"]
    for number in range(layers + c["num_nextn_predict_layers"]):
        layer = f"model.layers.{number}."
        for name, width in (("input_layernorm", hidden), ("post_attention_layernorm", hidden), ("self_attn.q_a_layernorm", query),
                            ("self_attn.kv_a_layernorm", compressed)):
            yield f"{layer}{name}.weight", "BF16", [width]
        for name, shape in (("q_a_proj", [query, hidden]), ("q_b_proj", [heads * wide, query]),
                            ("kv_a_proj_with_mqa", [compressed + c["qk_rope_head_dim"], hidden]),
                            ("kv_b_proj", [heads * (c["qk_nope_head_dim"] + c["v_head_dim"]), compressed]), ("o_proj", [hidden, heads * c["v_head_dim"]])):
            yield from encoded(f"{layer}self_attn.{name}", shape)
        if number < c["first_k_dense_replace"]:
            yield from feed_forward(layer + "mlp.", c["intermediate_size"])
        else:
            yield layer + "mlp.gate.weight", "BF16", [c["n_routed_experts"], hidden]
            yield layer + "mlp.gate.e_score_correction_bias", "F32", [c["n_routed_experts"]]
            yield from feed_forward(layer + "mlp.shared_experts.", c["moe_intermediate_size"])
            for expert in range(c["n_routed_experts"]):
                yield from feed_forward(f"{layer}mlp.experts.{expert}.", c["moe_intermediate_size"])
        if number >= layers:
            for name, shape in (("eh_proj", [hidden, 2 * hidden]), ("enorm", [hidden]), ("hnorm", [hidden]), ("shared_head.norm", [hidden]),
                                ("shared_head.head", [rows, hidden]), ("embed_tokens", [rows, hidden])):
                yield f"{layer}{name}.weight", "BF16", shape
    yield "model.norm.weight", "BF16", [hidden]
    yield "lm_head.weight", "BF16", [rows, hidden]


def llama_shapes(c):
    for name, shape in make_llama.shapes(c):
        yield name, "BF16", shape


MODELS = {
    "deepseek-v3": (lambda: latent(7168, 256, 128, 129280, 61, 8, 2.5, "deepseek_v3", 1), latent_shapes),
    "kimi-k2": (lambda: latent(7168, 384, 64, 163840, 61, 1, 2.827, "kimi_k2", 0), latent_shapes),
    "llama-405b": (lambda: make_llama.config_of(16384, 53248, 128256, 126, heads=128, groups=8), llama_shapes),
}


def write_shard(path, tensors):
    header, offset = {}, 0
    for name, dtype, shape in tensors:
        end = offset + WIDTH[dtype] * make_llama.elements(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)


def make(folder, model, layers=None, experts=None, shrink=1, limit=5e9):
    """Gives the number of tensors and their bytes."""
    config, shapes = MODELS[model][0](), MODELS[model][1]
    if layers:
        config["num_hidden_layers"] = layers
        if "num_nextn_predict_layers" in config:
            config["num_nextn_predict_layers"] = 0
    if experts:
        config["n_routed_experts"] = experts
    config |= {name: config[name] // shrink for name in EXTENTS if name in config}
    shards, size, total, count = [[]], 0, 0, 0
    for tensor in shapes(config):
        nbytes = WIDTH[tensor[1]] * make_llama.elements(tensor[2])
        if shards[-1] and size + nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size, total, count = size + nbytes, total + nbytes, count + 1
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weight_map = {}
    for number, tensors in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_shard(folder / name, tensors)
        weight_map |= {tensor[0]: name for tensor in tensors}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index) + "\n")
    return count, total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path), parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--layers", type=int), parser.add_argument("--experts", type=int)
    parser.add_argument("--shrink", type=int, default=1)
    options = parser.parse_args()
    count, total = make(options.folder, options.model, options.layers, options.experts, options.shrink)
    print(f"{options.folder}: {count} tensors, {total / 1e9:.1f} GB in sparse files")


if __name__ == "__main__":
    main()
