"""Golden cases of make_stated.py whose models follow DeepSeek V3: DeepSeek V3.2 and Sarvam. Both sides are written out, by keys of
torch_dist, as Megatron-Bridge 0.6.2 over Megatron-Core 0.19.2 saves them."""
from stated_cases import DEEPSEEK_V3, FP8, SIZES, Case, linear
from stated_storage import Fp8, deepseek_parameters, deepseek_shapes
from stated_text import dense, experts, gated, gated_shapes, linear_qkv

SARVAM = {**SIZES, "intermediate_size": 28, "num_hidden_layers": 3, "rms_norm_eps": 1e-05, "moe_intermediate_size": 12, "first_k_dense_replace": 1,
          "routed_scaling_factor": 1.5, "norm_topk_prob": True, "score_function": "sigmoid", "moe_router_enable_expert_bias": True,
          "output_router_logits": False}
# Every number that Megatron-Bridge holds as a constant is another one here.
SARVAM_MOE = {"architectures": ["SarvamMoEForCausalLM"], "model_type": "sarvam_moe", **SARVAM, "num_attention_heads": 6, "num_key_value_heads": 2,
              "head_dim": 4, "use_qkv_bias": False, "use_bias": False, "embedding_dropout": 0.0, "output_dropout": 0.0, "rope_theta": 8000000.0,
              "rope_scaling": None, "num_experts": 3, "num_shared_experts": 2, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1,
              "moe_shared_expert_intermediate_size": 24, "use_qk_norm": True, "router_dtype": "fp32"}
SARVAM_MLA = {"architectures": ["SarvamMLAForCausalLM"], "model_type": "sarvam_mla", **SARVAM, "rms_norm_eps": 1e-06, "num_attention_heads": 4, "num_key_value_heads": 4,
              "q_lora_rank": None, "kv_lora_rank": 10, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "q_head_dim": 12, "head_dim": 14,
              "v_head_dim": 6, "rope_theta": 10000.0,
              "rope_scaling": {"type": "deepseek_yarn", "factor": 20.0, "original_max_position_embeddings": 2048, "beta_fast": 32.0,
                               "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0},
              "num_experts": 4, "num_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "attention_bias": False}


# Fewer tokens are seen than the test has, so that what is selected shows.
DEEPSEEK_V32 = {key: value for key, value in DEEPSEEK_V3.items() if key != "quantization_config"} | {
    "architectures": ["DeepseekV32ForCausalLM"], "model_type": "deepseek_v32", "intermediate_size": 28, "kv_lora_rank": 10, "n_routed_experts": 4,
    "index_n_heads": 8, "index_head_dim": 6, "index_topk": 2,
    "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0,
                     "mscale_all_dim": 1.0}}
DEEPSEEK_V32_FP8 = {**DEEPSEEK_V32, "kv_lora_rank": 132, "intermediate_size": 140, "index_n_heads": 22, "quantization_config": {**FP8, "scale_fmt": "ue8m0"}}


# DeepSeek V3.2 (no bridge; Megatron-Core's transformer/experimental_attention_variant/dsa.py): DeepSeek-V3 whose latents' norms are modules
# of their own, since an indexer takes the queries' latent, too.

INDEXER = {"wq_b.weight": "linear_wq_b.weight", "wk.weight": "linear_wk.weight", "k_norm.weight": "k_norm.weight", "k_norm.bias": "k_norm.bias",
           "weights_proj.weight": "linear_weights_proj.weight"}


def deepseek_v32_shapes(config):
    shapes, heads, width = deepseek_shapes(config), config["index_n_heads"], config["index_head_dim"]
    of = {"wq_b.weight": (heads * width, config["q_lora_rank"]), "wk.weight": (width, config["hidden_size"]), "k_norm.weight": (width,),
          "k_norm.bias": (width,), "weights_proj.weight": (heads, config["hidden_size"])}
    for number in range(config["num_hidden_layers"] + config["num_nextn_predict_layers"]):
        shapes |= {f"model.layers.{number}.self_attn.indexer.{name}": shape for name, shape in of.items()}
    return shapes


def deepseek_v32_parameters(config, hf):
    apart, decoder = {"linear_q_up_proj.layer_norm_weight": "q_layernorm.weight", "linear_kv_up_proj.layer_norm_weight": "kv_layernorm.weight"}, config["num_hidden_layers"]
    found = {}
    for name, value in deepseek_parameters(config, hf).items():
        for fused, own in apart.items():
            name = name.replace("self_attention." + fused, "self_attention." + own)
        found[name] = value
    for number in range(decoder + config["num_nextn_predict_layers"]):
        target = f"decoder.layers.{number}." if number < decoder else f"mtp.layers.{number - decoder}.transformer_layer."
        found |= {f"{target}self_attention.core_attention.indexer.{there}": hf[f"model.layers.{number}.self_attn.indexer.{here}"]
                  for here, there in INDEXER.items()}
    return found


def linear_or_index(name):
    return linear(name) and ".indexer." not in name or name.endswith((".wq_b.weight", ".wk.weight"))


# Sarvam 30B (megatron/bridge/models/sarvam/sarvam_moe_bridge.py): queries, keys and values in one tensor, one kind after the other.

def sarvam_moe_shapes(config):
    hidden, width, rows = config["hidden_size"], config["head_dim"], config["vocab_size"]
    heads, groups, count = config["num_attention_heads"], config["num_key_value_heads"], config["num_experts"]
    shapes = {"model.word_embeddings.weight": (rows, hidden), "model.norm.weight": (hidden,), "lm_head.weight": (rows, hidden)}
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}."
        shapes[layer + "input_layernorm.weight"] = shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        shapes[layer + "attention.query_key_value.weight"] = ((heads + 2 * groups) * width, hidden)
        shapes[layer + "attention.query_layernorm.weight"] = shapes[layer + "attention.key_layernorm.weight"] = (width,)
        shapes[layer + "attention.dense.weight"] = (hidden, heads * width)
        if number < config["first_k_dense_replace"]:
            shapes |= gated_shapes(layer + "mlp.", config["intermediate_size"], hidden)
            continue
        shapes[layer + "mlp.gate.weight"], shapes[layer + "mlp.gate.expert_bias"] = (count, hidden), (count,)
        for expert in range(count):
            shapes |= gated_shapes(f"{layer}mlp.experts.{expert}.", config["moe_intermediate_size"], hidden)
        shapes |= gated_shapes(layer + "mlp.shared_experts.", config["moe_intermediate_size"] * config["num_shared_experts"], hidden)
    return shapes


