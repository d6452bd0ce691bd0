"""What is compared with what, without a judge: two repositories, two trees of files, a repository and its logits."""
import filecmp
import json


class Failed(Exception):
    """What the program or a judge said against a conversion, one line each."""


def check_tensors(hf, exported, without=None):
    """All tensors of the source are there, bit by bit, and no others. `without`: the end of names that need not come back."""
    import hf_equal

    expected, found = hf_equal.tensors(hf), hf_equal.tensors(exported)
    if without:
        expected = {name: value for name, value in expected.items() if not name.endswith(without)}
    if not expected:
        raise Failed("the source has no tensors")
    if faults := hf_equal.compare(expected, found):
        raise Failed("\n".join(faults))
    return f"{len(expected)} tensors"


def check_files(hf, exported):
    """Every file of the repository is there under its name; what holds no weights is the same, byte by byte."""
    expected, found = ({path.name for path in folder.iterdir()} for folder in (hf, exported))
    if expected != found:
        raise Failed(f"files differ: missing {sorted(expected - found)}, unexpected {sorted(found - expected)}")
    for name in sorted(expected):
        a, b = (folder / name for folder in (hf, exported))
        if name.endswith(".index.json"):
            same = json.loads(a.read_text())["weight_map"] == json.loads(b.read_text())["weight_map"]
        else:
            same = name.endswith(".safetensors") or a.read_bytes() == b.read_bytes()
        if not same:
            raise Failed(f"{name} differs from the source's")


def check_logits(exported, expected=None):
    """transformers loads all of it and nothing is left over. The logits were computed in float32 with plain attention; the same
    weights and configuration give the same bits. Without `expected` it need only load."""
    import torch
    from safetensors.torch import load_file

    import transformers_reader

    model, left = transformers_reader.load(exported)
    if left:
        raise Failed(f"transformers: {left}")
    if not expected:
        return
    expected = load_file(expected)
    with torch.no_grad():
        logits = model.eval()(expected["input_ids"]).logits
    if not torch.equal(logits, expected["logits"]):
        raise Failed(f"logits differ by up to {(logits - expected['logits']).abs().max().item():.3g}")


def same_trees(a, b):
    """Names and bytes of all files below two folders."""
    names = [sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()) for folder in (a, b)]
    if names[0] != names[1] or not names[0]:
        raise Failed(f"files differ: {sorted(map(str, set(names[0]) ^ set(names[1])))}")
    if different := [str(name) for name in names[0] if not filecmp.cmp(a / name, b / name, shallow=False)]:
        raise Failed(f"bytes differ: {different}")
