"""Runs one of the judges with something of it exchanged for the project's own statement.

  python judge.py ORACLE_DIR [--layout] [--given-flags] SCRIPT ARGUMENTS ...

--layout       the expected weights come from tests/golden/layout.py instead of Megatron-Bridge's reading of the Hugging Face weights:
               for checkpoints that Megatron-Bridge cannot import (biases of a Llama). The model, its configuration and the loading of
               the judged checkpoint stay the real ones.
--given-flags  megatron_lm_loads.py adds no model flags of its own to Megatron-LM's command line: it must start with what the
               checkpoint's arguments hold and the flags given after "--", as a user's training run would.
"""
import json
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent


def expect_the_layout():
    import cpu_peers  # noqa: F401  (first)
    import hf_equal
    import layout
    import torch
    from megatron.bridge.models.conversion.model_bridge import MegatronModelBridge

    def load(bridge, hf_pretrained, models, *args, **kwargs):
        hf = pathlib.Path(hf_pretrained.model_name_or_path)
        expected = layout.megatron_parameters(json.loads((hf / "config.json").read_text()), hf_equal.tensors(hf))
        models = models if isinstance(models, list) else [models]
        for model in models:
            for name, parameter in model.named_parameters():
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


def main():
    folder, *words = sys.argv[1:]
    sys.path[:0] = [folder, str(HERE.parent / "golden")]
    exchanges = {"--layout": expect_the_layout, "--given-flags": give_no_model_flags}
    while words[0] in exchanges:
        exchanges[words.pop(0)]()
    sys.argv = words
    runpy.run_path(str(pathlib.Path(folder, words[0])), run_name="__main__")


if __name__ == "__main__":
    main()
