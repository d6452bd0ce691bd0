"""Reads Megatron-LM's rank files with torch alone: as they lie, and put together into the parameters of an undivided model."""
import io
import re

import torch

EXPERT = re.compile(r"(.*experts\.linear_fc[12]\.weight)(\d+)$")
LAYER = re.compile(r"^decoder\.layers\.(\d+)\.")
BY_COLUMNS = ("linear_proj.weight", "linear_fc2.weight")  # the others that tensor parallelism divides are divided by rows
BY_ROWS = ("word_embeddings.weight", "output_layer.weight", "linear_qkv.weight", "linear_qkv.bias", "linear_fc1.weight", "linear_fc1.bias")


def states(checkpoint):
    """{folder of the rank, mp_rank_TT[_PPP][_EEE]: what its file holds}"""
    return {path.parent.name: torch.load(path, map_location="cpu", weights_only=False)
            for path in sorted(checkpoint.rglob("mp_rank_*/model_optim_rng.pt"))}


def chunks(state):
    """{"model" or "model0", "model1" ...: the entries of that part of the model}"""
    return {key: value for key, value in state.items() if re.fullmatch(r"model\d*", key)}


def entry(value):
    """What two files must have in common of one entry: a tensor's type, shape and bits; an extra state's bytes, or its absence."""
    if isinstance(value, io.BytesIO):
        return "bytes", value.getvalue()
    if not isinstance(value, torch.Tensor):
        return type(value).__name__, repr(value)
    value = value.detach().contiguous()
    return f"{value.dtype} {list(value.shape)}", value.reshape(-1).view(torch.uint8).numpy().tobytes()


def compare(real, ours, rounded=()):
    """(what differs, how many entries are the same, how many the peer rounded). `rounded`: ends of names that the peer keeps in a
    narrower type; there ours, rounded to that type, must be the same bits."""
    faults, same, narrower = [f"rank file {name} in one only" for name in sorted(real.keys() ^ ours.keys())], 0, 0
    for rank in sorted(real.keys() & ours.keys()):
        parts = chunks(real[rank]), chunks(ours[rank])
        faults += [f"{rank}: {key} in one only" for key in sorted(parts[0].keys() ^ parts[1].keys())]
        for key in sorted(parts[0].keys() & parts[1].keys()):
            a, b = parts[0][key], parts[1][key]
            faults += [f"{rank} {key}: {name} only in the real one" for name in sorted(a.keys() - b.keys())]
            faults += [f"{rank} {key}: {name} only in ours" for name in sorted(b.keys() - a.keys())]
            for name in sorted(a.keys() & b.keys()):
                expected, found = entry(a[name]), entry(b[name])
                if expected == found:
                    same += 1
                elif name.endswith(tuple(rounded)) and b[name].itemsize > a[name].itemsize and entry(b[name].to(a[name].dtype)) == expected:
                    narrower += 1
                else:
                    faults.append(f"{rank} {key}: {name}: {expected[0]} expected, {found[0]} found" +
                                  (", other bits" if expected[0] == found[0] else ""))
    return faults, same, narrower


def joined(name, parts):
    """One parameter of the parts that the tensor parallel ranks hold of it. Each rank's linear_fc1 is its gate rows over its up rows."""
    if name.endswith(BY_COLUMNS):
        return torch.cat(parts, dim=1)
    if ".linear_fc1." in name and name.endswith(BY_ROWS):
        return torch.cat([half for which in (0, 1) for half in (part.chunk(2)[which] for part in parts)])
    if name.endswith(BY_ROWS):
        return torch.cat(parts)
    if any(not torch.equal(parts[0], part) for part in parts):
        raise ValueError(f"{name}: the ranks hold different copies")
    return parts[0]


def parameters(checkpoint):
    """{live name in an undivided model: tensor} of rank files of attention and gated MLPs or experts, with pipeline stages of equal
    length, virtual ones too. Padding rows are still there."""
    files = states(checkpoint)
    args = next(iter(files.values()))["args"]
    tp, pp, ep = (getattr(args, f"{kind}_model_parallel_size") for kind in ("tensor", "pipeline", "expert"))
    if args.expert_tensor_parallel_size not in (None, tp):
        raise ValueError("experts divided in another way than the rest are not put together here")
    first = {tuple(map(int, name.split("_")[2:])): chunks(state) for name, state in files.items()}

    def part(tensor_rank, stage, expert_rank, key):
        return first[(tensor_rank, *([stage] if pp > 1 else []), *([expert_rank] if ep > 1 else []))][key]

    found, layers = {}, 0
    keys = sorted(chunks(next(iter(files.values()))), key=lambda key: int(key[5:] or 0))
    for key in keys:  # the stages go round: every rank's first part, then every rank's second
        for stage in range(pp):
            here = 0
            for expert_rank in range(ep):
                names = [name for name in part(0, stage, expert_rank, key) if not name.endswith("_extra_state")]
                experts = [int(match[2]) for match in map(EXPERT.match, names) if match]
                for name in names:
                    value = joined(re.sub(r"(experts\.\S+\.weight)\d+$", r"\1", name),
                                   [part(rank, stage, expert_rank, key)[name] for rank in range(tp)])
                    if layer := LAYER.match(name):
                        here = max(here, int(layer[1]) + 1)
                        name = f"decoder.layers.{layers + int(layer[1])}.{name[layer.end():]}"
                    if expert := EXPERT.match(name):
                        name = f"{expert[1]}{expert_rank * (max(experts) + 1) + int(expert[2])}"
                    if name in found and not torch.equal(found[name], value):
                        raise ValueError(f"{name}: two copies that differ")
                    found[name] = value
            layers += here
    return found
