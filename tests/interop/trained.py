"""What Megatron-LM's own training wrote, exported: the export must hold the numbers that torch alone finds in the checkpoint.

Rank files are put together by ranks.py, torch_dist by PyTorch's own reader. tests/golden/layout.py says where every element of the
export belongs in a Megatron model; the two must agree bit by bit.
"""
import json
import pathlib
import re
import sys

import ranks
import torch
from checks import Failed, check_logits, check_tensors

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


def stored(checkpoint):
    """{live name: tensor} of a torch_dist checkpoint: layers stacked or apart, experts stacked or apart; the padding is still there."""
    from torch.distributed.checkpoint import FileSystemReader, load
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    folder = next(checkpoint.rglob(".metadata")).parent
    listed = FileSystemReader(folder).read_metadata().state_dict_metadata
    state = {name: torch.empty(item.size, dtype=item.properties.dtype) for name, item in listed.items()
             if isinstance(item, TensorStorageMetadata) and re.match(r"decoder\.|embedding\.|output_layer\.", name)}
    load(state, storage_reader=FileSystemReader(folder), no_dist=True)
    found = {}
    for name, value in state.items():
        name = name.replace(".experts.experts.", ".experts.")
        if name.startswith("decoder.layers.") and not name.split(".")[2].isdigit():
            layers = {f"decoder.layers.{number}.{name[len('decoder.layers.'):]}": layer for number, layer in enumerate(value)}
        else:
            layers = {name: value}
        for live, layer in layers.items():
            if ".mlp.experts." in live:
                found |= {f"{live}{number}": expert for number, expert in enumerate(layer)}
            else:
                found[live] = layer
    return found


def stated(config, hf):
    """{live name: tensor} that the exported tensors make: layout.py's, and the experts, of which it knows nothing."""
    sys.path.append(str(GOLDEN))
    import layout

    found = layout.megatron_parameters(config, hf)
    if not config.get("num_experts"):
        return found
    for number in range(config["num_hidden_layers"]):
        source, target = f"model.layers.{number}.mlp.", f"decoder.layers.{number}."
        found[f"{target}pre_mlp_layernorm.weight"] = found.pop(f"{target}mlp.linear_fc1.layer_norm_weight")
        found[f"{target}mlp.router.weight"] = hf[f"{source}gate.weight"]
        for expert in range(config["num_experts"]):
            gate, up, down = (hf[f"{source}experts.{expert}.{name}_proj.weight"] for name in ("gate", "up", "down"))
            found[f"{target}mlp.experts.linear_fc1.weight{expert}"] = torch.cat([gate, up])
            found[f"{target}mlp.experts.linear_fc2.weight{expert}"] = down
    return found


class Trained:
    """The check "trained" of every checkpoint in GOLDEN_DIR/megatron-lm."""

    def __init__(self, interop):
        self.interop, self.folder = interop, interop.golden / "megatron-lm"

    def names(self):
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []

    def trained(self, case):
        import hf_equal

        checkpoint, target = self.folder / case, self.interop.scratch / "trained" / case
        self.interop.program("export", megatron_path=checkpoint, hf_path=target)
        config = json.loads((target / "config.json").read_text())
        rank_files = any(checkpoint.rglob("mp_rank_*"))
        found = ranks.parameters(checkpoint) if rank_files else stored(checkpoint)
        expected, rows = stated(config, hf_equal.tensors(target)), config["vocab_size"]
        padding = 0
        for name in ("embedding.word_embeddings.weight", "output_layer.weight"):
            if name in found:
                padding += len(found[name]) - rows
                found[name] = found[name][:rows].contiguous()
        if config["tie_word_embeddings"] and (copy := found.pop("output_layer.weight", None)) is not None:
            if hf_equal.difference(found["embedding.word_embeddings.weight"], copy):
                raise Failed("the golden checkpoint's own copy of the embedding is another one")
        if faults := hf_equal.compare(expected, found):
            raise Failed("\n".join(faults))
        check_logits(target)
        self.resharded(checkpoint, target)
        return f"{len(found)} parameters of {'rank files' if rank_files else 'torch_dist'}, {padding} rows of padding"

    def resharded(self, checkpoint, exported):
        """Its weights as rank files of four tensor parallel ranks export to the same tensors; its training state is not lost unasked."""
        there, back = (self.interop.scratch / "trained" / name for name in ("there", "back"))
        options = {"load": checkpoint, "save": there, "tp": 4, "ckpt_format": "torch"}
        try:
            self.interop.program("reshard", **options)
        except Failed as refusal:
            if "--drop-training-state" not in str(refusal):
                raise
        else:
            raise Failed("the training state was left out without a word")
        self.interop.program("reshard", **options, flags=["--drop-training-state"])
        self.interop.program("export", megatron_path=there, hf_path=back)
        check_tensors(exported, back)

    def run(self, only):
        for case in self.names():
            if not only or case in only:
                self.interop.attempt(case, "trained", self.trained)
