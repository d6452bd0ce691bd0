"""Runs one of the judges with something of it exchanged for the project's own statement.

  python judge.py ORACLE_DIR [--layout] [--first-stage=N] [--given-flags] SCRIPT ARGUMENTS ...

--layout       the expected weights come from tests/golden/layout.py, or the layout_*.py there that knows the model type, instead of
               Megatron-Bridge's reading of the Hugging Face weights: for checkpoints that Megatron-Bridge cannot import (biases of a
               Llama, latent attention without a low rank for queries). The model, its configuration and the loading of the judged
               checkpoint stay the real ones.
--first-stage=N  Megatron-Bridge's model, with which the judged weights are compared, has N layers in its first pipeline stage.
--given-flags  megatron_lm_loads.py adds no model flags of its own to Megatron-LM's command line: it must start with what the
               checkpoint's arguments hold and the flags given after "--", as a user's training run would.
"""
import importlib
import json
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"


def layout_of(config):
    """The module that states the layout of such models."""
    special = [importlib.import_module(path.stem) for path in sorted(GOLDEN.glob("layout_*.py"))]
    return next((module for module in special if config["model_type"] in module.MODEL_TYPES), importlib.import_module("layout"))


def expect_the_layout():
    import cpu_peers  # noqa: F401  (first)
    import hf_equal
    import torch
    from megatron.bridge.models.conversion.model_bridge import MegatronModelBridge

    def load(bridge, hf_pretrained, models, *args, **kwargs):
        hf = pathlib.Path(hf_pretrained.model_name_or_path)
        config = json.loads((hf / "config.json").read_text())
        expected = layout_of(config).megatron_parameters(config, hf_equal.tensors(hf))
        models = models if isinstance(models, list) else [models]
        for model in models:
            saved = model.state_dict(keep_vars=True).items()  # buffers too
            for name, parameter in ((name, value) for name, value in saved if not name.endswith("_extra_state")):
                while name.startswith("module."):  # a wrapper's
                    name = name.removeprefix("module.")
                assert parameter.shape == expected[name].shape and parameter.dtype == expected[name].dtype, name
                with torch.no_grad():
                    parameter.copy_(expected.pop(name))
        assert not expected, f"the model has no place for {sorted(expected)}"
        return models

    MegatronModelBridge.load_weights_hf_to_megatron = load


def give_no_model_flags():
    import megatron_lm

    megatron_lm.flags = lambda provider, without=(): []


def divide_unevenly(first):
    import cpu_peers  # noqa: F401  (first)
    from megatron.bridge import AutoBridge

    def to_megatron_provider(bridge, *args, _made=AutoBridge.to_megatron_provider, **kwargs):
        provider = _made(bridge, *args, **kwargs)
        provider.num_layers_in_first_pipeline_stage = int(first)
        return provider

    AutoBridge.to_megatron_provider = to_megatron_provider


def main():
    folder, *words = sys.argv[1:]
    sys.path[:0] = [folder, str(GOLDEN)]
    exchanges = {"--layout": expect_the_layout, "--given-flags": give_no_model_flags, "--first-stage": divide_unevenly}
    while words[0].split("=")[0] in exchanges:
        name, *value = words.pop(0).split("=")
        exchanges[name](*value)
    sys.argv = words
    runpy.run_path(str(pathlib.Path(folder, words[0])), run_name="__main__")


if __name__ == "__main__":
    main()
