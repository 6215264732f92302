"""A wrapper that measures how often each kernel ran, for how long, and what it read and wrote.

On the host a kernel takes from its call until the device has finished; beside it stands what of
this the device worked by its own clock, if it has one (base.py, Note [Device time]).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from .base import Backend, Work, Wrapper
from .calls import QUERIES, VIEWS, arrays, nbytes, read, written


@dataclass
class Row:
    """What is known about one kernel. Times are in seconds; bytes count the arrays' elements.

    device_total and builds, the programs that were compiled in its calls, stay 0 on the host.
    """

    name: str
    calls: int = 0
    total: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0
    device_total: float = 0.0
    builds: int = 0

    @property
    def mean(self) -> float:
        return self.total / self.calls


class Profile:
    """What profiling wrappers have measured; `timeline=False` keeps sums only, no list of calls."""

    def __init__(self, timeline: bool = True) -> None:
        self.rows: dict[str, Row] = {}
        self.events: list[dict[str, Any]] | None = [] if timeline else None
        self.has_device_times = False
        self.lock = threading.Lock()

    def wrap(self, backend: Backend) -> Profiler:
        """What a Device is given: the backend, measured."""
        return Profiler(backend, self)

    @property
    def builds(self) -> int:
        """How many programs the devices compiled in the calls that were measured."""
        with self.lock:
            return sum(row.builds for row in self.rows.values())

    def add(self, name: str, args: tuple[Any, ...], result: Any, start: int, stop: int,
            work: Work | None) -> None:
        """Counts one call. A view moves no bytes."""
        sources: list[Any] = []
        targets: list[Any] = []
        if name not in VIEWS:
            sources, targets = read(name, args), written(name, args) or list(arrays((result,)))
        thread = threading.get_ident()
        with self.lock:
            row = self.rows.setdefault(name, Row(name))
            row.calls += 1
            row.total += (stop - start) * 1e-9
            row.bytes_read += sum(map(nbytes, sources))
            row.bytes_written += sum(map(nbytes, targets))
            if work is not None:
                self.has_device_times = True
                row.device_total += work.seconds
                row.builds += work.builds
            if self.events is not None:
                shown: dict[str, Any] = {"in": [f"{x.dtype}{list(x.shape)}" for x in arrays(args)]}
                if work is not None:
                    shown |= {"device us": work.seconds * 1e6, "builds": work.builds}
                event = {"name": name, "ph": "X", "pid": 0, "tid": thread, "args": shown}
                self.events.append({**event, "ts": start / 1000, "dur": (stop - start) / 1000})

    def key_averages(self) -> list[Row]:
        """One row for each kernel, the one that took longest first."""
        with self.lock:
            return sorted(self.rows.values(), key=lambda row: -row.total)

    def table(self, row_limit: int = 100) -> str:
        """The rows as text; device ms and builds where a device reports them."""
        rows = self.key_averages()
        host = sum(row.total for row in rows)
        heads = ["calls", "total ms", "%", "mean us", "read MB", "written MB"]
        heads += ["device ms", "builds"] if self.has_device_times else []

        def line(name: str, *cells: str) -> str:
            return f"{name:<20}" + "".join(f"{cell:>12}" for cell in cells[: len(heads)])

        def line_of(row: Row) -> str:
            return line(
                row.name, str(row.calls), f"{row.total * 1e3:.3f}",
                f"{100 * row.total / host if host else 0.0:.1f}", f"{row.mean * 1e6:.2f}",
                f"{row.bytes_read / 1e6:.3f}", f"{row.bytes_written / 1e6:.3f}",
                f"{row.device_total * 1e3:.3f}", str(row.builds),
            )  # fmt: skip

        calls, device = sum(row.calls for row in rows), sum(row.device_total for row in rows)
        last = line("all", str(calls), f"{host * 1e3:.3f}", *[""] * 4, f"{device * 1e3:.3f}",
                    str(sum(row.builds for row in rows)))
        return "\n".join([line("kernel", *heads), *map(line_of, rows[:row_limit]), last.rstrip()])

    def export_chrome_trace(self, path: str | Path) -> None:
        """Writes a JSON file of all calls in time, for chrome://tracing or ui.perfetto.dev."""
        if self.events is None:
            raise RuntimeError("export_chrome_trace: this profile keeps sums only")
        with self.lock:
            Path(path).write_text(json.dumps({"traceEvents": self.events}))

    __str__ = table


class Profiler(Wrapper):
    """Adds every call to a Profile."""

    def __init__(self, inner: Backend, profile: Profile) -> None:
        self.profile = profile
        super().__init__(inner)

    def wrap_kernel(self, name: str, kernel: Callable) -> Callable:
        if name in QUERIES:
            return kernel
        add, synchronize, timed = self.profile.add, self.inner.synchronize, self.inner.timed

        def measured(*args: Any) -> Any:
            start, work = perf_counter_ns(), None
            if timed is not None:
                result, work = timed(kernel, *args)
            else:
                result = kernel(*args)
                synchronize()  # a device works on after the call has returned
            add(name, args, result, start, perf_counter_ns(), work)
            return result

        return measured
