"""The table of ratios to PyTorch: `python -m benchmarks.run`, or `make bench`.

    python -m benchmarks.run --only mlp --quick           rows whose name has "mlp", in a hurry
    python -m benchmarks.run --frameworks opencl torch    minigrad on its OpenCL device alone
    python -m benchmarks.run --frameworks torch torch     a check of the harness: all ratios are 1

The last framework is what the others are compared with; `opencl` is minigrad on its OpenCL device.

Each subject is a process of its own (benchmarks.subject). The frameworks take turns, in some
processes each, since where threads and memory come to lie is a matter of luck. The time of each is
the least of all medians: other work on a machine only ever adds time. Around every sample a probe
keeps all cores busy for some milliseconds; where it takes longer than it should, something else was
running, and the sample is taken again. A row that never got the machine to itself is marked. The
results go to benchmarks/RESULTS.md, with what benchmarks/NOTES.md says about them, and to
benchmarks/results.json.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from benchmarks.workloads import WORKLOADS

HERE = Path(__file__).resolve().parent
# Subjects run without these: they would make OpenBLAS take the kernels of another processor.
FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in FORCED}
PACKAGES = {"opencl": ("minigrad", "opencl")}  # frameworks that are a package with a backend
TRIES = 8  # how often a disturbed sample is taken again
IMPORT_TARGET = 0.2  # seconds


class Probe:
    """Tells whether all cores are free. Hashing releases the GIL: one thread a core fills them."""

    def __init__(self) -> None:
        self.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        self.pool = ThreadPoolExecutor(self.cores)
        self.block = bytes(8_000_000)
        self.best = min(self.spin() for _ in range(20))

    def spin(self) -> float:
        def work(_: int) -> float:
            start = time.perf_counter()
            hashlib.sha256(self.block).digest()
            return time.perf_counter() - start

        return max(self.pool.map(work, range(self.cores)))

    def free(self) -> bool:
        """Whether the slowest core was within a quarter of the best time seen so far."""
        took = min(self.spin(), self.spin())
        self.best = min(self.best, took)
        return took < 1.25 * self.best


class Subject:
    """One framework and one workload in a process of its own, and the samples taken from it."""

    def __init__(self, framework: str, workload: str, seconds: float) -> None:
        package, backend = PACKAGES.get(framework, (framework, ""))
        command = [sys.executable, "-m", "benchmarks.subject", package, workload, str(seconds)]
        self.framework = framework
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=HERE.parent,
            env={**ENVIRONMENT, "MINIGRAD_BACKEND": backend} if backend else ENVIRONMENT,
        )
        self.medians: list[float] = []
        self.disturbed = 0  # samples that were disturbed at every try

    def answer(self) -> dict:
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.stderr.read().strip().rpartition("\n")[2])
        return json.loads(line)

    def sample(self, probe: Probe) -> None:
        for attempt in range(TRIES):
            free = probe.free()
            print("sample", file=self.process.stdin, flush=True)
            median = self.answer()["median"]
            if free and probe.free():
                break
            time.sleep(0.05 * attempt)
        else:
            self.disturbed += 1
        self.medians.append(median)

    def close(self) -> dict:
        """Ends the process; returns its threads and memory."""
        assert self.process.stdin
        self.process.stdin.close()
        cost = self.answer()
        self.process.wait()
        return cost


class Result:
    """What the processes of one framework measured for one workload."""

    def __init__(self) -> None:
        self.medians: list[float] = []
        self.disturbed = 0
        self.costs: list[dict] = []

    def add(self, subject: Subject) -> None:
        self.medians += subject.medians
        self.disturbed += subject.disturbed
        self.costs.append(subject.close())

    @property
    def best(self) -> float:
        return min(self.medians)

    @property
    def spread(self) -> float:
        return max(self.medians) / self.best - 1


def measure(name: str, frameworks: list[str], probe: Probe, quick: bool) -> dict:
    """One row: each framework's least median, spread, threads and memory, or why there is none."""
    workload = WORKLOADS[name]
    row: dict = {"workload": name, "trains": workload.trains}
    row |= {"target": workload.target, "best": workload.best}
    results = [Result() for _ in frameworks]
    for _ in range(2 if quick else 3):
        subjects: list[Subject] = []
        try:
            for framework in frameworks:
                subject = Subject(framework, name, 0.1 if quick else 0.2)
                subjects.append(subject)
                subject.answer()
            for _ in range(2):
                for subject in subjects:
                    subject.sample(probe)
            for subject, result in zip(subjects, results, strict=True):
                result.add(subject)
        except RuntimeError as error:
            for started in subjects:
                started.process.kill()
            return row | {"error": f"{subject.framework}: {error}", "columns": len(frameworks)}
    return row | {
        "seconds": [result.best for result in results],
        "ratio": [result.best / results[-1].best for result in results[:-1]],
        "spread": [result.spread for result in results],
        "disturbed": sum(result.disturbed for result in results),
        "threads": [max(cost["threads"] for cost in result.costs) for result in results],
        "memory": [min(cost["memory"] for cost in result.costs) for result in results],
    }


