"""Makes the golden checkpoints in this folder: CASE/hf, CASE/megatron, CASE/expected.

  python make.py --cpu-peers FILE [--only CASE ...]

The environment holds numpy, torch, safetensors, transformers, Megatron-Core, Transformer Engine and Megatron-Bridge (README.md
names the versions of the committed files). FILE is a Python file that is imported first and lets these packages run without
a GPU; leave the option out on a machine that has one.

hf/ is written here, every element of a checkpoint with a bit pattern of its own, so that no two can be confused.
megatron/ is Megatron-Bridge's import of hf/, and expected/parameters.safetensors holds the parameters of the Megatron model
in memory after that import, by their live names. Both are also computed here by the written-out layouts (layout.py) and must agree.
"""
import argparse
import importlib
import json
import os
import pathlib
import pickle
import shutil
import sys
import tempfile

import numpy
import torch
from safetensors.torch import save_file

import cases
import layout

HERE = pathlib.Path(__file__).resolve().parent


def patterns(dtype, count, seed):
    """`count` different bit patterns of finite, normal values, in an order that the seed fixes."""
    fraction, exponents = {torch.bfloat16: (7, range(27, 137)), torch.float16: (10, range(1, 30))}[dtype]
    exponent = numpy.array(exponents, dtype=numpy.uint16) << fraction
    positive = (exponent[:, None] | numpy.arange(1 << fraction, dtype=numpy.uint16)[None]).reshape(-1)
    found = numpy.concatenate([positive, positive | 0x8000])
    assert count <= len(found), f"{count} elements, but only {len(found)} patterns"
    return numpy.random.default_rng(seed).permutation(found)[:count]


def weights(case):
    """The Hugging Face tensors of a case, in the order of the model."""
    shapes = layout.hf_shapes(case.config)
    sizes = [int(numpy.prod(shape)) for shape in shapes.values()]
    bits = numpy.split(patterns(case.dtype, sum(sizes), case.seed), numpy.cumsum(sizes)[:-1])
    return {name: torch.from_numpy(part.view(numpy.int16).copy()).view(case.dtype).reshape(shape)
            for part, (name, shape) in zip(bits, shapes.items())}


def write_hf(case, folder, tensors):
    folder.mkdir(parents=True)
    for name, content in case.side_files().items():
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        (folder / name).write_text(text)
    if case.shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = list(tensors)
    step = -(-len(names) // case.shards)
    weight_map = {}
    for number in range(case.shards):
        part = names[number * step:(number + 1) * step]
        file = f"model-{number + 1:05d}-of-{case.shards:05d}.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def bridge_import(hf, megatron):
    """Megatron-Bridge's own import, saved; returns the model's parameters by live name."""
    from megatron.bridge import AutoBridge
    from megatron.bridge.training.model_load_save import temporary_distributed_context

    with temporary_distributed_context(backend="gloo"):
        bridge = AutoBridge.from_hf_pretrained(str(hf))
        provider = bridge.to_megatron_provider()
        provider.finalize()
        model = provider.provide_distributed_model(wrap_with_ddp=False, use_cpu_initialization=True)
        found = {name: value.detach().clone().contiguous() for name, value in model[0].state_dict().items()
                 if isinstance(value, torch.Tensor) and not name.endswith("_extra_state")}
        bridge.save_megatron_model(model, str(megatron), hf_tokenizer_path=str(hf), low_memory_save=True)  # empties it
        return found


def scrub(megatron, scratch, case):
    """Where the checkpoint was made is nobody's business: paths become names relative to the golden folder."""
    for path in megatron.rglob("run_config.yaml"):
        path.write_text(path.read_text().replace(f"{scratch}/", ""))
    for path in megatron.rglob(".metadata"):
        metadata = pickle.loads(path.read_bytes())
        for name, value in vars(metadata.storage_meta or object()).items() if metadata.storage_meta else ():
            if isinstance(value, (str, os.PathLike)) and str(scratch) in str(value):
                setattr(metadata.storage_meta, name, str(value).replace(f"{scratch}/", ""))
        path.write_bytes(pickle.dumps(metadata))
    for path in megatron.rglob("*"):
        assert path.is_dir() or str(scratch).encode() not in path.read_bytes(), f"{path} names {scratch}"


def compare(case, expected, found):
    assert expected.keys() == found.keys(), (case.name, sorted(expected.keys() ^ found.keys()))
    for name, value in expected.items():
        assert value.dtype == found[name].dtype and value.shape == found[name].shape, (case.name, name)
        assert torch.equal(value.view(torch.int16), found[name].view(torch.int16)), (case.name, name)


def make(case, scratch):
    tensors = weights(case)
    parameters = layout.megatron_parameters(case.config, tensors)
    folder = scratch / case.name
    write_hf(case, folder / "hf", tensors)
    if case.peer:
        compare(case, parameters, bridge_import(pathlib.Path(case.name, "hf"), pathlib.Path(case.name, "megatron")))
        scrub(folder / "megatron", scratch, case)
    (folder / "expected").mkdir()
    save_file(parameters, folder / "expected" / "parameters.safetensors", metadata={"format": "pt"})
    shutil.rmtree(HERE / case.name, ignore_errors=True)
    shutil.copytree(folder, HERE / case.name)
    size = sum(path.stat().st_size for path in (HERE / case.name).rglob("*") if path.is_file())
    print(f"{case.name}: {len(tensors)} tensors, {len(parameters)} parameters, {size} bytes", flush=True)


def in_child(work, *args):
    """Megatron keeps its state in globals: every case has a process of its own."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        try:
            work(*args)
            sys.stdout.flush()
            os._exit(0)
        except BaseException:  # noqa: BLE001
            import traceback
            traceback.print_exc()
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def options_of(doc):
    """The command line; what --cpu-peers names is imported, and then Megatron-Bridge, once for all children."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu-peers", type=pathlib.Path), parser.add_argument("--only", nargs="+")
    options = parser.parse_args()
    if options.cpu_peers:
        sys.path.insert(0, str(options.cpu_peers.resolve().parent))
        importlib.import_module(options.cpu_peers.stem)
    import megatron.bridge  # noqa: F401
    return options


def main():
    options = options_of(__doc__)
    chosen = [case for case in cases.CASES if not options.only or case.name in options.only]
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        failed = [case.name for case in chosen if not in_child(make, case, pathlib.Path(scratch).resolve())]
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
