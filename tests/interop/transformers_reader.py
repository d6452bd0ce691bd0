"""Loads a checkpoint with transformers as a user would, around what transformers 5.12.1 itself gets wrong."""
import json
import re


def load(folder):
    """(the model in float32 with plain attention, what it left over or found missing: {} if all is well)."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, logging

    torch.set_num_threads(1)
    logging.set_verbosity_error(), logging.disable_progress_bar()
    config = json.loads((folder / "config.json").read_text())
    kind = getattr(transformers, config["architectures"][0], AutoModelForCausalLM)
    options = {}
    if kind is not AutoModelForCausalLM and config["model_type"] not in transformers.CONFIG_MAPPING:
        # Kimi K2: the architecture is known, but how experts are put together is looked up by model_type.
        options["config"] = kind.config_class.from_pretrained(folder)
        options["config"].model_type = kind.config_class.model_type
    if config.get("rotary_dim") and "partial_rotary_factor" not in config:
        # MiniMax-M2: which part of a head turns is known by another name.
        options["config"] = kind.config_class.from_pretrained(folder)
        options["config"].rope_parameters["partial_rotary_factor"] = config["rotary_dim"] / config["head_dim"]
    _mend()
    model, loading = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True, **options)
    left = {kind: sorted(name for name in map(str, names) if not _predicts(name, config)) for kind, names in loading.items()}
    return model, {kind: names for kind, names in left.items() if names}


def _predicts(name, config):
    """Whether a tensor is of a layer that predicts further tokens. transformers ignores them, by the number 61 of the published model."""
    first, count = config.get("num_hidden_layers", 0), config.get("num_nextn_predict_layers") or 0
    layer = re.match(r"model\.layers\.(\d+)\.", name)
    return layer and first <= int(layer[1]) < first + count


def _mend():
    """DeepSeek-V2's group_limited_greedy asks for an attribute that nothing sets."""
    from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Moe

    DeepseekV2Moe.num_experts = property(lambda self: self.config.n_routed_experts)
