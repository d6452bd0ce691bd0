"""Further golden cases of make_families.py: Nemotron, and the smaller EXAONE 4."""
from families import CASES, SIZES

EXAONE4 = {"architectures": ["Exaone4ForCausalLM"], "model_type": "exaone4", **SIZES, "intermediate_size": 28, "hidden_act": "silu",
           "rms_norm_eps": 1e-05, "sliding_window": None, "sliding_window_pattern": None, "layer_types": ["full_attention", "full_attention"],
           "rope_theta": 1000000.0, "rope_scaling": {"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                     "original_max_position_embeddings": 8192}, "tie_word_embeddings": True}
NEMOTRON = {"architectures": ["NemotronForCausalLM"], "model_type": "nemotron", **SIZES, "intermediate_size": 28, "hidden_act": "relu2",
            "norm_eps": 1e-05, "initializer_range": 0.0134, "partial_rotary_factor": 0.5, "attention_bias": False, "mlp_bias": False,
            "rope_scaling": None}

CASES |= {"exaone4": EXAONE4, "nemotron": NEMOTRON}
