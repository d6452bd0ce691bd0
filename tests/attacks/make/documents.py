"""config.json, model.safetensors.index.json and plugin manifests."""

import json

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False, "rope_theta": 500000.0,
    "tie_word_embeddings": False, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2,
    "num_hidden_layers": 2, "vocab_size": 40, "max_position_embeddings": 512, "rms_norm_eps": 1e-05, "hidden_act": "silu",
    "torch_dtype": "bfloat16", "head_dim": 4,
}
SHARD = "model-00002-of-00003.safetensors"
MANIFEST = {"manifest": 1, "id": "stranger", "version": "1", "library": "stranger.so", "abi": {"major": 1}, "architectures": ["StrangerForCausalLM"]}


def text(value):
    return json.dumps(value).encode()


def config(**fields):
    return text({**CONFIG, **fields})


def spelt(field, spelling):
    """A field whose value is no JSON that Python would write."""
    return text({**CONFIG, field: "@"}).replace(b'"@"', spelling.encode())


def index(weight_map, **more):
    return text({"metadata": {"total_size": 1}, "weight_map": weight_map, **more})


def configs():
    return {
        "empty": b"",
        "not-json": b"{",
        "a-list": b"[]",
        "deep": b'{"a":' * 5000,
        "deep-lists": spelt("rope_scaling", "[" * 5000 + "]" * 5000),
        "utf16": json.dumps(CONFIG).encode("utf-16"),
        "not-utf8": config(hidden_act="@").replace(b"@", b"\xff\xfe"),
        "zero-bytes": bytes(1000),
        "key-twice": config().replace(b"{", b'{"hidden_size": 32, ', 1),
        "number-1e400": spelt("rms_norm_eps", "1e400"),
        "number-of-50000-digits": spelt("vocab_size", "9" * 50000),
        "integer-beyond-63-bits": config(hidden_size=1 << 63),
        "integer-beyond-64-bits": config(hidden_size=1 << 64),
        "layers-10to12": config(num_hidden_layers=10**12),
        "layers-2to63-less-1": config(num_hidden_layers=(1 << 63) - 1),
        "layers-negative": config(num_hidden_layers=-1),
        "layers-zero": config(num_hidden_layers=0),
        "layers-text": config(num_hidden_layers="two"),
        "layers-list": config(num_hidden_layers=[2]),
        "layers-half": config(num_hidden_layers=2.5),
        "layers-true": config(num_hidden_layers=True),
        "layers-null": config(num_hidden_layers=None),
        "heads-zero": config(num_attention_heads=0, head_dim=None),
        "heads-10to12": config(num_attention_heads=10**12),
        "heads-negative": config(num_attention_heads=-4, num_key_value_heads=-2),
        "key-heads-zero": config(num_key_value_heads=0),
        "key-heads-of-no-share": config(num_key_value_heads=3),
        "hidden-2to62": config(hidden_size=1 << 62),
        "hidden-and-heads-overflow": config(hidden_size=1 << 40, num_attention_heads=1 << 40, num_key_value_heads=1 << 40, head_dim=1 << 40),
        "vocabulary-2to62": config(vocab_size=1 << 62),
        "vocabulary-negative": config(vocab_size=-40),
        "head-dimension-zero": config(head_dim=0),
        "architectures-missing": text({k: v for k, v in CONFIG.items() if k not in ("architectures", "model_type")}),
        "architectures-text": config(architectures="LlamaForCausalLM"),
        "architectures-numbers": config(architectures=[1]),
        "architecture-with-zero": config(architectures=["LlamaForCausalLM\0x"]),
        "architecture-is-a-path": config(architectures=["../../../tmp/evil"]),
        "architecture-paints-the-terminal": config(architectures=["\x1b[2J\x1b]0;owned\x07\nweighbridge: all is well"]),
        "architecture-of-60000-bytes": config(architectures=["L" * 60000]),
        "activation-unknown": config(hidden_act="__import__('os').system('touch hacked')"),
        "dtype-with-zero": config(torch_dtype="bfloat16\0"),
        "dtype-unknown": config(torch_dtype="os.system"),
        "rope-list": config(rope_scaling=[1]),
        "rope-factor-text": config(rope_scaling={"rope_type": "llama3", "factor": "eight"}),
        "norm-text": config(rms_norm_eps="1e-5"),
    }


def indices():
    whole = {"model.norm.weight": SHARD}
    return {
        "path-leads-out": index({"w": "../../../../etc/passwd"}),
        "path-is-absolute": index({"w": "/etc/passwd"}),
        "path-with-zero": index({"w": SHARD + "\0"}),
        "path-with-backslash": index({"w": "..\\..\\x.safetensors"}),
        "path-empty": index({"w": ""}),
        "path-is-the-folder": index({"w": "."}),
        "path-of-60000-bytes": index({"w": "x" * 60000}),
        "path-paints-the-terminal": index({"w": "\x1b[2J.safetensors"}),
        "shard-missing": index({"w": "model-00004-of-00003.safetensors"}),
        "shard-is-no-safetensors": index({"w": "config.json"}),
        "name-twice": b'{"weight_map": {"w": "%s", "w": "%s"}}' % (SHARD.encode(), SHARD.encode()),
        "name-not-in-its-shard": index(whole),
        "map-missing": b"{}",
        "map-a-list": index([SHARD]),
        "shard-a-number": index({"w": 2}),
        "map-empty": index({}),
        "metadata-a-list": index(whole, metadata=[1]),
        "deep": b'{"weight_map":' * 5000,
    }


def manifests():
    manifest = lambda **fields: text({**MANIFEST, **fields})  # noqa: E731
    return {
        "manifest-not-json": b"\x7fELF",
        "manifest-deep": b'{"a":' * 5000,
        "manifest-library-with-a-path": manifest(library="../../../tmp/evil.so"),
        "manifest-library-absolute": manifest(library="/tmp/evil.so"),
        "manifest-library-missing": manifest(),
        "manifest-library-is-itself": manifest(library="stranger.json"),
        "manifest-library-with-zero": manifest(library="stranger.so\0x"),
        "manifest-library-no-text": manifest(library=1),
        "manifest-version-2to62": manifest(manifest=1 << 62),
        "manifest-abi-2to62": manifest(abi={"major": 1 << 62}),
        "manifest-abi-of-tomorrow": manifest(abi={"major": 999}),
        "manifest-architectures-empty": manifest(architectures=[]),
        "manifest-architectures-no-list": manifest(architectures={"a": "b"}),
        "manifest-architectures-numbers": manifest(architectures=[1]),
        "manifest-key-twice": manifest().replace(b"{", b'{"id": "other", ', 1),
    }


def files():
    made = {"of-a-stranger": config(architectures=MANIFEST["architectures"])}
    made.update({"config-" + name: content for name, content in configs().items()})
    made.update({"index-" + name: content for name, content in indices().items()})
    return {**made, **manifests()}
