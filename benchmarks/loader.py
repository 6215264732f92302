"""The DataLoader beside PyTorch's: one dataset for both, their own default_collate, batches of 64.

    python -m benchmarks.loader                     five tables
    python -m benchmarks.loader --only first        one: throughput first waiting kills leftovers
    python -m benchmarks.loader --quick             fewer and shorter turns

Each library runs in a process of its own. They take turns, and medians count. Samples a second are
counted from the first batch to the last; the loop does nothing with them. `first` is the time from
iter(loader) to the first batch, with workers that were not there before, by one start method for
both and by each library's own default. Ratios are of samples a second, or of times turned over:
above 1, minigrad is faster. Then, of minigrad alone: which part of a LeNet epoch the loop waits for
data; how soon it notices that a worker was killed, also in the fourth loader of a process; and how
soon after its end, by break and by SIGKILL, a program's workers and shared memory are gone.
"""

import argparse
import importlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.run import ENVIRONMENT

BATCH = 64
WORKERS = (0, 1, 2)
METHODS = ("fork", "forkserver", "spawn", "default")
LIBRARIES = ("minigrad", "torch")
ALONE = ("waiting", "kills", "leftovers")


class Fashion:
    """28 x 28 items as Fashion-MNIST has them, with a small transform: shift, scale, normalise."""

    def __init__(self, length: int = 12_800) -> None:
        self.length = length
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (self.length, 28, 28), np.uint8)
        self.labels = rng.integers(0, 10, self.length)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        dx, dy = index % 5, index // 5 % 5
        padded = np.zeros((32, 32), np.float32)
        padded[2:30, 2:30] = self.images[index]
        x = (padded[dx : dx + 28, dy : dy + 28] / 255 - 0.286) / 0.353
        return x.astype(np.float32)[None], int(self.labels[index])


class Photos:
    """224 x 224 x 3 float32 items: nearly all of the work is to move them."""

    length = 1_920

    def __init__(self) -> None:
        self.images = np.random.default_rng(0).random((16, 224, 224, 3), np.float32)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.images[index % 16], index % 10


class Tiny:
    """A dict of a few numbers: nearly all of the work is bookkeeping."""

    length = 25_600

    def __init__(self) -> None:
        self.rows = np.random.default_rng(0).random((self.length, 4), np.float32)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": self.rows[index], "label": index % 10, "weight": 0.5}


DATASETS = {"28x28": Fashion, "224x224x3": Photos, "tiny dict": Tiny}


def loader_of(library: str, dataset: Any, workers: int, method: str) -> Any:
    loaders = importlib.import_module(f"{library}.utils.data")
    context = {"multiprocessing_context": method} if workers and method != "default" else {}
    return loaders.DataLoader(dataset, BATCH, num_workers=workers, **context)


def epoch(loader: Any, batches: int | None = None) -> tuple[float, float]:
    """Seconds to the first batch, and samples a second after it."""
    begin = time.perf_counter()
    iterator = iter(loader)
    next(iterator)
    first = time.perf_counter()
    count = sum(1 for _ in zip(range(batches or 10**9), iterator, strict=False))
    return first - begin, count * BATCH / (time.perf_counter() - first)


def subject(library: str) -> None:
    """Answers each line (dataset, workers, method, batches) with the two figures of an epoch."""
    datasets = {name: make() for name, make in DATASETS.items()}
    importlib.import_module(f"{library}.utils.data")
    for line in sys.stdin:
        name, workers, method, batches = json.loads(line)
        loader = loader_of(library, datasets[name], workers, method)
        print(json.dumps(epoch(loader, batches)), flush=True)


