"""The golden cases: what their config.json says and which files lie beside it."""
import dataclasses

import torch

VOCABULARY = 40
SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2,
         "num_hidden_layers": 2, "vocab_size": VOCABULARY, "max_position_embeddings": 512, "rms_norm_eps": 1e-05,
         "hidden_act": "silu", "initializer_range": 0.02, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
         "use_cache": True}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False,
         "rope_theta": 500000.0, "rope_scaling": None, "tie_word_embeddings": False, **SIZES}
LLAMA31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
           "original_max_position_embeddings": 8192}
LLAMA32 = {**LLAMA31, "factor": 32.0}
MISTRAL = {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "rope_theta": 10000.0, "sliding_window": 48,
           "head_dim": 4, "tie_word_embeddings": False, **SIZES}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rope_theta": 1000000.0, "tie_word_embeddings": False,
         "use_sliding_window": False, "sliding_window": 512, "max_window_layers": 2, **SIZES, "rms_norm_eps": 1e-06}
QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "rope_theta": 1000000.0, "tie_word_embeddings": False,
         "attention_bias": False, "head_dim": 4, "use_sliding_window": False, "sliding_window": None,
         "max_window_layers": 2, "rope_scaling": None, **SIZES, "rms_norm_eps": 1e-06}


@dataclasses.dataclass
class Case:
    name: str
    config: dict
    seed: int
    shards: int = 1
    new_style: bool = False  # config.json as transformers 5 writes it
    chat_template: bool = False
    peer: bool = True  # whether Megatron-Bridge can import it

    @property
    def dtype(self):
        return getattr(torch, self.config["torch_dtype"])

    def side_files(self):
        words = ["<unk>", "<s>", "</s>", *(f"w{number}" for number in range(VOCABULARY - 3))]
        model = {"type": "WordLevel", "vocab": {word: number for number, word in enumerate(words)}, "unk_token": "<unk>"}
        files = {
            "config.json": self.written_config(),
            "generation_config.json": {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2,
                                       "transformers_version": "4.57.1"},
            "tokenizer.json": {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
                               "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None, "model": model},
            "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "bos_token": "<s>",
                                      "eos_token": "</s>", "model_max_length": 512, "clean_up_tokenization_spaces": False},
        }
        if self.chat_template:
            files["chat_template.jinja"] = "{% for message in messages %}{{ message['content'] }}{% endfor %}\n"
        return files

    def written_config(self):
        config = dict(self.config)
        if self.new_style:
            scaling = config.pop("rope_scaling", None) or {"rope_type": "default"}
            config["rope_parameters"] = {"rope_theta": config.pop("rope_theta"), **scaling}
            config["dtype"] = config.pop("torch_dtype")
        return config | {"transformers_version": "5.12.1" if self.new_style else "4.57.1"}


BF16, FP16 = {"torch_dtype": "bfloat16"}, {"torch_dtype": "float16"}
CASES = [
    Case("llama3", LLAMA | BF16 | {"head_dim": 4, "rope_scaling": LLAMA31}, seed=1,
         shards=3),
    Case("llama3-tied", LLAMA | BF16 | {"rope_scaling": LLAMA32, "tie_word_embeddings": True}, seed=2),
    Case("llama2-mha-fp16", LLAMA | FP16 | {"num_key_value_heads": 4, "rope_theta": 10000.0}, seed=3),
    Case("llama-bias", LLAMA | BF16 | {"attention_bias": True, "mlp_bias": True, "rope_theta": 10000.0}, seed=4, peer=False),
    Case("mistral", MISTRAL | BF16, seed=5),
    Case("qwen2", QWEN2 | BF16, seed=6, shards=2),
    Case("qwen2-tied", QWEN2 | BF16 | {"tie_word_embeddings": True}, seed=7),
    Case("qwen3", QWEN3 | BF16 | {"num_key_value_heads": 1}, seed=8, chat_template=True),
    Case("qwen3-tied", QWEN3 | BF16 | {"head_dim": 8, "tie_word_embeddings": True}, seed=9, new_style=True),
]