def sarvam_moe_parameters(config, hf):
    width, heads, groups = config["head_dim"], config["num_attention_heads"], config["num_key_value_heads"]
    found = {"embedding.word_embeddings.weight": hf["model.word_embeddings.weight"], "decoder.final_layernorm.weight": hf["model.norm.weight"],
             "output_layer.weight": hf["lm_head.weight"]}
    for number in range(config["num_hidden_layers"]):
        source, target = f"model.layers.{number}.", f"decoder.layers.{number}."
        fused = hf[source + "attention.query_key_value.weight"]
        ends = [0, heads * width, (heads + groups) * width, (heads + 2 * groups) * width]
        q, k, v = (fused.of_rows(fused.rows()[begin:end]) for begin, end in zip(ends, ends[1:]))
        found[target + "self_attention.linear_qkv.weight"] = linear_qkv(q, k, v, groups)
        found[target + "self_attention.linear_qkv.layer_norm_weight"] = hf[source + "input_layernorm.weight"]
        found[target + "self_attention.linear_proj.weight"] = hf[source + "attention.dense.weight"]
        for here, there in (("query", "q"), ("key", "k")):
            found[f"{target}self_attention.{there}_layernorm.weight"] = hf[f"{source}attention.{here}_layernorm.weight"]
        if number < config["first_k_dense_replace"]:
            found |= dense(hf, source, target)
            continue
        found[target + "pre_mlp_layernorm.weight"] = hf[source + "post_attention_layernorm.weight"]
        found[target + "mlp.router.weight"] = hf[source + "mlp.gate.weight"]
        found[target + "mlp.router.expert_bias"] = hf[source + "mlp.gate.expert_bias"]
        found |= experts(hf, source, target, config["num_experts"])
        found |= gated(hf, source + "mlp.shared_experts.", target + "mlp.shared_experts.")
    return found


# Sarvam 105B (sarvam_mla_bridge.py): DeepSeek-V3's layers, whose experts config.json counts under other names.

def as_deepseek(config):
    return config | {"n_routed_experts": config["num_experts"], "n_shared_experts": config["num_shared_experts"], "num_nextn_predict_layers": 0}


def sarvam_as_deepseek_v3(config):
    """The model is DeepSeek-V3's, computation for computation."""
    return as_deepseek(config) | {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
                                  "rope_scaling": config["rope_scaling"] | {"type": "yarn"}, "head_dim": config["qk_rope_head_dim"]}


# Cases that transformers reads with another config.json.
KNOWN_AS = {"sarvam-mla": sarvam_as_deepseek_v3,
            "deepseek-v32": lambda config: config | {"num_experts": config["n_routed_experts"]}}  # transformers 5.12.1 counts by this name
V32_COPIES = {"model.layers.2.embed_tokens.weight": "model.embed_tokens.weight", "model.layers.2.shared_head.head.weight": "lm_head.weight"}
CASES = {
    "deepseek-v32": Case(DEEPSEEK_V32, deepseek_v32_shapes, deepseek_v32_parameters, copies=V32_COPIES),
    "deepseek-v32-fp8": Case(DEEPSEEK_V32_FP8, deepseek_v32_shapes, deepseek_v32_parameters, copies=V32_COPIES, codec=Fp8(DEEPSEEK_V32_FP8, "F32"),
                             in_codec=linear_or_index),
    "sarvam-moe": Case(SARVAM_MOE, sarvam_moe_shapes, sarvam_moe_parameters),
    "sarvam-mla": Case(SARVAM_MLA, lambda config: deepseek_shapes(as_deepseek(config)), lambda config, hf: deepseek_parameters(as_deepseek(config), hf)),
}
