"""What a profile says of a device: its own time, and the programs that it compiled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import opencl_runtimes as runtimes
import pytest

import minigrad
from minigrad.watch import nancheck, profile

every_runtime = pytest.mark.parametrize("name", runtimes.parameters())
one_runtime = pytest.mark.parametrize("name", runtimes.parameters()[:1])

TRAINING = """
import minigrad
from minigrad import nn, optim
from minigrad.watch import profile

device = minigrad.device(NAME)
with device, profile() as p:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(216, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 5))
    optimizer = optim.Adam(model.parameters())
    found = []
    for _ in range(20):
        x, y = minigrad.randn(32, 1, 12, 12), minigrad.randint(0, 5, (32,))
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        found.append((p.builds, device.bare.programs.builds))
print(found)
"""


@every_runtime
def test_a_training_run_builds_its_programs_in_the_first_step(name: str) -> None:
    """In a process of its own, where nothing has been built yet."""
    done = subprocess.run([sys.executable, "-c", TRAINING.replace("NAME", repr(name))],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.replace("(", "[").replace(")", "]"))
    assert len(set(map(tuple, found))) == 1, found
    seen, built = found[0]
    assert 10 < seen <= built <= 30  # what an optimizer keeps is made out of a profile's sight


@one_runtime
def test_nothing_travels_but_the_batch_and_the_loss(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    F, nn = minigrad.nn.functional, minigrad.nn
    backend = minigrad.device(name).bare
    travels: list[tuple[str, int]] = []
    for way in ("from_host", "to_host"):
        kernel = getattr(backend, way)

        def counted(x: Any, way: str = way, kernel: Any = kernel) -> Any:
            out = kernel(x)
            size = int(np.prod(x.shape)) * x.dtype.itemsize
            travels.append((way, size))
            return out

        monkeypatch.setattr(backend, way, counted)
    with minigrad.device(name):
        model = nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Dropout(0.2), nn.Linear(150, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 5))
        optimizer = minigrad.optim.AdamW(model.parameters())
        schedule = minigrad.optim.lr_scheduler.CosineAnnealingLR(optimizer, 9)
        for _ in range(3):
            travels.clear()
            x = minigrad.tensor(np.ones((32, 1, 12, 12), np.float32))
            y = minigrad.tensor(np.ones(32, np.int64))
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            loss.item()
    large = [travel for travel in travels if travel[1] > 16]  # else a number, such as the rate
    assert large == [("from_host", x.numel() * 4), ("from_host", y.numel() * 8)]
    assert [travel for travel in travels if travel[0] == "to_host"] == [("to_host", 4)]


@every_runtime
def test_a_profile_shows_the_time_on_the_device(name: str, tmp_path: Path) -> None:
    x = minigrad.randn(300, 300, device=name)
    with profile(name) as p:
        (x @ x).cpu()
        x.permute(1, 0)
        minigrad.tensor([1.0, 2.0], device=name)
    for kernel in ("matmul", "to_host", "from_host"):
        assert p.rows[kernel].device_total > 0, kernel
    assert p.rows["permute"].device_total == 0
    head, *_, last = p.table().splitlines()
    assert head.split()[-3:] == ["device", "ms", "builds"]
    total = sum(row.device_total for row in p.rows.values())
    assert last.split()[-2:] == [f"{total * 1e3:.3f}", str(p.builds)]
    p.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    (product,) = [event for event in events if event["name"] == "matmul"]
    assert product["args"]["device us"] == p.rows["matmul"].device_total * 1e6
    assert product["args"]["builds"] == p.rows["matmul"].builds


def event(start: int, end: int) -> Any:
    return SimpleNamespace(profile=SimpleNamespace(queued=0, submit=1, start=start, end=end))


@one_runtime
def test_only_what_runs_counts_as_time_on_the_device(name: str) -> None:
    """Two events of 3 and 4 microseconds, with a pause between them, and those of a call within."""
    backend = minigrad.device(name).backend
    notes = backend.programs.notes

    def kernel(x: int) -> int:
        notes.add(event(1000, 4000))
        inner, work = backend.timed(notes.add, event(0, 4000))
        assert (inner, work.seconds) == (None, pytest.approx(4e-6))
        return x + 1

    result, work = backend.timed(kernel, 1)
    assert result == 2
    assert work == (pytest.approx(7e-6), 0)
    assert notes.events is None


@one_runtime
def test_a_kernel_that_fails_leaves_no_clock_running(name: str) -> None:
    x = minigrad.arange(3, device=name)
    with profile(name), pytest.raises(IndexError, match="index 3"):
        x[x + 1]  # found out when the profile waits
    assert minigrad.device(name).backend.programs.notes.events is None


@one_runtime
def test_profiles_that_nest_see_the_same_work(name: str) -> None:
    x = minigrad.randn(200, 200, device=name)
    with profile(name) as inner, nancheck(name), profile(name) as outer:
        x @ x
    assert outer.rows["matmul"].device_total >= inner.rows["matmul"].device_total > 0


@one_runtime
def test_a_build_is_counted_where_it_happens(name: str) -> None:
    x = minigrad.ones(3, dtype=minigrad.int16, device=name)
    programs = minigrad.device(name).backend.programs
    for key in [key for key in programs.programs if key[0] == "copy.cl"]:
        del programs.programs[key]
    programs.launchers.clear()
    minigrad.device(name).backend.plans.clear()
    with profile(name) as p:
        x.contiguous()
        x.clone()
        x.clone()
    assert (p.rows["copy"].builds, p.builds) == (1, 1)
