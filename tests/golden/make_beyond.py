"""Makes the golden checkpoints of families that Megatron-Bridge does not know: CASE/hf and CASE/expected.

  python make_beyond.py [--only CASE ...]

transformers says which tensors a checkpoint of the configuration has; here each gets values of its own, of a size that lets every part of the
model show in its logits. families_beyond.py writes out what Megatron-Core's parameters are.
"""
import argparse
import json
import pathlib
import shutil
import tempfile

import numpy
import torch
from safetensors.torch import save_file

import families_beyond
from make import HERE
from make_families import saved_tensors

EXPONENTS = range(112, 127)  # 2^-15 to 2^-1


def filled(shapes, seed):
    """Values for each tensor: every pattern of bfloat16 with one of the exponents once before any comes again; norms lie about one."""
    exponents = numpy.array(EXPONENTS, dtype=numpy.uint16) << 7
    positive = (exponents[:, None] | numpy.arange(128, dtype=numpy.uint16)[None]).reshape(-1)
    patterns = numpy.concatenate([positive, positive | 0x8000])
    total = sum(int(numpy.prod(shape)) for shape, _ in shapes.values())
    bits = numpy.concatenate([numpy.random.default_rng(seed + turn).permutation(patterns) for turn in range(-(-total // len(patterns)))])
    tensors, begin = {}, 0
    for name, (shape, dtype) in shapes.items():
        assert dtype == torch.bfloat16, name
        count = int(numpy.prod(shape))
        tensors[name] = torch.from_numpy(bits[begin:begin + count].view(numpy.int16).copy()).view(torch.bfloat16).reshape(shape)
        begin += count
        if name.endswith("norm.weight"):
            tensors[name] = tensors[name] * 0.5 + 1
    return tensors


def make(name, config, layout, scratch):
    folder, seed = scratch / name, sum(name.encode())
    tensors = filled(saved_tensors(name, config, scratch), seed)
    parameters = {key: value.contiguous() for key, value in layout(config, tensors).items()}
    for kind, content in (("hf/model", tensors), ("expected/parameters", parameters)):
        file = folder / f"{kind}.safetensors"
        file.parent.mkdir(parents=True)
        save_file(content, file, metadata={"format": "pt"})
    (folder / "hf" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "hf" / "generation_config.json").write_text('{\n  "bos_token_id": 1,\n  "eos_token_id": 2\n}\n')
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(HERE / "llama3" / "hf" / file, folder / "hf" / file)
    shutil.rmtree(HERE / name, ignore_errors=True)
    shutil.copytree(folder, HERE / name)
    size = sum(path.stat().st_size for path in (HERE / name).rglob("*") if path.is_file())
    print(f"{name}: {len(tensors)} tensors, {len(parameters)} parameters, {size} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+")
    options = parser.parse_args()
    for name, (config, layout) in families_beyond.CASES.items():
        if not options.only or name in options.only:
            with tempfile.TemporaryDirectory() as scratch:
                make(name, config, layout, pathlib.Path(scratch).resolve())


if __name__ == "__main__":
    main()
