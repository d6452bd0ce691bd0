"""Judges Weighbridge's conversions with the real Megatron-Core, Megatron-LM and transformers.

  python interop.py GOLDEN_DIR --oracle ORACLE_DIR --program build/bin/weighbridge [--only CASE ...] [--checks CHECK ...]

GOLDEN_DIR holds text/CASE/{hf,megatron,expected.safetensors} and multimodal/CASE likewise, layouts/LAYOUT/{torch,torch_dist} and
megatron-lm/CASE, or a program `unpack DIR` that makes that. The cases are those of cases.txt beside this file, which says which checks
each stands, the layouts those of layouts.txt, and every folder of megatron-lm.
ORACLE_DIR holds the judges, which README.md beside this file describes; they and this script run with the same Python.
The checks:

  import    our torch_dist checkpoint loads strictly in the real Megatron-Core model; every weight and every field of the model's
            configuration equals those of Megatron-Bridge's own import
  export    our export of Megatron-Bridge's checkpoint, with the source repository as reference, equals the source: tensors bit by
            bit, shard names, every other file byte by byte; transformers loads it and gives the expected logits exactly
  verify    `weighbridge verify` finds Megatron-Bridge's import, and our own, to be the source's model; verify-own: our own only
  alone     the same export without any reference: tensors equal, no missing or unexpected key in transformers, logits equal
  others    the same of the checkpoints in GOLDEN_DIR/layouts and GOLDEN_DIR/megatron-lm, where they are: torch_dist written
            by parallel jobs and by Megatron-LM's training, with optimizer states and padded vocabularies
  forward   the program's own run of both sides: of the source and of its import, and of Megatron-Bridge's import, each within 1e-3 of the
            expected logits
  lm        our checkpoint in Megatron-LM's flavour loads strictly in Megatron-LM with the flags that our report names
  threads   import and export with one and with two threads write the same bytes
  ranks, sources, boxes, loads, jobs, reshard
            of a parallel layout: layouts.py says what each is
  trained   our export of what Megatron-LM's training wrote holds the numbers that torch alone finds there: trained.py

Cases that Megatron-Bridge cannot import have no megatron/ folder: our own import is exported instead, and what its weights must be
comes from the layouts that tests/golden/layout.py writes out. Exits 1 if anything is wrong.
"""
import argparse
import ast
import concurrent.futures
import itertools
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import layouts
import trained
from checks import Failed, check_files, check_logits, check_tensors, same_trees

HERE = pathlib.Path(__file__).resolve().parent
CHECKS = "import export verify verify-own alone others threads forward lm".split()
GROUPS = "text multimodal".split()


def listed_cases():
    """{case: its checks} of cases.txt: a case a line, then the checks that it stands; "# why" behind those that it does not."""
    lines = [line.split("#")[0].split() for line in (HERE / "cases.txt").read_text().splitlines()]
    return {words[0]: words[1:] for words in lines if words}


def unpacked(golden, scratch):
    if (golden / "text").is_dir():
        return golden
    target = scratch / "golden"
    if not target.is_dir():
        subprocess.run([golden / "unpack", target], check=True)
    return target