class Subject:
    """A library in a process of its own."""

    def __init__(self, library: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.loader", "--subject", library],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
        )  # fmt: skip

    def ask(self, *question: Any) -> list[float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def turns(subjects: list[Subject], rounds: int, *question: Any) -> list[list[float]]:
    """For each subject the medians of its answers."""
    answers: list[list[list[float]]] = [[], []]
    for _ in range(rounds):
        for kept, each in zip(answers, subjects, strict=True):
            kept.append(each.ask(*question))
    return [[statistics.median(column) for column in zip(*kept, strict=True)] for kept in answers]


def throughput(subjects: list[Subject], rounds: int, batches: int | None) -> None:
    print(f"{'samples a second':24}{'minigrad':>12}{'torch':>12}{'ratio':>8}")
    for name in DATASETS:
        for workers in WORKERS:
            ours, theirs = turns(subjects, rounds, name, workers, "fork", batches)
            row = f"{ours[1]:12,.0f}{theirs[1]:12,.0f}{ours[1] / theirs[1]:8.2f}"
            print(f"{f'{name}, {workers} workers':24}{row}", flush=True)


def first_batches(subjects: list[Subject], rounds: int) -> None:
    print(f"\n{'first batch, ms':24}{'minigrad':>12}{'torch':>12}{'ratio':>8}")
    for name in DATASETS:
        for workers, method in [(0, "default"), *((2, method) for method in METHODS)]:
            ours, theirs = turns(subjects, rounds, name, workers, method, 1)
            how = f", {method}" if workers else ""
            row = f"{1e3 * ours[0]:12.1f}{1e3 * theirs[0]:12.1f}{theirs[0] / ours[0]:8.2f}"
            print(f"{f'{name}, {workers} workers{how}':24.34}{row}", flush=True)


def waiting() -> None:
    """The part of a LeNet epoch in which the loop waits for its loader."""
    minigrad = importlib.import_module("minigrad")
    from minigrad import nn

    print(f"\n{'LeNet epoch':24}{'seconds':>12}{'waiting':>12}")
    dataset = Fashion(60_000)
    for workers in WORKERS:
        minigrad.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip
        optimizer = minigrad.optim.SGD(model.parameters(), lr=0.01)
        loader = iter(loader_of("minigrad", dataset, workers, "default"))
        waited, begin = 0.0, time.perf_counter()
        while True:
            asked = time.perf_counter()
            batch = next(loader, None)
            waited += time.perf_counter() - asked
            if batch is None:
                break
            loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total = time.perf_counter() - begin
        print(f"{f'{workers} workers':24}{total:12.2f}{waited / total:12.1%}", flush=True)


class Mortal:
    """Sample 9 is the death of who makes it, who writes down when."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> int:
        if index == 9:
            self.path.write_text(repr(time.monotonic()))
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()


def mortal_loader(path: Path, method: str) -> Any:
    loaders = importlib.import_module("minigrad.utils.data")
    return loaders.DataLoader(Mortal(path), num_workers=2, multiprocessing_context=method)


def noticing(method: str, path: Path) -> float:
    """Seconds from the death of a worker to the error in the loop."""
    try:
        list(mortal_loader(path, method))
    except RuntimeError:
        return time.monotonic() - float(path.read_text())
    raise AssertionError("nobody noticed")


def gone_after(pids: set[int]) -> float:
    """Seconds until none of these processes is left, and no loader's memory is mapped here."""
    begin = time.monotonic()
    while any(is_running(pid) for pid in pids) or has_memory():
        time.sleep(0.001)
    return time.monotonic() - begin


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def has_memory() -> bool:
    """The file has no name: it is gone when no process has it open, or mapped."""
    return "minigrad-loader" in Path("/proc/self/maps").read_text()


def leaving(method: str, path: Path) -> float:
    """Seconds that a break takes, until the workers have gone, and their memory."""
    loader = mortal_loader(path, method)
    iterator = iter(loader)
    pids = {int(next(iterator).item()) for _ in range(2)}
    begin = time.monotonic()
    del iterator
    gone_after(pids)
    return time.monotonic() - begin


def orphans(method: str, path: Path) -> float:
    """Seconds from the SIGKILL of a program to the end of the last of its workers."""
    command = [sys.executable, "-m", "benchmarks.loader", "--orphans", method]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as program:
        assert program.stdout is not None
        pids = {int(program.stdout.readline()) for _ in range(2)}
        program.kill()
    return gone_after(pids)


def to_be_killed(method: str) -> None:
    """A program that goes on until it is killed; prints its workers."""
    iterator = iter(mortal_loader(Path(), method))
    print(*(int(next(iterator).item()) for _ in range(2)), sep="\n", flush=True)
    time.sleep(600)


def timed(title: str, times: int, subject: Callable[[str, Path], float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for method in METHODS[:3]:
            took = sorted(1e3 * subject(method, Path(folder) / "when") for _ in range(times))
            row = f"{statistics.median(took):12.1f}{took[-1]:12.1f}"
            print(f"{f'{title}, {method}':36}{row}", flush=True)


def kills(times: int) -> None:
    print(f"\n{f'ms to the end, {times} times':36}{'median':>12}{'worst':>12}")
    timed("a killed worker is noticed", times, noticing)
    others = [iter(mortal_loader(Path(), "fork")) for _ in range(3)]
    timed("the same, in the fourth loader", times, noticing)
    del others


def leftovers(times: int) -> None:
    print(f"\n{f'ms until nothing is left, {times} times':36}{'median':>12}{'worst':>12}")
    timed("after a break", times, leaving)
    timed("after SIGKILL of the program", times, orphans)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["throughput", "first", *ALONE])
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    parser.add_argument("--orphans", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subject:
        subject(options.subject)
        return
    if options.orphans:
        to_be_killed(options.orphans)
        return
    if options.only not in ALONE:
        compared(options)
    if options.only in (None, "waiting"):
        waiting()
    if options.only in (None, "kills"):
        kills(5 if options.quick else 50)
    if options.only in (None, "leftovers"):
        leftovers(5 if options.quick else 50)


def compared(options: argparse.Namespace) -> None:
    """The tables with PyTorch."""
    subjects = [Subject(library) for library in LIBRARIES]
    if options.only in (None, "throughput"):
        throughput(subjects, 1 if options.quick else 5, 20 if options.quick else None)
    if options.only in (None, "first"):
        first_batches(subjects, 1 if options.quick else 3)
    for each in subjects:
        each.process.communicate()


if __name__ == "__main__":
    main()
