"""run_config.yaml: what a YAML reader can be made to do."""

MODEL = """model:
  _target_: megatron.bridge.models.gpt_provider.GPTModelProvider
  num_layers: 2
"""


def files():
    laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for level in range(1, 12):
        laughs += f"a{level}: &a{level} [" + ", ".join(9 * [f"*a{level - 1}"]) + "]\n"
    long = "x" * 50000
    return {name: text.encode("utf-8", "surrogateescape") for name, text in {
        "empty": "",
        "a-list": "- 1\n",
        "not-yaml": "model: [\n",
        "laughs": laughs + MODEL,
        "laughs-of-a-long-text": f"a: &a {long}\nb: [" + ", ".join(10000 * ["*a"]) + "]\n" + MODEL,
        "laughs-of-a-long-key": f"a: &a {{k{long[:200]}: 1}}\nb: [" + ", ".join(10000 * ["*a"]) + "]\n" + MODEL.replace("2", "two"),
        "alias-of-itself": "model: &m\n  a: *m\n",
        "alias-unknown": MODEL + "  a: *nobody\n",
        "deep-flow-lists": "model: " + "[" * 40000 + "\n",
        "deep-flow-maps": "model: " + "{a: " * 20000 + "\n",
        "deep-block-lists": "model:\n" + "- " * 20000 + "\n",
        "deep-block-maps": "".join(" " * i + "a:\n" for i in range(400)),
        "tag-runs-a-program": MODEL + "  a: !!python/object/apply:os.system ['touch hacked']\n",
        "tag-makes-an-object": MODEL + "  a: !!python/object:os.path {}\n",
        "tag-names-a-function": MODEL + "  a: !!python/name:os.system\n",
        "key-twice": MODEL + "  num_layers: 3\n",
        "key-is-a-list": "? [1, 2]\n: 3\n" + MODEL,
        "key-of-50000-bytes": f"{long}: 1\n" + MODEL,
        "zero-byte": MODEL + "  a: \0\n",
        "not-utf8": MODEL + "  a: \udcff\n",
        "utf16": MODEL.encode("utf-16").decode("utf-8", "surrogateescape"),
        "model-missing": "checkpoint: {}\n",
        "model-a-list": "model: [1]\n",
        "layers-10to12": MODEL.replace("2", "1000000000000"),
        "layers-text": MODEL.replace("2", "two"),
        "layers-negative": MODEL.replace("2", "-2"),
    }.items()}
