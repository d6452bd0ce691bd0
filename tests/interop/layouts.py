"""Judges parallel layouts: rank files (`torch`) and torch_dist that were cut as a job of a layout would cut it.

GOLDEN_DIR/layouts/LAYOUT/{torch,torch_dist} are what real parallel models saved; layouts.txt beside this file says what each was made
of, which options of ours write the same, and which of these checks it stands:

  ranks    our rank files are the real ones: files, names, types, shapes, bits, extra states
  sources  our export of the real rank files and of the real torch_dist, each with the source as reference, gives the source back
  boxes    our torch_dist has the real one's tensors and objects, cut into the same boxes
  loads    the strict loader of Megatron-Bridge takes our torch_dist; weights and configuration are those of its own import
  jobs     Megatron-LM's load_checkpoint takes our rank files in a job of that layout, with the flags that our report names; each rank's
           weights are those of Megatron-Bridge's import in that layout (the configuration has nothing to do with layouts: check "lm")
  reshard  the real rank files and the real torch_dist in another layout export to the source; resharded back they are the real rank files
"""
import json
import pathlib
import shlex
import shutil

import ranks
from checks import Failed, check_files, check_tensors

HERE = pathlib.Path(__file__).resolve().parent
CHECKS = "ranks sources boxes loads jobs reshard".split()
SIZES = ("--tp", "--pp", "--vpp", "--ep", "--etp")  # what the judge of Megatron-LM is told under the same names


class Layout:
    """A line of layouts.txt."""

    def __init__(self, line):
        self.name, made_of, options, other, checks = (field.strip() for field in line.split("|"))
        checks, _, rounded = checks.partition(", rounded ")
        self.made_of = None if made_of == "-" else made_of
        self.options, self.other = options.split(), other.split()
        self.checks, self.rounded = checks.split(), rounded.split()


def listed():
    lines = (line.split("#")[0].strip() for line in (HERE / "layouts.txt").read_text().splitlines())
    return {layout.name: layout for layout in map(Layout, filter(None, lines))}


def keywords(options):
    """--tp 2 as the keywords of Program: {"tp": "2"}"""
    return {name[2:]: value for name, value in zip(options[::2], options[1::2], strict=True)}


def chunks(checkpoint):
    """({(name, offset): (size, type)} of the chunks of a torch_dist checkpoint, the names of its objects)"""
    from torch.distributed.checkpoint import FileSystemReader
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    folder = next(checkpoint.rglob(".metadata")).parent
    found, objects = {}, set()
    for name, item in FileSystemReader(folder).read_metadata().state_dict_metadata.items():
        if isinstance(item, TensorStorageMetadata):
            for chunk in item.chunks:
                found[name, tuple(chunk.offsets)] = tuple(chunk.sizes), item.properties.dtype
        else:
            objects.add(name)
    return found, objects


