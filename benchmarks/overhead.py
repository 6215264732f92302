"""What the framework itself costs for each op: `python -m benchmarks.overhead [minigrad | torch]`.

Arrays of four numbers leave nothing to compute, so these are microseconds of bookkeeping: an op
without a graph, with one, and with its backward pass; beside them the same op of NumPy alone. For
the functions behind a figure: `python -m cProfile -s tottime -m benchmarks.overhead`.
"""

import importlib
import sys
import time
from collections.abc import Callable

import numpy as np

OPS: dict[str, Callable] = {
    "x + y": lambda x, y: x + y,
    "x * y": lambda x, y: x * y,
    "x * 2": lambda x, y: x * 2,
    "x.sum()": lambda x, y: x.sum(),
    "x.sum(0)": lambda x, y: x.sum(0),
    "x @ y": lambda x, y: x @ y,
    "x[1:3]": lambda x, y: x[1:3],
    "x[1]": lambda x, y: x[1],
    "x.reshape(2, 2)": lambda x, y: x.reshape(2, 2),
}


def microseconds(call: Callable[[], object]) -> float:
    """The least time of a call, over repeated batches of calls."""
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(1000):
            call()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


def main(framework: str = "minigrad") -> None:
    torch = importlib.import_module(framework)
    array = np.ones(4, np.float32)
    x, y = torch.ones(4), torch.ones(4)
    p, q = torch.ones(4, requires_grad=True), torch.ones(4, requires_grad=True)
    print(f"{framework}, microseconds: NumPy | without graph | with graph | with backward")
    for name, op in OPS.items():
        seed = torch.ones_like(op(x, y))
        times = [
            microseconds(lambda op=op: op(array, array)),
            microseconds(lambda op=op: op(x, y)),
            microseconds(lambda op=op: op(p, q)),
            microseconds(lambda op=op, seed=seed: op(p, q).backward(seed)),
        ]
        print(f"{name:16}" + "".join(f"{value:8.2f}" for value in times))


if __name__ == "__main__":
    main(*sys.argv[1:])
