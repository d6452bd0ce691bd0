#!/usr/bin/env python3
"""Times conversions against cp of the same bytes and against the floor, verify against cat, plans of published shapes; one table.

  python3 run.py --program build/bin/weighbridge [--tools build/bin] [--gigabytes 8] [--rounds 5] [--dir DIR] [--threads N]
                 [--max-memory SIZE] [--plots DIR] [--only copies transfer verify fp8 plan executor growth]

--tools has the programs of bench/engine; what they measure is left out without. --plots is where pictures of the growth go.

Cold: the source is not in the page cache, and a run ends when its output is on the device, for all alike. Hot: the source is in the page
cache, and cp does not wait for the device; our program does. Ratios are of the runs of one round. Needs four times the model in DIR.
docs/performance.md says what the figures mean.
"""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import make_shapes
import plot
from measure import MIB, Table, Timed, files_below, forget, machine, rounds, size_of

HERE = pathlib.Path(__file__).resolve().parent
PARTS = "copies transfer verify fp8 plan executor growth".split()


class Bench:
    def __init__(self, options, place):
        self.options, self.place, self.table = options, place, Table()
        self.extra = [*(["--threads", options.threads] if options.threads else []), *(["--max-memory", options.max_memory] if options.max_memory else [])]
        self.source, self.megatron = place / "hf", place / "megatron"

    def ours(self, command, *words, target=None):
        return Timed([self.options.program, command, *words, *self.extra, "--no-progress", "--json"], target)

    def conversion(self, source, target):
        return self.ours("import", "--hf-model", source, "--megatron-path", target, target=target)

    def model(self):
        """The source and its import; made once."""
        if not self.source.exists():
            subprocess.run([sys.executable, HERE / "make_llama.py", self.source, "--gigabytes", str(self.options.gigabytes)], check=True, stdout=subprocess.DEVNULL)
        if not self.megatron.exists():
            self.conversion(self.source, self.megatron).run()
        return size_of(self.source) / 1e9

    def shapes(self, folder, model, **sizes):
        """In a process of its own: what a child is said to take at most includes what its parent held when it was started."""
        words = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
        said = subprocess.run([sys.executable, HERE / "make_shapes.py", folder, "--model", model, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
        count, total = re.search(r": (\d+) tensors, ([\d.]+) GB", said).groups()
        return int(count), float(total)

    def copies(self):
        gigabytes, out = self.model(), self.place / "out"
        export = ["--megatron-path", self.megatron, "--hf-model", self.source, "--hf-path", out]

        def jobs():
            made = {"cp": Timed(["cp", "-r", self.source, out], out), "import": self.conversion(self.source, out),
                    "export": self.ours("export", *export, target=out),
                    "reshard": self.ours("reshard", "--load", self.megatron, "--save", out, "--tp", 2, target=out)}
            if self.tool("floor"):
                made["floor"] = self.floor(out)
            return made

        sources = files_below(self.source, self.megatron)
        cold = jobs()
        rounds(self.options.rounds, cold, before=lambda: forget(sources))
        for name in ("import", "export", "reshard"):
            self.table.ratios(f"{name}, cold and durable, to cp and sync", cold[name].seconds, cold["cp"].seconds, 0.8)
            if "floor" in cold:
                self.table.ratios(f"{name}, cold and durable, to the floor", cold[name].seconds, cold["floor"].seconds, 1.1)
            self.table.add(f"{name}, cold, core-seconds", [cores / gigabytes for cores in cold[name].cores], "s/GB", 0.1)
            self.table.add(f"{name}, peak memory", [cold[name].peak / MIB], "MiB", 256)
        if "floor" in cold:
            self.table.add("floor, cold, core-seconds", [cores / gigabytes for cores in cold["floor"].cores], "s/GB")
        self.table.add("cp and sync, cold", [gigabytes / seconds for seconds in cold["cp"].seconds], "GB/s")
        shutil.rmtree(out, ignore_errors=True)
        hot = {name: job for name, job in jobs().items() if name != "floor"}
        subprocess.run(["cat", *sources], check=True, stdout=subprocess.DEVNULL)
        rounds(self.options.rounds, hot, sync=False)
        for name in ("import", "export", "reshard"):
            self.table.ratios(f"{name}, hot, durable, to cp, hot, not synced", hot[name].seconds, hot["cp"].seconds, 1.0)
        export_job = self.ours("export", *export, target=out)
        export_job.run()
        self.same = all(subprocess.run(["cmp", "-s", path, out / path.name]).returncode == 0 for path in self.source.glob("*.safetensors"))
        shutil.rmtree(out)

    def tool(self, name):
        path = self.options.tools / name if self.options.tools else None
        return path if path and path.exists() else None

    def floor(self, out, tool="floor", parallel=None):
        weights = [path for path in files_below(self.source) if path.suffix == ".safetensors"]
        return Timed([self.tool(tool), out, parallel or self.options.threads or os.cpu_count(), *weights], out)

    def transfer(self):
        """Which way of transfer is the default: the floor with threads and with io_uring."""
        if not self.tool("ring_floor"):
            return print("    left out: there is no ring_floor (liburing)", file=sys.stderr)
        gigabytes, out = self.model(), self.place / "out"
        jobs = {"1 thread": self.floor(out, parallel=1), "2 threads": self.floor(out, parallel=2), "4 threads": self.floor(out, parallel=4),
                "io_uring, 2 in flight": self.floor(out, "ring_floor", 2), "io_uring, 8 in flight": self.floor(out, "ring_floor", 8)}
        rounds(self.options.rounds, jobs, before=lambda: forget(files_below(self.source)))
        for name, job in jobs.items():
            self.table.ratios(f"floor with {name}, to 2 threads", job.seconds, jobs["2 threads"].seconds)
            self.table.add(f"floor with {name}, core-seconds", [cores / gigabytes for cores in job.cores], "s/GB")
        shutil.rmtree(out)

    def verify(self):
        self.model()
        files = files_below(self.source, self.megatron)
        size = size_of(self.source, self.megatron) / 1e9
        for state in ("cold", "hot"):
            cat = Timed(["sh", "-c", 'cat "$@" > /dev/null', "cat", *files])
            jobs = {"cat": cat, "verify": self.ours("verify", "--hf-model", self.source, "--megatron-path", self.megatron)}
            rounds(self.options.rounds, jobs, before=(lambda: forget(files)) if state == "cold" else None)
            self.table.ratios(f"verify, {state}, speed to that of cat", cat.seconds, jobs["verify"].seconds, 0.8, at_least=True)
            self.table.add(f"verify, {state}", [size / seconds for seconds in jobs["verify"].seconds], "GB/s")
        self.table.add("verify, peak memory", [jobs["verify"].peak / MIB], "MiB", 256)

    def fp8(self):
        """Values that are all 0 take as long to decode; the source is sparse, so that only the work is looked at."""
        source, out = self.place / "fp8", self.place / "fp8-megatron"
        self.shapes(source, "deepseek-v3", layers=4, experts=32)
        job = self.conversion(source, out)
        rounds(self.options.rounds, {"fp8": job}, before=lambda: forget(files_below(source)))
        written = size_of(out) / 1e9
        self.table.add("FP8 to bf16, core-seconds", [cores / written for cores in job.cores], "s/GB written", 0.3)
        shutil.rmtree(out)

    def plan(self):
        for model in make_shapes.MODELS:
            folder = self.place / model
            count, total = self.shapes(folder, model)
            job = self.ours("plan", "--hf-model", folder)
            job.command.remove("--no-progress")
            job.command.remove("--json")
            rounds(self.options.rounds, {"plan": job})
            self.table.add(f"plan of {model}, {count} tensors, {total:.0f} GB", job.seconds, "s", 2)
            self.table.add(f"plan of {model}, peak memory", [job.peak / MIB], "MiB", 200)
            shutil.rmtree(folder)

    def null_sink(self, folder):
        out = self.place / "null"
        job = Timed([self.tool("null_sink"), self.options.program.parent.parent / "lib/weighbridge/plugins", folder, out, self.options.threads or os.cpu_count()], out)
        rounds(self.options.rounds, {"null": job}, sync=False)
        shutil.rmtree(out)
        return job

    def executor(self):
        """The executor on a file system that moves no bytes."""
        if not self.tool("null_sink"):
            return print("    left out: there is no null_sink", file=sys.stderr)
        points, folder = [], self.place / "shrunk"
        for layers in (8, 16, 32, 61):
            self.shapes(folder, "deepseek-v3", layers=layers, shrink=32)
            job = self.null_sink(folder)
            seconds = sorted(report["executed"] for report in job.reports)
            points.append((job.reports[0]["tensors"] / 1000, seconds[0], statistics.median(seconds), seconds[-1]))
            shutil.rmtree(folder)
        each = [second / points[-1][0] * 1000 for second in points[-1][1:]]
        self.table.add(f"executor without a disk, {points[-1][0] * 1000:.0f} small tensors, each", each, "us")
        self.picture("growth-tensors.svg", "The executor without a disk", "thousand tensors", "seconds", points)
        self.shapes(folder, "llama-405b")
        job = self.null_sink(folder)
        self.table.add("executor without a disk, Llama 405B in bf16", [report["bytes"] / 1e9 / report["executed"] for report in job.reports], "GB/s")
        shutil.rmtree(folder)

    def growth(self):
        """Time grows with the bytes; the peak does not."""
        points, source, out = [], self.place / "growth", self.place / "growth-out"
        for gigabytes in (1, 2, 4, 8, 16):
            subprocess.run([sys.executable, HERE / "make_llama.py", source, "--gigabytes", str(gigabytes)], check=True, stdout=subprocess.DEVNULL)
            size, job = size_of(source) / 1e9, self.conversion(source, out)
            rounds(3, {"import": job}, before=lambda: forget(files_below(source)))
            points.append((size, min(job.seconds), statistics.median(job.seconds), max(job.seconds)))
            self.table.add(f"import of {size:.1f} GB, peak memory", [job.peak / MIB], "MiB", 256)
            self.table.add(f"import of {size:.1f} GB, cold and durable", [size / seconds for seconds in job.seconds], "GB/s")
            shutil.rmtree(out)
            shutil.rmtree(source)
        self.picture("growth-bytes.svg", "Import, cold and durable", "GB", "seconds", points)

    def picture(self, name, title, x_label, y_label, points):
        if self.options.plots:
            plot.plot(self.options.plots / name, title, x_label, y_label, points, (points[-1][2] / points[-1][0], "in proportion to the largest"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True), parser.add_argument("--tools", type=pathlib.Path)
    parser.add_argument("--gigabytes", type=float, default=8), parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", type=pathlib.Path), parser.add_argument("--plots", type=pathlib.Path), parser.add_argument("--threads"), parser.add_argument("--max-memory")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    options.program = options.program.resolve()
    parent = options.dir or pathlib.Path(os.environ.get("TMPDIR", "/var/tmp"))
    parent.mkdir(parents=True, exist_ok=True)
    need, free = max(4.1 * options.gigabytes * 1e9, 34e9), shutil.disk_usage(parent).free
    if free < need:
        sys.exit(f"{parent} has {free / 1e9:.1f} GB free, {need / 1e9:.1f} GB are needed; name another folder with --dir")
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-", dir=parent) as place:
        bench = Bench(options, pathlib.Path(place))
        for part in options.only:
            print(f"==> {part}", file=sys.stderr, flush=True)
            getattr(bench, part)()
    print(f"{machine()}\n{options.gigabytes:g} GB of bf16, {options.rounds} rounds\n\n{bench.table}\n\n{bench.table.missed} targets missed")
    if not getattr(bench, "same", True):
        sys.exit("the export does not equal the source")


if __name__ == "__main__":
    main()
