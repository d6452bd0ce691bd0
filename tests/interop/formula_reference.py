"""Runs one of the judges with the written-out layouts in place of Megatron-Bridge's reading of the Hugging Face weights.

  python formula_reference.py ORACLE_DIR SCRIPT ARGUMENTS ...

For checkpoints that Megatron-Bridge cannot import (biases of a Llama). The model, its configuration and the loading of the judged
checkpoint stay the real ones; only the weights that are expected come from tests/golden/layout.py.
"""
import json
import pathlib
import runpy
import sys

folder, script = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.path[:0] = [str(folder), str(pathlib.Path(__file__).resolve().parents[1] / "golden")]

import cpu_peers  # noqa: E402,F401  (first)
import layout  # noqa: E402
import torch  # noqa: E402
from megatron.bridge.models.conversion.model_bridge import MegatronModelBridge  # noqa: E402


def load_by_layout(bridge, hf_pretrained, models, *args, **kwargs):
    import hf_equal

    hf = pathlib.Path(hf_pretrained.model_name_or_path)
    expected = layout.megatron_parameters(json.loads((hf / "config.json").read_text()), hf_equal.tensors(hf))
    models = models if isinstance(models, list) else [models]
    for model in models:
        for name, parameter in model.named_parameters():
            while name.startswith("module."):  # a wrapper's
                name = name.removeprefix("module.")
            with torch.no_grad():
                assert parameter.shape == expected[name].shape and parameter.dtype == expected[name].dtype, name
                parameter.copy_(expected.pop(name))
    assert not expected, f"the model has no place for {sorted(expected)}"
    return models


MegatronModelBridge.load_weights_hf_to_megatron = load_by_layout
sys.argv = sys.argv[2:]
runpy.run_path(str(folder / script), run_name="__main__")
