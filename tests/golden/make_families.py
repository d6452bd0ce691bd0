"""Makes the golden checkpoints of families that transformers can build: CASE/hf and CASE/expected.

  python make_families.py --cpu-peers FILE [--only CASE ...]

The same environment and FILE as of make.py. transformers says which tensors a checkpoint of the configuration has (it builds the
model and saves it); here each gets values of its own. Megatron-Bridge imports that and saves a torch_dist checkpoint, whose tensors
go, key by key, into expected/parameters.safetensors.
"""
import json
import os
import pathlib
import shutil
import sys
import tempfile

import numpy
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import families
import families_dense  # noqa: F401  adds its cases to those of families
import families_glm  # noqa: F401  as well
import families_mixtures  # noqa: F401  as well
from make import bridge_import, in_child, options_of, patterns

HERE = pathlib.Path(__file__).resolve().parent


def saved_tensors(case, config, scratch):
    """{name: (shape, dtype)} of what a published checkpoint of this configuration holds."""
    import transformers

    folder = scratch / "skeleton"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    kind = getattr(transformers, config["architectures"][0])
    model = kind(kind.config_class.from_pretrained(folder)).to(torch.bfloat16)
    model.save_pretrained(folder / "saved")
    found = {}
    for file in sorted((folder / "saved").glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():
                piece = tensors.get_slice(name)
                for saved, published in families.RENAMED.get(case, {}).items():
                    name = published + name.removeprefix(saved) if name.startswith(saved) else name
                found[name] = (piece.get_shape(), torch.float32 if name.endswith(families.FLOAT32.get(case, ("-",))) else torch.bfloat16)
    return found | families.ADDED.get(case, lambda saved: {})(found)


def filled(shapes, seed, near_one):
    """Values for each tensor: of bfloat16, every pattern once before any comes again; of float32, fractions that bfloat16 lacks."""
    total = sum(int(numpy.prod(shape)) for shape, _ in shapes.values())
    once = 2 * 110 * 128  # signs, exponents and fractions of `patterns`
    bits = numpy.concatenate([patterns(torch.bfloat16, once, seed + turn) for turn in range(-(-total // once))])
    tensors, begin = {}, 0
    for name, (shape, dtype) in shapes.items():
        count = int(numpy.prod(shape))
        part = torch.from_numpy(bits[begin:begin + count].view(numpy.int16).copy())
        begin += count
        if dtype == torch.float32:
            tensors[name] = (torch.arange(begin, begin + count, dtype=torch.float32) * 0.003 + 1 / 7).reshape(shape)
        elif name in near_one:
            tensors[name] = (torch.arange(count) / 128 + 0.75).to(torch.bfloat16).reshape(shape)
        else:
            tensors[name] = part.view(torch.bfloat16).reshape(shape)
    return tensors


def torch_dist_tensors(folder):
    """{key: tensor} of a torch_dist checkpoint."""
    from torch.distributed.checkpoint import FileSystemReader, load

    described = FileSystemReader(folder).read_metadata().state_dict_metadata
    state = {key: torch.empty(value.size, dtype=value.properties.dtype) for key, value in described.items() if hasattr(value, "chunks")}
    load(state, checkpoint_id=folder, no_dist=True)
    return state


def unrounded(parameters, sources):
    """The parameters, with the float32 sources themselves where Megatron-Bridge has rounded them to bfloat16."""
    result = dict(parameters)
    for source in (tensor for tensor in sources.values() if tensor.dtype == torch.float32):
        for key, value in parameters.items():
            if value.numel() == source.numel() and torch.equal(value.flatten(), source.flatten().to(value.dtype)):
                result[key] = source.reshape(value.shape).clone()
    return result


def make(name, config, scratch):
    folder, seed = scratch / name, sum(name.encode())
    tensors = filled(saved_tensors(name, config, scratch), seed, families.LESS_ONE.get(name, {}).values())
    for copy, original in families.COPIES.get(name, {}).items():
        tensors[copy] = tensors[original].clone()
    (folder / "hf").mkdir(parents=True)
    save_file(tensors, folder / "hf" / "model.safetensors", metadata={"format": "pt"})
    (folder / "hf" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "hf" / "generation_config.json").write_text('{\n  "bos_token_id": 1,\n  "eos_token_id": 2\n}\n')
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(HERE / "llama3" / "hf" / file, folder / "hf" / file)
    bridge_import(pathlib.Path(name, "hf"), pathlib.Path(name, "megatron"))
    parameters = unrounded(torch_dist_tensors(folder / "megatron" / "iter_0000000"), tensors)
    for key, source in families.LESS_ONE.get(name, {}).items():
        exact = tensors[source].float() - 1
        assert torch.equal(parameters[key], exact.to(parameters[key].dtype)), key
        parameters[key] = exact
    (folder / "expected").mkdir()
    save_file(parameters, folder / "expected" / "parameters.safetensors", metadata={"format": "pt"})
    shutil.rmtree(folder / "megatron")
    shutil.rmtree(HERE / name, ignore_errors=True)
    shutil.copytree(folder, HERE / name)
    size = sum(path.stat().st_size for path in (HERE / name).rglob("*") if path.is_file())
    print(f"{name}: {len(tensors)} tensors, {len(parameters)} keys, {size} bytes", flush=True)


def main():
    options = options_of(__doc__)
    failed = []
    for name, config in families.CASES.items():
        if options.only and name not in options.only:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)
            if not in_child(make, name, config, pathlib.Path(scratch).resolve()):
                failed.append(name)
            os.chdir(HERE)
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
