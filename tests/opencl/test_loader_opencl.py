"""Worker processes beside an OpenCL device: batches arrive there, and no worker opens it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.backends.opencl import discovery

PROGRAM = """
import sys
import numpy as np
import minigrad
from minigrad.utils.data import DataLoader, Dataset, TensorDataset

class Probe(Dataset):
    def __init__(self):
        self.x = minigrad.arange(100_000.0).reshape(8, -1)  # on the device

    def __len__(self):
        return 8

    def __getitem__(self, index):
        assert self.x.device.type == "cpu" and minigrad.rand(1).device.type == "cpu"
        return self.x[index], np.float32("pyopencl" in sys.modules), minigrad.rand(2)

if __name__ == "__main__":
    data = Probe()
    for method in (None, "spawn", "forkserver"):
        minigrad.manual_seed(0)
        loader = DataLoader(data, 4, num_workers=2, multiprocessing_context=method)
        batches = list(loader)
        assert all(part.device.type == "opencl" for batch in batches for part in batch)
        assert minigrad.equal(minigrad.cat([x for x, _, _ in batches]), data.x)
        assert all(seen.sum().item() == 0 for _, seen, _ in batches)
    try:
        list(DataLoader(data, 4, num_workers=2, multiprocessing_context="fork"))
    except RuntimeError as error:
        print(error)
"""


@pytest.mark.timeout(60)
def test_batches_by_workers_arrive_on_the_device(tmp_path):
    try:
        discovery.devices()
    except RuntimeError as error:
        pytest.skip(str(error))
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, "MINIGRAD_BACKEND": "opencl"},
        capture_output=True, text=True, cwd=Path(__file__).parent, timeout=50,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "uses opencl, which does not survive a fork" in done.stdout