class Program:
    def __init__(self, path):
        self.path = path

    def __call__(self, command, flags=(), **options):
        """Runs one conversion and returns its report. Options as keywords, `hf_model` for --hf-model; `flags` have no value."""
        valued = [text for name, value in options.items() for text in ("--" + name.replace("_", "-"), str(value))]
        writes = [] if command == "verify" else ["--overwrite"]
        command = [self.path, command, *valued, *flags, *writes, "--no-progress", "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            report = json.loads(done.stdout)
        except json.JSONDecodeError:
            raise Failed(f"no JSON: {done.stdout[:200]}\n{done.stderr}\nexit code {done.returncode}") from None
        if done.returncode and "error" in report:
            raise Failed(report["error"]["text"])
        if done.returncode and "differences" in report:
            raise Failed("\n".join(f"{each['name']}: {each['kind']}: {each['cause']}" for each in report["differences"]))
        return report


def standing(lines):
    """A judge's lines without those that only tell a list from a tuple of the same values, a mapping in another order, or 0 from 0.0."""
    def values(container):
        if type(container) in (int, float):
            return float(container)
        return sorted(container.items()) if isinstance(container, dict) else tuple(container)

    def only_the_container(line):
        found = re.fullmatch(r"config \w+: (.+) expected, (.+) found", line)
        try:
            return found and len({repr(values(ast.literal_eval(text))) for text in found.groups()}) == 1
        except (ValueError, SyntaxError, TypeError):
            return False

    return [line for line in lines if not only_the_container(line)]


class Judges:
    """The scripts of the oracle folder, each in a process of its own."""

    def __init__(self, folder):
        self.folder = folder
        sys.path.insert(0, str(folder))

    def _run(self, exchanges, script, arguments):
        command = [sys.executable, "-W", "ignore", HERE / "judge.py", self.folder, *exchanges, script, *arguments]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        return done.stdout, (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-3:]

    @staticmethod
    def _verdicts(out):
        """[(the JSON line of a verdict, the lines against it)] of a judge's output."""
        lines = []
        for line in out.splitlines():
            if line.startswith('{"'):
                verdict = json.loads(line)
                faults = standing(lines) if verdict["faults"] else []
                if verdict["faults"] > len(lines):
                    faults += ["and more"]
                yield verdict, faults or ([] if verdict["tensors"] else ["nothing was compared"])
                lines = []
            elif line.startswith("  ") and not line.startswith("  ("):
                lines.append(line.strip())

    def torch_dist(self, imported, zoo, cases, exchanges):
        """{case: the judge's lines against it, or none} for imported/CASE/megatron, in one process; zoo/CASE/hf are the sources."""
        out, lost = self._run(exchanges, "megatron_loads.py", [
            "--all", imported, "--zoo", zoo, "--only", *cases, "--strictness", "raise_all", "--config"])
        verdicts = {verdict["case"]: faults for verdict, faults in self._verdicts(out)}
        return {case: verdicts.get(case, lost) for case in cases}

    def megatron_lm(self, checkpoint, hf, flags, exchanges, sizes=("--config",)):
        """`sizes`: --tp and the like of the job that loads it; with --config the model's configuration counts too."""
        out, lost = self._run([*exchanges, "--given-flags"], "megatron_lm_loads.py", [
            checkpoint, "--reference", hf, *sizes, "--strictness", "raise_all", "--", *flags])
        if faults := next((faults for _, faults in self._verdicts(out)), lost):
            raise Failed("\n".join(faults))


class Interop:
    def __init__(self, program, judges, golden, scratch):
        self.program, self.judges, self.golden, self.scratch = program, judges, golden, scratch
        self.imported, self.failures, self.passed = scratch / "imported", [], 0
        self.own = {case for case, checks in listed_cases().items() if "own" in checks}

    def group(self, case):
        return next((self.golden / group for group in GROUPS if (self.golden / group / case).is_dir()), self.golden / "text")

    def source(self, case):
        """Folder of the case: hf, megatron, expected.safetensors."""
        return self.group(case) / case

    def logits(self, case, exported):
        """Where nothing is expected, transformers cannot run the model."""
        expected = self.source(case) / "expected.safetensors"
        if expected.is_file():
            check_logits(exported, expected)
            return ""
        return ", no logits to compare"

    def quantised(self, case):
        return "quantization_config" in json.loads((self.source(case) / "hf" / "config.json").read_text())

    def peer(self, case):
        """The checkpoint to export: Megatron-Bridge's, or our own where it made none or cases.txt calls for it."""
        made = self.source(case) / "megatron"
        found = made if made.is_dir() and case not in self.own else self.imported / case / "megatron"
        if not found.is_dir():
            raise Failed("there is no Megatron checkpoint to export")
        return found

    def exchanges(self, case):
        """Megatron-Bridge's reading of the source judges, except where it cannot read it."""
        return [] if (self.source(case) / "megatron").is_dir() else ["--layout"]

    def say(self, case, check, faults, note=""):
        print(f"{case:<34}{check:<10}{'FAIL' if faults else 'ok':<6}{note}", flush=True)
        for line in faults[:20]:
            print(f"    {line}", flush=True)
        self.passed += not faults
        if faults:
            self.failures.append(f"{case} {check}")

    def attempt(self, case, check, work):
        try:
            self.say(case, check, [], work(case) or "")
        except Failed as failure:
            self.say(case, check, str(failure).splitlines())
        except Exception as error:  # noqa: BLE001  (what a judge's library raises on a bad conversion is a verdict too)
            self.say(case, check, f"{type(error).__name__}: {error}".splitlines())

    def make_imports(self, cases):
        """Imports every case once; returns those that the program made."""
        made = []
        for case in cases:
            try:
                self.program("import", hf_model=self.source(case) / "hf", megatron_path=self.imported / case / "megatron")
                made.append(case)
            except Failed as failure:
                self.say(case, "import", str(failure).splitlines())
        return made

    def judge_imports(self, cases):
        for exchanges, zoo in itertools.product(([], ["--layout"]), (self.golden / group for group in GROUPS)):
            group = [case for case in cases if self.exchanges(case) == exchanges and self.group(case) == zoo]
            if group:
                verdicts = self.judges.torch_dist(self.imported, zoo, group, exchanges)
                # Megatron-Bridge's reader loses fields of configuration objects that its own import had; from its own checkpoint, too.
                if faulty := [case for case in group if verdicts[case] and not exchanges]:
                    own = self.judges.torch_dist(zoo, zoo, faulty, exchanges)
                    verdicts |= {case: [line for line in verdicts[case] if line not in own[case]] for case in faulty}
                for case in group:
                    self.say(case, "import", verdicts[case], "against the written-out layout" if exchanges else "")

    def export(self, case):
        """A quantised source returns in its own storage, and its values are judged by an export without it."""
        target, hf = self.scratch / "exported" / case, self.source(case) / "hf"
        storage = {"quantize": "reference"} if self.quantised(case) else {}
        self.program("export", megatron_path=self.peer(case), hf_model=hf, hf_path=target, **storage)
        note = check_tensors(hf, target)
        check_files(hf, target)
        if storage:
            self.program("export", megatron_path=self.peer(case), hf_model=hf, hf_path=target)
        return note + self.logits(case, target)

    def verify(self, case):
        """Megatron-Bridge's import, and our own, is the source's model."""
        made = self.source(case) / "megatron"
        note = f"{self.verify_own(case)} of our own"
        if made.is_dir():
            report = self.program("verify", hf_model=self.source(case) / "hf", megatron_path=made)
            note += f", {report['equal']} tensors of Megatron-Bridge's"
        return note

    def verify_own(self, case):
        report = self.program("verify", hf_model=self.source(case) / "hf", megatron_path=self.imported / case / "megatron")
        return f"{report['equal']} tensors"

    def alone(self, case):
        """The source repository must not be found through the checkpoint either: a copy of it is exported."""
        copy, target = self.scratch / "moved" / case, self.scratch / "alone" / case
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.peer(case), copy)
        for name in ("config.json", "source_tensors.json"):  # what our own import keeps of its source
            for kept in copy.rglob(f"hugging_face/{name}"):
                kept.unlink()
        for run_config in copy.rglob("run_config.yaml"):
            run_config.write_text(run_config.read_text().replace(str(self.source(case) / "hf"), "/nowhere"))
        self.program("export", megatron_path=copy, hf_path=target)
        # Old repositories hold the rotary frequencies, which every reader computes; a Megatron checkpoint does not.
        note = "plain" if self.quantised(case) else check_tensors(self.source(case) / "hf", target, without=".rotary_emb.inv_freq")
        return note + self.logits(case, target)

    def others_of(self, case):
        """Folders of torch_dist checkpoints that were made of a case: its name, then the layout's."""
        longer = [other.name for other in self.group(case).iterdir() if other.name.startswith(f"{case}-")]
        for group, inner in (("layouts", "torch_dist"), ("megatron-lm", ".")):
            for folder in sorted((self.golden / group).glob(f"{case}-*")):
                of_longer = any(folder.name.startswith(f"{other}-") for other in longer)
                if not of_longer and any((folder / inner).glob("*/metadata.json")):
                    yield folder / inner

    def others(self, case):
        """Exported without reference. One whose numbers are not the case's was made of a model that is not here: it must load."""
        notes, source = [], self.source(case)
        for megatron in self.others_of(case):
            name = megatron.relative_to(self.golden).parts[1]
            target = self.scratch / "others" / name
            try:
                self.program("export", megatron_path=megatron, hf_path=target)
                sizes = [json.loads((folder / "config.json").read_text())["hidden_size"] for folder in (source / "hf", target)]
                if sizes[0] == sizes[1]:
                    check_tensors(source / "hf", target)
                check_logits(target, source / "expected.safetensors" if sizes[0] == sizes[1] else None)
            except Failed as failure:
                raise Failed(f"{name}: {failure}") from None
            notes.append(name + ("" if sizes[0] == sizes[1] else " (of another model: loads)"))
        return ", ".join(notes)

    def lm(self, case):
        target, hf = self.scratch / "lm" / case, self.source(case) / "hf"
        report = self.program("import", hf_model=hf, megatron_path=target, flavor="megatron-lm")
        flags = shlex.split(" ".join(report["training_flags"]))
        self.judges.megatron_lm(target, hf, flags, self.exchanges(case))
        return " ".join(flags)

    def forward(self, case):
        """Without expected logits the sides are compared with each other alone."""
        expected, notes = self.source(case) / "expected.safetensors", []
        recorded = {"expected": expected} if expected.is_file() else {}
        for whose, megatron in (("own", self.imported / case / "megatron"), ("Bridge's", self.peer(case))):
            if whose != "own" and megatron.is_relative_to(self.imported):
                continue
            report = self.program("verify", ["--forward"], hf_model=self.source(case) / "hf", megatron_path=megatron, **recorded)
            figures = {side: found["relative"] for side, found in (report["expected"] or {"between": report["logits"]}).items()}
            told = ", ".join(f"{side} {figure if isinstance(figure, str) else format(figure, '.1e')}" for side, figure in figures.items())
            if not report["same"]:
                raise Failed(f"{whose} import: {told}; the sides part at layer {report['parting']}")
            notes.append(f"{whose}: {told}")
        return "; ".join(notes)

    def threads(self, case):
        hf, place = self.source(case) / "hf", self.scratch / "threads" / case
        for command, source in (("import", {"hf_model": hf}), ("export", {"megatron_path": self.peer(case), "hf_model": hf})):
            kept = []
            for threads in (1, 2):  # towards one path, since a checkpoint may hold its own
                target, keep = place / "out", place / f"{command}-{threads}"
                shutil.rmtree(keep, ignore_errors=True)
                self.program(command, **source, **{"hf_path" if command == "export" else "megatron_path": target}, threads=threads)
                kept.append(target.rename(keep))
            same_trees(*kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=pathlib.Path), parser.add_argument("--oracle", type=pathlib.Path, required=True)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path(".interop"))
    listed = listed_cases()
    parser.add_argument("--only", nargs="+", metavar="CASE", help="cases, listed or not (default: the listed)")
    parser.add_argument("--checks", nargs="+", choices=[*CHECKS, *layouts.CHECKS, "trained"], metavar="CHECK",
                        help="(default: those listed for the case)")
    parser.add_argument("--jobs", type=int, default=2, help="Megatron-LM processes at a time")
    options = parser.parse_args()
    scratch = options.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    golden = unpacked(options.golden.resolve(), scratch)
    interop = Interop(Program(options.program.resolve()), Judges(options.oracle.resolve()), golden, scratch)
    parallel, runs = layouts.Layouts(interop, options.checks), trained.Trained(interop)

    def of_check(check, cases):
        stands = {case: options.checks or listed.get(case, CHECKS) for case in cases}
        return [case for case in cases if check in stands[case]]  # "own" is no check

    cases = [case for case in options.only or listed if case not in parallel.layouts and case not in runs.names()]
    judged = of_check("import", cases)
    ours = {case for check in ("verify", "verify-own", "forward") for case in of_check(check, cases)} | {*judged, *interop.own}
    made = interop.make_imports([case for case in cases if case in ours or interop.exchanges(case)])
    interop.judge_imports([case for case in made if case in judged])
    for check in ("export", "verify", "verify-own", "alone", "others", "threads", "forward"):
        for case in of_check(check, cases):
            if check != "others" or any(interop.others_of(case)):
                interop.attempt(case, check, getattr(interop, check.replace("-", "_")))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda case: interop.attempt(case, "lm", interop.lm), of_check("lm", cases)))
    parallel.run(options.only)
    if not options.checks or "trained" in options.checks:
        runs.run(options.only)
    print(f"\n{interop.passed} checks passed, {len(interop.failures)} failed" +
          "".join(f"\n  {failure}" for failure in interop.failures))
    sys.exit(bool(interop.failures) or not interop.passed)


if __name__ == "__main__":
    main()