class Layouts:
    def __init__(self, interop, checks):
        self.interop, self.program, self.chosen, self.layouts = interop, interop.program, checks, listed()
        self.folder, self.scratch, self.ready = interop.golden / "layouts", interop.scratch / "layouts", set()

    def real(self, name, kind):
        return self.folder / name / kind

    def source(self, name):
        """The repository that the layout holds, under a path as judges want it; exported once where none is there."""
        made_of, place = self.layouts[name].made_of, self.scratch / "zoo" / name / "hf"
        if name not in self.ready:
            shutil.rmtree(place.parent, ignore_errors=True)
            place.parent.mkdir(parents=True)
            if made_of:
                place.symlink_to(self.interop.source(made_of) / "hf")
            else:
                self.program("export", megatron_path=self.real(name, "torch_dist"), hf_path=place)
            self.ready.add(name)
        return place

    def written(self, name, kind):
        """(our checkpoint in the layout, its report)"""
        target = self.scratch / kind / name / "megatron"
        return target, self.program("import", hf_model=self.source(name), megatron_path=target, ckpt_format=kind,
                                    **keywords(self.layouts[name].options))

    def same_as_source(self, name, checkpoint):
        target = self.scratch / "exported" / name
        self.program("export", megatron_path=checkpoint, hf_model=self.source(name), hf_path=target)
        note = check_tensors(self.source(name), target)
        check_files(self.source(name), target)
        return note

    def ranks(self, name, checkpoint=None):
        faults, same, narrower = ranks.compare(ranks.states(self.real(name, "torch")),
                                               ranks.states(checkpoint or self.written(name, "torch")[0]), self.layouts[name].rounded)
        if faults or not same:
            raise Failed("\n".join(faults) or "nothing was compared")
        return f"{same} entries" + (f", {narrower} that the peer rounds" if narrower else "")

    def sources(self, name):
        return ", ".join(f"{kind}: {self.same_as_source(name, self.real(name, kind))}" for kind in ("torch", "torch_dist"))

    def boxes(self, name):
        (real, objects), (ours, our_objects) = chunks(self.real(name, "torch_dist")), chunks(self.written(name, "torch_dist")[0])
        faults = [f"{key} in one only" for key in sorted(real.keys() ^ ours.keys())]
        faults += [f"object {key} in one only" for key in sorted(objects ^ our_objects)]
        for key in sorted(real.keys() & ours.keys()):
            kept = 1 if key[0].endswith(tuple(self.layouts[name].rounded)) else 2  # of size and type
            if real[key][:kept] != ours[key][:kept]:
                faults.append(f"{key}: {real[key]} expected, {ours[key]} found")
        if faults:
            raise Failed("\n".join(faults))
        return f"{len(ours)} chunks, {len(our_objects)} objects"

    def loads(self, names):
        """All in one process of the judge. What Megatron-Bridge's reader loses of the real torch_dist, too, is not held against ours."""
        real = self.scratch / "real"
        shutil.rmtree(real, ignore_errors=True)
        for name in names:
            self.written(name, "torch_dist")
            (real / name).mkdir(parents=True)
            (real / name / "megatron").symlink_to(self.real(name, "torch_dist"))
        verdicts = self.interop.judges.torch_dist(self.scratch / "torch_dist", self.scratch / "zoo", names, [])
        if faulty := [name for name in names if verdicts[name]]:
            own = self.interop.judges.torch_dist(real, self.scratch / "zoo", faulty, [])
            verdicts |= {name: [line for line in verdicts[name] if line not in own[name]] for name in faulty}
        for name in names:
            self.interop.say(name, "loads", verdicts[name])

    def jobs(self, name):
        target, report = self.written(name, "torch")
        options = self.layouts[name].options
        pairs = list(zip(options[::2], options[1::2]))
        sizes = [word for pair in pairs if pair[0] in SIZES for word in pair]
        others = [word for pair in pairs if pair[0] not in SIZES for word in pair]  # named as Megatron-LM does
        flags = shlex.split(" ".join(report["training_flags"]))
        exchanges = [f"--first-stage={value}" for option, value in pairs if option == "--decoder-first-pipeline-num-layers"]
        self.interop.judges.megatron_lm(target, self.source(name), [*flags, *others], exchanges, sizes)
        return " ".join(options)

    def reshard(self, name):
        layout, there, back = self.layouts[name], self.scratch / "there" / name, self.scratch / "back" / name
        for kind in ("torch", "torch_dist"):
            source = {"hf_model": self.source(name)} if kind == "torch" else {}  # the golden rank files' arguments are not complete
            self.program("reshard", load=self.real(name, kind), save=there, ckpt_format=kind, **source, **keywords(layout.other))
            self.same_as_source(name, there)
            self.program("reshard", load=there, save=back, ckpt_format="torch", hf_model=self.source(name), flavor="megatron-lm",
                         **keywords(layout.options))
            self.ranks(name, back)
        return " ".join(layout.other)

    def run(self, only=None):
        """Judges those of `only`, or all that are listed and there."""
        names = [name for name in self.layouts if (name in only if only else self.real(name, "torch").is_dir())]
        for check in CHECKS:
            stand = [name for name in names if check in (self.chosen or self.layouts[name].checks)]
            if check == "loads" and stand:
                self.loads(stand)
            elif check != "loads":
                for name in stand:
                    self.interop.attempt(name, check, getattr(self, check))
