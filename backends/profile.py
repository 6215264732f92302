"""A wrapper that measures how often each kernel ran, for how long, and what it read and wrote."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from .base import Backend, Wrapper
from .calls import QUERIES, VIEWS, arrays, nbytes, read, written


@dataclass
class Row:
    """What is known about one kernel. Times are in seconds; bytes count the arrays' elements."""

    name: str
    calls: int = 0
    total: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0

    @property
    def mean(self) -> float:
        return self.total / self.calls


class Profile:
    """What profiling wrappers have measured; `timeline=False` keeps sums only, no list of calls."""

    def __init__(self, timeline: bool = True) -> None:
        self.rows: dict[str, Row] = {}
        self.events: list[dict[str, Any]] | None = [] if timeline else None
        self.lock = threading.Lock()

    def wrap(self, backend: Backend) -> Profiler:
        """What a Device is given: the backend, measured."""
        return Profiler(backend, self)

    def add(self, name: str, args: tuple[Any, ...], result: Any, start: int, stop: int) -> None:
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
            if self.events is not None:
                inputs = [f"{x.dtype}{list(x.shape)}" for x in arrays(args)]
                event = {"name": name, "ph": "X", "pid": 0, "tid": thread, "args": {"in": inputs}}
                self.events.append({**event, "ts": start / 1000, "dur": (stop - start) / 1000})

    def key_averages(self) -> list[Row]:
        """One row for each kernel, the one that took longest first."""
        with self.lock:
            return sorted(self.rows.values(), key=lambda row: -row.total)

    def table(self, row_limit: int = 100) -> str:
        """The rows as text."""
        rows = self.key_averages()
        everything = sum(row.total for row in rows)
        heads = ("calls", "total ms", "%", "mean us", "read MB", "written MB")
        lines = [f"{'kernel':<20}" + "".join(f"{head:>12}" for head in heads)]
        for row in rows[:row_limit]:
            share = 100 * row.total / everything if everything else 0.0
            lines.append(
                f"{row.name:<20}{row.calls:>12}{row.total * 1e3:>12.3f}{share:>12.1f}"
                f"{row.mean * 1e6:>12.2f}{row.bytes_read / 1e6:>12.3f}"
                f"{row.bytes_written / 1e6:>12.3f}"
            )
        lines.append(f"{'all':<20}{sum(row.calls for row in rows):>12}{everything * 1e3:>12.3f}")
        return "\n".join(lines)

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
        add, synchronize = self.profile.add, self.inner.synchronize

        def measured(*args: Any) -> Any:
            start = perf_counter_ns()
            result = kernel(*args)
            synchronize()  # a device works on after the call has returned
            add(name, args, result, start, perf_counter_ns())
            return result

        return measured
