"""Runs of programs, their times, and the table that they become."""
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

MIB = 1 << 20


class Timed:
    """One job's runs: wall and processor seconds, the kernel's peak memory and, of our programs, their reports."""

    def __init__(self, command, target=None):
        self.command, self.target = [*map(str, command)], target
        self.seconds, self.cores, self.peak, self.reports = [], [], 0, []

    def run(self, sync=True):
        """With `sync` the run ends when its output is on the device."""
        if self.target:
            shutil.rmtree(self.target, ignore_errors=True)
        os.sync()
        start = time.monotonic()
        child = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        out = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"{' '.join(self.command)} failed")
        if sync and self.target:
            subprocess.run(["sync", "-f", self.target], check=True)
        self.seconds.append(time.monotonic() - start)
        self.cores.append(usage.ru_utime + usage.ru_stime)
        self.peak = max(self.peak, usage.ru_maxrss * 1024)
        if out.strip().startswith(b"{"):
            self.reports.append(json.loads(out))


def rounds(count, jobs, before=None, sync=True):
    """Runs all jobs `count` times, in an order that turns from round to round, so that all see the same machine."""
    for number in range(count):
        for name in list(jobs)[number % len(jobs):] + list(jobs)[:number % len(jobs)]:
            if before:
                before()
            jobs[name].run(sync)


def files_below(*folders):
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def size_of(*folders):
    return sum(path.stat().st_size for path in files_below(*folders))


def forget(files):
    """Takes the files out of the page cache, as far as the system agrees."""
    for path in files:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Table:
    """A figure a line: what it is, its median, what it should be, and the runs it comes from."""

    def __init__(self):
        self.lines, self.missed = [], 0

    def add(self, figure, values, unit, target=None, at_least=False):
        median = statistics.median(values)
        met = target is None or (median >= target if at_least else median <= target)
        self.missed += not met
        wanted = "" if target is None else f"{'>=' if at_least else '<='} {target:g}"
        self.lines.append((figure, f"{median:.3g} {unit}".strip(), wanted, "" if target is None else "met" if met else "missed",
                           f"{min(values):.3g} {median:.3g} {max(values):.3g} of {len(values)}"))

    def ratios(self, figure, job, baseline, target=None, at_least=False):
        """Round by round, since both saw the same minute of the machine."""
        self.add(figure, [a / b for a, b in zip(job, baseline)], "", target, at_least)

    def __str__(self):
        heads = ("figure", "median", "target", "", "least, median, largest")
        widths = [max(len(line[i]) for line in [heads, *self.lines]) for i in range(len(heads))]
        return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                         for line in [heads, tuple("-" * width for width in widths), *self.lines])


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{model}, {os.cpu_count()} processors, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"