def import_time(framework: str) -> float:
    """Seconds that the import takes in a fresh process, the least of seven."""
    program = (
        "import time; start = time.perf_counter(); "
        f"import {framework}; print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", program]
    return min(
        float(subprocess.check_output(command, cwd=HERE.parent, env=ENVIRONMENT)) for _ in range(7)
    )


def seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"



def header(frameworks: list[str]) -> list[str]:
    columns = ["workload", *frameworks, "ratio", "target", "spread", "threads", "memory, MiB", ""]
    rule = "|---" + "|--:" * (len(columns) - 2) + "|---|"
    return ["| " + " | ".join(columns) + " |", rule]


def line(row: dict) -> str:
    """A row of the table, in Markdown."""
    targets = [("", row["target"]), ("best ", row["best"])]
    target = ", ".join(f"{of}{value:g}" for of, value in targets if value is not None)
    if "error" in row:
        blank = " |" * row["columns"]
        return f"| {row['workload']} |{blank} | {target} | | | | {row['error']} |"
    times = " | ".join(seconds(value) for value in row["seconds"])
    spread = " / ".join(f"{value:.0%}" for value in row["spread"])
    threads = " / ".join(str(count) for count in row["threads"])
    memory = " / ".join(f"{size / 2**20:.0f}" for size in row["memory"] if row["trains"])
    ratio = " / ".join(f"{value:.2f}" for value in row["ratio"])
    reached = [(row["ratio"][0], row["target"]), (min(row["ratio"]), row["best"])]
    missed = any(limit is not None and value > limit for value, limit in reached)
    marks = ["missed"] if missed else []
    if row["disturbed"]:
        marks.append(f"cores not free in {row['disturbed']} samples")
    return (
        f"| {row['workload']} | {times} | {ratio} | {target} | {spread} | {threads} "
        f"| {memory} | {', '.join(marks)} |"
    )


def machine(frameworks: list[str], probe: Probe) -> str:
    """What the figures depend on: processor, cores, versions."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [part for part in cpuinfo.read_text().splitlines() if part.startswith("model name")]
        processor = names[0].partition(": ")[2] if names else processor
    distributions = {"minigrad": "minigrad-edu", "opencl": "pyopencl"}
    versions = [f"{name} {version(distributions.get(name, name))}" for name in frameworks]
    device = f"; opencl is {ask(OPENCL)}" if "opencl" in frameworks else ""
    return (
        f"{processor}, {probe.cores} cores; Python {platform.python_version()}, NumPy "
        f"{version('numpy')} on OpenBLAS {ask(BLAS)}, {', '.join(dict.fromkeys(versions))}{device}"
    )


# Programs that print which kernels NumPy's BLAS has chosen, and which device OpenCL computes on.
BLAS = """
import ctypes
from numpy._core import _multiarray_umath as module
name = ctypes.CDLL(module.__file__).scipy_openblas_get_corename64_
name.restype = ctypes.c_char_p
print(name().decode())
"""
OPENCL = """
from minigrad.backends.opencl import discovery
print(discovery.describe(discovery.device(0)))
"""


def ask(program: str) -> str:
    """What a program prints when it runs as a subject does."""
    asked = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True
    )
    return asked.stdout.strip() if asked.returncode == 0 else "of unknown kind"


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter samples")
    parser.add_argument("--frameworks", nargs="+", default=["minigrad", "opencl", "torch"])
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the results")
    options = parser.parse_args()
    frameworks = options.frameworks
    probe = Probe()
    head = header(frameworks)
    print(machine(frameworks, probe), *head, sep="\n", flush=True)
    rows = []
    for name in WORKLOADS:
        if options.only.lower() in name.lower():
            rows.append(measure(name, frameworks, probe, options.quick))
            print(line(rows[-1]), flush=True)
    packages = [frameworks[0], frameworks[-1]]
    imports = [import_time(package) for package in packages]
    mark = "" if imports[0] < IMPORT_TARGET else " (missed)"
    footer = (
        f"`import {packages[0]}` {seconds(imports[0])}, to stay under {IMPORT_TARGET} s{mark}; "
        f"`import {packages[1]}` {seconds(imports[1])}."
    )
    print(footer)
    if options.only or options.quick:
        return  # a part of the table, or a hurried one, does not replace the whole
    text = [
        "# minigrad beside PyTorch",
        f"`make bench` wrote this on {time.strftime('%Y-%m-%d')}: {machine(frameworks, probe)}.",
        "Times are the least of several medians, ratios are to the last framework, and targets are "
        "for the first, or for the best of the others. Spread is how far the worst of the medians "
        "lay above the least; memory is the peak of the process over what it was before.",
        "\n".join(head + [line(row) for row in rows]),
        footer,
        (HERE / "NOTES.md").read_text(encoding="utf-8").strip(),
    ]
    results = {"machine": machine(frameworks, probe), "imports": imports, "rows": rows}
    write(options.out / "RESULTS.md", "\n\n".join(text) + "\n")
    write(options.out / "results.json", json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
