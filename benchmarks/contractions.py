"""Matrix products and convolutions on OpenCL, beside NumPy and PyTorch.

    python -m benchmarks.contractions

Each library runs in a process of its own, since their threads would get in each other's way. They
take turns, and of all turns the least time counts. Ratios are of times: below 1, OpenCL is faster.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.run import ENVIRONMENT

TURNS, SECONDS = 3, 0.1
PRODUCTS = {  # batches, rows, depth, columns; then T for an operand whose columns are contiguous
    **{f"matmul {n}": (1, n, n, n, "", "") for n in (64, 128, 256, 512, 1024, 2048)},
    "linear, batch 32": (1, 32, 784, 256, "", "T"),
    "linear, batch 512": (1, 512, 784, 256, "", "T"),
    "its gradient by w": (1, 256, 512, 784, "T", ""),
    "its gradient by x": (1, 512, 256, 784, "", ""),
    "GPT, up": (1, 1024, 128, 512, "", "T"),
    "attention, q @ k.T": (64, 64, 32, 64, "", "T"),
    "attention, p @ v": (64, 64, 64, 32, "", ""),
    "matrix by vector": (1, 1024, 1024, 1, "", ""),
}
CONVOLUTIONS = {  # images, channels, outputs, side, window, stride, padding
    "conv 64 to 64, 32 x 32": (32, 64, 64, 32, 3, 1, 1),
    "LeNet, first": (64, 1, 6, 28, 5, 1, 2),
    "LeNet, second": (64, 6, 16, 14, 5, 1, 0),
    "ResNet, 16 to 16": (32, 16, 16, 32, 3, 1, 1),
    "ResNet, 16 to 32, stride 2": (32, 16, 32, 32, 3, 2, 1),
    "ResNet, shortcut": (32, 16, 32, 32, 1, 2, 0),
    "ResNet, 32 to 32": (32, 32, 32, 16, 3, 1, 1),
    "ResNet, 64 to 64": (32, 64, 64, 8, 3, 1, 1),
}
rng = np.random.default_rng(0)


def draw(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def matrix(batches: int, rows: int, columns: int, order: str) -> np.ndarray:
    if order == "T":
        return draw(batches, columns, rows).swapaxes(1, 2)
    return draw(batches, rows, columns)


def numpy_steps() -> dict[str, Callable]:
    steps = {}
    for name, (batches, rows, depth, columns, x_order, y_order) in PRODUCTS.items():
        x, y = matrix(batches, rows, depth, x_order), matrix(batches, depth, columns, y_order)
        steps[name] = lambda x=x, y=y: x @ y
    return steps


def opencl_steps() -> dict[str, Callable]:
    from minigrad.backends.opencl import OpenCLBackend

    backend = OpenCLBackend()

    def upload(x: np.ndarray) -> object:
        if x.flags.c_contiguous:
            return backend.from_host(x)
        return backend.permute(backend.from_host(x.swapaxes(1, 2)), (0, 2, 1))

    steps: dict[str, Callable] = {"wait": backend.synchronize}
    for name, (batches, rows, depth, columns, x_order, y_order) in PRODUCTS.items():
        x = upload(matrix(batches, rows, depth, x_order))
        y = upload(matrix(batches, depth, columns, y_order))
        steps[name] = lambda x=x, y=y: backend.matmul(x, y)
    for name, (x, w, g, stride, padding) in convolutions().items():
        window = ((stride,) * 2, ((padding,) * 2,) * 2, (1, 1), 1)
        a, b, c = map(backend.from_host, (x, w, g))
        steps[name] = lambda a=a, b=b, window=window: backend.conv(a, b, *window)
        steps[f"{name}, by x"] = lambda c=c, b=b, s=x.shape, window=window: (
            backend.conv_input(c, b, s, *window))
        steps[f"{name}, by w"] = lambda c=c, a=a, s=w.shape, window=window: (
            backend.conv_weight(c, a, s, *window))
    return steps


def torch_steps() -> dict[str, Callable]:
    import torch

    steps: dict[str, Callable] = {}
    for name, (x, w, g, stride, padding) in convolutions().items():
        a, b, c = map(torch.from_numpy, (x, w, g))
        window = ((stride,) * 2, (padding,) * 2, (1, 1), False, (0, 0), 1)
        steps[name] = lambda a=a, b=b, window=window: torch.convolution(a, b, None, *window)
        for suffix, wanted in ((", by x", (True, False, False)), (", by w", (False, True, False))):
            steps[name + suffix] = lambda a=a, b=b, c=c, window=window, wanted=wanted: (
                torch.ops.aten.convolution_backward(c, a, b, None, *window, wanted))
    return steps


def convolutions() -> dict[str, tuple]:
    """x, w, g, stride and padding of each."""
    found = {}
    for name, (n, c, o, side, k, stride, padding) in CONVOLUTIONS.items():
        out = (side + 2 * padding - k) // stride + 1
        found[name] = (draw(n, c, side, side), draw(o, c, k, k), draw(n, o, out, out), stride,
                       padding)
    return found


def operations() -> dict[str, float]:
    """Multiplications and additions of each step."""
    counts = {name: 2 * math.prod(sizes[:4]) for name, sizes in PRODUCTS.items()}
    for name, (_, w, g, *_rest) in convolutions().items():
        for suffix in ("", ", by x", ", by w"):
            counts[name + suffix] = 2 * g.size * w[0].size
    return counts


def seconds_of(step: Callable, wait: Callable) -> float:
    """The least time of a call, over readings of about 10 ms each."""
    readings, calls = [], 1
    end = time.perf_counter() + SECONDS
    while len(readings) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            step()
        wait()
        readings.append((time.perf_counter() - start) / calls)
        calls = max(1, int(0.01 / readings[-1]))
    return min(readings)


def measure(library: str) -> None:
    steps = {"numpy": numpy_steps, "opencl": opencl_steps, "torch": torch_steps}[library]()
    wait = steps.pop("wait", lambda: None)
    print(json.dumps({name: seconds_of(step, wait) for name, step in steps.items()}))


def main() -> None:
    best: dict[str, dict[str, float]] = {"opencl": {}, "numpy": {}, "torch": {}}
    for _ in range(TURNS):
        for library, times in best.items():
            command = [sys.executable, "-m", "benchmarks.contractions", library]
            measured = json.loads(subprocess.check_output(command, env=ENVIRONMENT))
            for name, value in measured.items():
                times[name] = min(value, times.get(name, value))
    print("| | OpenCL | GFLOP/s | beside | GFLOP/s | ratio |\n|---|--:|--:|--:|--:|--:|")
    for name, count in operations().items():
        mine, other = best["opencl"][name], best["numpy"].get(name) or best["torch"][name]
        print(f"| {name} | {1e6 * mine:.0f} us | {count / mine / 1e9:.0f} "
              f"| {1e6 * other:.0f} us | {count / other / 1e9:.0f} | {mine / other:.2f} |")


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
