"""One framework doing one workload, in a process of its own: `python -m benchmarks.subject`.

In one process the two frameworks' thread pools would get in each other's way. The process answers
on its standard output, a line of JSON each time: first when it is warm, then a median for every
line it reads, and at last what it cost.
"""

import importlib
import json
import os
import resource
import statistics
import sys
import time
from typing import Any

from benchmarks.workloads import WORKLOADS, Step


def load(name: str) -> Any:
    """Import a framework with the parts that workloads reach through it."""
    torch = importlib.import_module(name)
    for part in ("nn", "nn.functional", "optim"):
        importlib.import_module(f"{name}.{part}")
    return torch


def load_the_rest(torch: Any) -> None:
    """Train a little: what a framework loads at first use is no part of a workload's memory."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    for kind in (torch.optim.SGD, torch.optim.Adam):
        optimizer = kind(model.parameters(), lr=0.1)
        labels = torch.zeros(32, dtype=torch.int64)
        nn.functional.cross_entropy(model(torch.randn(32, 64)), labels).backward()
        optimizer.step()


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def calls_per_reading(step: Step, finish: Step) -> int:
    """How many calls take about 2 ms, since one call of a small op is too short for the clock."""
    step()
    finish()
    start = time.perf_counter()
    step()
    finish()
    return max(1, int(0.002 / (time.perf_counter() - start)))


def median_of(step: Step, calls: int, seconds: float, finish: Step) -> float:
    """The median time of a call, from readings of `calls` calls each and the wait for their end."""
    readings: list[float] = []
    end = time.perf_counter() + seconds
    while len(readings) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            step()
        finish()
        readings.append((time.perf_counter() - start) / calls)
    return statistics.median(readings)


def say(**answer: object) -> None:
    print(json.dumps(answer), flush=True)


def main(framework: str, workload: str, seconds: str) -> None:
    torch = load(framework)
    torch.manual_seed(0)
    load_the_rest(torch)
    before = peak_memory()
    step = WORKLOADS[workload].build(torch)
    finish = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    median_of(step, 1, float(seconds), finish)
    calls = calls_per_reading(step, finish)
    say(warm=True)
    for _ in sys.stdin:
        say(median=median_of(step, calls, float(seconds), finish))
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None
    say(memory=peak_memory() - before, threads=threads)


if __name__ == "__main__":
    main(*sys.argv[1:])
