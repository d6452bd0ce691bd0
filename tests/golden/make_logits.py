"""Adds CASE/expected/logits.safetensors: what transformers computes of CASE/hf in float32.

    python make_logits.py [CASE ...]

`input_ids` [2, 6] and `logits` [2, 6, vocabulary], for every case whose model transformers knows by itself; but not
for qwen3-moe, whose router scores experts so much alike that float32 cannot tell them apart, and gemma4, whose logits are nought.
Where transformers knows the same model under other names, `stated_latent.KNOWN_AS` gives the config.json that it reads.
"""
import json
import pathlib
import shutil
import sys
import tempfile

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from stated_latent import KNOWN_AS

HERE = pathlib.Path(__file__).parent
CASES = ["deepseek-v3", "falcon-h1", "falcon3", "gemma3", "glm45", "glm47-flash", "glm52", "gpt-oss", "llama-bias", "llama2-mha-fp16", "llama3", "llama3-tied", "mistral",
         "moonlight", "nemotron3", "qwen2", "qwen2-tied", "qwen3", "qwen3-next", "qwen3-tied", "qwen35", "minimax-m2", "ernie45-moe", "olmoe",
         "hy-v3", "olmo", "olmo2", "olmo3", "phi3", "phi3-long", "phi4-mini", "smollm3", "starcoder2", "exaone4", "exaone4-hybrid", "exaone-moe",
         "nemotron", "mixtral", "granite", "granite-moe", *KNOWN_AS]


def logits_of(folder):
    """Tokens, and what the model of a Hugging Face folder gives for them."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = (torch.arange(12) * 7 + 3) % min(model.config.get_text_config().vocab_size, 40)
    ids = ids.reshape(2, 6)
    with torch.no_grad():
        return ids, model(input_ids=ids, use_cache=False).logits.float().contiguous()


def main(names):
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(shutil.copytree(HERE / name / "hf", pathlib.Path(scratch, "hf")))
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(KNOWN_AS.get(name, dict)(config)))
            ids, logits = logits_of(folder)
        if not torch.isfinite(logits).all():
            raise SystemExit(f"{name}: logits that are no numbers judge nothing")
        save_file({"input_ids": ids, "logits": logits}, HERE / name / "expected" / "logits.safetensors")
        print(f"{name}: largest {logits.abs().max():.3g}")


if __name__ == "__main__":
    torch.manual_seed(0)
    main(sys.argv[1:] or CASES)
