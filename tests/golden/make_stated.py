"""Makes the golden checkpoints whose expected side comes from written-out layouts alone: CASE/hf and CASE/expected.

  python make_stated.py [CASE ...]

Needs Python and nothing else. They are of families that transformers cannot build without code from the model's repository, and of
quantised sources. stated_text.py and stated_storage.py say what Megatron-Bridge makes of a checkpoint.
"""
import json
import pathlib
import shutil
import sys

import plain
import stated_deepseek_v4
import stated_dense
import stated_kimi_k3
import stated_latent
from stated_cases import CASES

HERE = pathlib.Path(__file__).resolve().parent
CASES |= stated_dense.CASES | stated_latent.CASES | stated_deepseek_v4.CASES | stated_kimi_k3.CASES
# Ends of the names of tensors that published files hold in float32.
FLOAT32 = (".e_score_correction_bias", ".moe.router_bias", ".expert_bias", ".block_sparse_moe.gate.weight", ".gate.bias", ".attn_sink", ".ape", "_fn", "_base", "_scale", ".A_log", ".dt_bias",
           "_conv1d.weight")


def source_of(name, case):
    """The tensors of the files, and the values that they mean by the names that the layout uses."""
    fill, files, values = plain.Filling(sum(name.encode())), {}, {}
    for tensor, shape in case.shapes(case.config | case.stated_elsewhere).items():
        if case.in_codec(tensor):
            files |= case.codec.stored(fill, tensor, shape)
            values[tensor] = case.codec.decoded(files, tensor)
        elif tensor.endswith(case.about_one or ("-",)):
            files[tensor] = values[tensor] = plain.about_one(shape)
        elif ".indexer.k_norm." in tensor:  # a scale near one and a small bias, lest all keys be alike and all tokens equally good
            least = 0x3F80 if tensor.endswith("weight") else 0x3C00
            files[tensor] = values[tensor] = plain.Tensor("BF16", shape, [least + (fill.count + 5 * place) % 128 for place in range(shape[0])])
        elif tensor.endswith(".tid2eid"):  # numbers of experts
            numbers = [fill.word(place, "U8") % case.config["n_routed_experts"] for place in range(shape[0] * shape[1])]
            files[tensor] = values[tensor] = plain.Tensor("I64", shape, numbers)
        else:
            files[tensor] = values[tensor] = fill("F32" if tensor.endswith(FLOAT32) and not tensor.endswith(case.bfloat16) else "BF16", shape)
    for tensor in files:
        for end, kept in case.zeros_behind.items():
            if tensor.endswith(end):
                files[tensor].bits[kept:] = [0] * (len(files[tensor].bits) - kept)
                values[tensor] = plain.Tensor(files[tensor].dtype, (kept,), files[tensor].bits[:kept])
    for copy, original in case.copies.items():
        assert copy in files
        files[copy] = values[copy] = values[original]
    return files, values


def make(name, case):
    files, values = source_of(name, case)
    parameters = case.parameters(case.config | case.stated_elsewhere, values)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    for part, tensors in (("hf/model", files), ("expected/parameters", parameters)):
        path = folder / f"{part}.safetensors"
        path.parent.mkdir(parents=True)
        plain.write(path, tensors)
        assert plain.read(path) == tensors
    (folder / "hf/config.json").write_text(json.dumps(case.config, indent=2) + "\n")
    (folder / "hf/generation_config.json").write_text('{\n  "bos_token_id": 1,\n  "eos_token_id": 2\n}\n')
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(HERE / "llama3/hf" / file, folder / "hf" / file)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{name}: {len(files)} tensors, {len(parameters)} keys, {size} bytes")


def main():
    for name in sys.argv[1:] or CASES:
        make(name, CASES[name])


if __name__ == "__main__":
    main()
