#!/usr/bin/env python3
"""Judges what manifests say of published models: transformers builds each on no device and counts its parameters.

  python published_models.py [PLUGINS_FOLDER]

transformers builds no layers that predict further tokens, so a model that has some may count more here. Architectures that it does not
know without code from the models' repositories are named and not judged. Exit code 1 if a count differs.
"""
import json
import pathlib
import sys

import torch
import transformers

UNITS = {"T": 1e12, "B": 1e9, "M": 1e6}
PREDICTING = ("num_nextn_predict_layers", "mtp_num_hidden_layers", "mtp_num_layers")


def counted(variant):
    kind = getattr(transformers, variant["architecture"])
    config = {name: value for name, value in variant["config"].items() if name not in ("quantization_config", "auto_map")}
    with torch.device("meta"):
        model = kind(kind.config_class(**config))
    return sum(parameter.numel() for parameter in model.parameters())  # tied ones once


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "plugins")
    same = more = differing = 0
    for file in sorted(folder.glob("*/*.variants.json")):
        for variant in json.loads(file.read_text())["variants"]:
            if not hasattr(transformers, variant["architecture"]):
                print(f"not judged  {variant['name']}: transformers does not know {variant['architecture']}")
                continue
            number, unit = variant["parameters"].split()
            said, found = float(number) * UNITS[unit], counted(variant)
            predicts = any(variant["config"].get(name) for name in PREDICTING)
            if abs(found - said) <= 0.006 * said:
                same += 1
            elif predicts and said > found:
                more += 1
                print(f"more        {variant['name']}: {variant['parameters']}, of which {found / UNITS[unit]:.4g} {unit} predict no further tokens")
            else:
                differing += 1
                print(f"DIFFERS     {variant['name']}: said to have {variant['parameters']}, transformers counts {found}")
    print(f"{same} as transformers counts, {more} with layers that it leaves out, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
