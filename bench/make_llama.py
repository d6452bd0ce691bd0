#!/usr/bin/env python3
"""Makes a synthetic Llama: a Hugging Face folder with config.json and sharded safetensors, without any package.

  python3 make_llama.py DIR --gigabytes 4       about 4 * 10^9 bytes of bfloat16 that does not compress
  python3 make_llama.py DIR --tensors 100000    as many small tensors in sparse files, for what does not read data

Same arguments, same bytes.
"""
import argparse
import json
import pathlib
import random

BLOCK = 16 << 20


def shapes(config):
    hidden, inner, rows = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    kv = config["num_key_value_heads"] * hidden // config["num_attention_heads"]
    yield "model.embed_tokens.weight", [rows, hidden]
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        yield layer + "input_layernorm.weight", [hidden]
        for name, out in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            yield f"{layer}self_attn.{name}_proj.weight", [out, hidden]
        yield layer + "post_attention_layernorm.weight", [hidden]
        for name, shape in (("gate", [inner, hidden]), ("up", [inner, hidden]), ("down", [hidden, inner])):
            yield f"{layer}mlp.{name}_proj.weight", shape
    yield "model.norm.weight", [hidden]
    yield "lm_head.weight", [rows, hidden]


def elements(shape):
    count = 1
    for extent in shape:
        count *= extent
    return count


def total_bytes(config):
    return 2 * sum(elements(shape) for _, shape in shapes(config))


def config_of(hidden, inner, vocabulary, layers, heads, groups):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner,
            "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": groups,
            "vocab_size": vocabulary, "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
            "rope_scaling": None, "max_position_embeddings": 8192, "initializer_range": 0.02, "attention_bias": False,
            "attention_dropout": 0.0, "mlp_bias": False, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
            "use_cache": True, "torch_dtype": "bfloat16", "transformers_version": "4.57.1"}


def sized(wanted):
    """As many layers as the size needs; the layers of an 8B model where they fit."""
    wide = (4096, 14336, 32000) if wanted >= 2e9 else (1024, 3584, 8192)
    make = lambda layers: config_of(*wide, layers, heads=32, groups=8)  # noqa: E731
    one, two = total_bytes(make(1)), total_bytes(make(2))
    return make(max(1, round((wanted - one) / (two - one)) + 1))


def random_block():
    """Finite bfloat16 values below 2: the sign and fraction bits are random, the exponent's highest bit is 0."""
    block = bytearray(random.Random(20240607).randbytes(BLOCK))
    block[1::2] = block[1::2].translate(bytes(value & 0xBF for value in range(256)))
    return bytes(block)


class Data:
    """An endless stream: the block over and over, each time turned a little further, so that no two parts are equal."""

    def __init__(self):
        self.twice, self.turn, self.place = memoryview(random_block() * 2), 0, 0

    def write(self, file, count):
        while count:
            part = min(count, BLOCK - self.place)
            start = self.turn + self.place
            file.write(self.twice[start:start + part])
            self.place, count = self.place + part, count - part
            if self.place == BLOCK:
                self.place, self.turn = 0, (self.turn + 7919 * 2) % BLOCK


def write_shard(path, tensors, data):
    """tensors: [(name, shape)]; data: None leaves a hole."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        end = offset + 2 * elements(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        if data:
            data.write(file, offset)
        else:
            file.truncate(8 + len(text) + offset)


def shards_of(config, limit):
    """Tensors in order, a new shard whenever the next would exceed the limit."""
    shards, size = [[]], 0
    for name, shape in shapes(config):
        nbytes = 2 * elements(shape)
        if shards[-1] and size + nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append((name, shape))
        size += nbytes
    return [sorted(shard) for shard in shards]


def write_model(folder, config, limit, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shards, weight_map = shards_of(config, limit), {}
    for number, tensors in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_shard(folder / name, tensors, data)
        weight_map |= {tensor: name for tensor, _ in tensors}
    index = {"metadata": {"total_size": total_bytes(config)}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--gigabytes", type=float), size.add_argument("--tensors", type=int)
    parser.add_argument("--shard-gigabytes", type=float, default=1)
    options = parser.parse_args()
    if options.tensors:
        config = config_of(64, 128, 1024, layers=max(1, -(-(options.tensors - 3) // 9)), heads=4, groups=2)
        write_model(options.folder, config, limit=total_bytes(config) / 8, data=None)
    else:
        config = sized(options.gigabytes * 1e9)
        write_model(options.folder, config, options.shard_gigabytes * 1e9, Data())
    print(f"{options.folder}: {sum(1 for _ in shapes(config))} tensors, {total_bytes(config) / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
