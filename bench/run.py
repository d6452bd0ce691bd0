#!/usr/bin/env python3
"""Times import and export against cp of the same bytes, verify against cat, and the plan of a model with very many tensors.

  python3 run.py --program build/bin/weighbridge [--gigabytes 4] [--rounds 3] [--dir DIR] [--threads N] [--max-memory SIZE]

Every round runs cp, import and export once, in an order that turns from round to round; each ends with the data on the device
(sync of the file system). The source is in the page cache if memory allows, for all three alike. Reported are medians, their ratio
to cp, and the peak memory that the program reports beside the one that the kernel counted. Needs three times the model in DIR.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20


class Timed:
    """One job's runs: wall seconds, the kernel's peak memory and, of our program, its last report."""

    def __init__(self):
        self.seconds, self.peak, self.report = [], 0, {}

    def run(self, command, target):
        shutil.rmtree(target, ignore_errors=True)
        os.sync()
        start = time.monotonic()
        child = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE)
        out = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"{' '.join(map(str, command))} failed")
        subprocess.run(["sync", "-f", target], check=True)
        self.seconds.append(time.monotonic() - start)
        self.peak = max(self.peak, usage.ru_maxrss * 1024)
        if out.strip():
            self.report = json.loads(out)

    @property
    def median(self):
        return statistics.median(self.seconds)


def folder_bytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def same_weights(source, exported):
    return all(subprocess.run(["cmp", "-s", path, exported / path.name]).returncode == 0
               for path in sorted(source.glob("*.safetensors")))


def conversions(options, place):
    source, copy, megatron, exported = (place / name for name in ("hf", "copy", "megatron", "exported"))
    subprocess.run([sys.executable, HERE / "make_llama.py", source, "--gigabytes", str(options.gigabytes)], check=True)
    size = folder_bytes(source)
    extra = ["--no-progress", "--json", *(["--threads", options.threads] if options.threads else []),
             *(["--max-memory", options.max_memory] if options.max_memory else [])]
    jobs = {
        "cp": (["cp", "-r", source, copy], copy),
        "import": ([options.program, "import", "--hf-model", source, "--megatron-path", megatron, *extra], megatron),
        "export": ([options.program, "export", "--megatron-path", megatron, "--hf-model", source, "--hf-path", exported, *extra],
                   exported),
    }
    timed = {name: Timed() for name in jobs}
    for number in range(options.rounds):
        order = list(jobs)[number % 3:] + list(jobs)[:number % 3]
        for name in order:
            if name == "export" and not megatron.exists():
                order.append(name)  # the very first export waits for an import
                continue
            command, target = jobs[name]
            timed[name].run(command, target)
    print(f"\n{size / 1e9:.2f} GB, {options.rounds} rounds, medians, {os.cpu_count()} processors\n")
    print(f"{'':8}{'seconds':>9}{'GB/s':>8}{'to cp':>8}{'peak MiB (report)':>19}{'(kernel)':>10}   all rounds")
    for name, job in timed.items():
        reported = job.report.get("peak_memory_bytes")
        print(f"{name:8}{job.median:9.2f}{size / 1e9 / job.median:8.2f}{job.median / timed['cp'].median:8.2f}"
              f"{reported / MIB if reported else float('nan'):19.0f}{job.peak / MIB:10.0f}   "
              + " ".join(f"{seconds:.2f}" for seconds in job.seconds))
    same = same_weights(source, exported)
    print(f"export equals the source, file by file: {'yes' if same else 'NO'}")
    return same


def forget(files):
    """Takes the files out of the page cache, as far as the system agrees."""
    for path in files:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def verification(options, place):
    """Reading both checkpoints and comparing them, against cat of the same files."""
    source, megatron = place / "hf", place / "megatron"
    files = [path for folder in (source, megatron) for path in sorted(folder.rglob("*")) if path.is_file()]
    size, rates, peak = sum(path.stat().st_size for path in files), {}, 0
    verify = [options.program, "verify", "--hf-model", source, "--megatron-path", megatron, "--no-progress", "--json"]
    jobs = {"cat": ["cat", *files], "verify": [*verify, *(["--threads", options.threads] if options.threads else []),
                                               *(["--max-memory", options.max_memory] if options.max_memory else [])]}
    for state in ("cold", "hot"):
        for number in range(options.rounds):
            for name in list(jobs)[number % 2:] + list(jobs)[:number % 2]:
                os.sync()
                if state == "cold":
                    forget(files)
                start = time.monotonic()
                with open(os.devnull, "wb") as null:  # straight to the device: a pipe would be timed too
                    done = subprocess.run([*map(str, jobs[name])], check=True, stdout=null if name == "cat" else subprocess.PIPE)
                rates.setdefault((state, name), []).append(size / 1e9 / (time.monotonic() - start))
                if name == "verify":
                    peak = max(peak, json.loads(done.stdout)["peak_memory_bytes"])
    print(f"\nverify of {size / 1e9:.2f} GB, both checkpoints together, GB/s:")
    for (state, name), values in rates.items():
        ratio = statistics.median(values) / statistics.median(rates[state, "cat"])
        print(f"{state:6}{name:8}{statistics.median(values):8.2f}{ratio:8.2f} of cat   " + " ".join(f"{value:.2f}" for value in values))
    print(f"verify reports a peak of {peak / MIB:.0f} MiB\n")


def plan_time(options, place):
    model = place / "many"
    subprocess.run([sys.executable, HERE / "make_llama.py", model, "--tensors", str(options.tensors)], check=True)
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        subprocess.run([options.program, "plan", "--hf-model", model], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - start)
    print(f"plan of {options.tensors} tensors: {statistics.median(seconds):.2f} s (" + " ".join(f"{s:.2f}" for s in seconds) + ")")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--gigabytes", type=float, default=4), parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tensors", type=int, default=100000), parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--threads"), parser.add_argument("--max-memory")
    options = parser.parse_args()
    options.program = options.program.resolve()
    parent = options.dir or pathlib.Path(os.environ.get("TMPDIR", "/var/tmp"))
    parent.mkdir(parents=True, exist_ok=True)
    need, free = 3.1 * options.gigabytes * 1e9, shutil.disk_usage(parent).free
    if free < need:
        sys.exit(f"{parent} has {free / 1e9:.1f} GB free, {need / 1e9:.1f} GB are needed; name another folder with --dir")
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-", dir=parent) as place:
        good = conversions(options, pathlib.Path(place))
        verification(options, pathlib.Path(place))
        plan_time(options, pathlib.Path(place))
    sys.exit(not good)


if __name__ == "__main__":
    main()
