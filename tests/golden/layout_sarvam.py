"""The layout of Sarvam's model with latent attention, both sides: DeepSeek's (layout_mla.py), whose experts are counted under other names."""
import layout_mla

MODEL_TYPES = {"sarvam_mla"}


def _as_deepseek(config):
    return config | {"n_routed_experts": config["num_experts"], "n_shared_experts": config["num_shared_experts"], "q_lora_rank": config.get("q_lora_rank")}


def hf_shapes(config):
    return layout_mla.hf_shapes(_as_deepseek(config))


def megatron_parameters(config, hf):
    return layout_mla.megatron_parameters(_as_deepseek(config), hf)
