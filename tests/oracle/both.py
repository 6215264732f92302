"""One program in both libraries: its results and gradients, and how to compare them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
Program = Callable[..., Any]  # (library, *tensors) -> a tensor, or several
Results = list[np.ndarray]


def both(program: Program, arrays: list[np.ndarray], order: int) -> tuple[Results, Results]:
    """What the program returns, and its gradients up to `order`, in minigrad and in PyTorch."""
    found = results(minigrad, minigrad.tensor, program, arrays, order)
    return found, results(torch, torch.tensor, program, arrays, order)


def results(
    m: Any, make: Callable[..., Any], program: Program, arrays: list[np.ndarray], order: int
) -> Results:
    """The outputs, then the gradient of their weighted sum by each array, then that of these."""
    leaves = [make(a, requires_grad=True) for a in arrays]
    outs = _tensors(program(m, *leaves))
    found = [out.detach().numpy() for out in outs]
    varying = list(enumerate(outs))
    for _ in range(order):
        gradients: Any = [None] * len(leaves)  # where nothing varies, they are zeros
        varying = [(i, out) for i, out in varying if out is not None and out.requires_grad]
        if varying:
            loss = sum((out * make(_weights(out.shape, i))).sum() for i, out in varying)
            gradients = m.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
        varying = list(enumerate(gradients))
        found += [
            np.zeros(x.shape) if g is None else g.detach().numpy(force=True)
            for x, g in zip(leaves, gradients, strict=True)
        ]
    return found


def _tensors(out: Any) -> list[Any]:
    return list(out) if isinstance(out, tuple | list) else [out]


def _weights(shape: Any, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 1.5, tuple(shape))


def close(found: np.ndarray, expected: np.ndarray, rtol: float, what: str) -> None:
    """Equal in type and shape, and in values relative to the largest."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), what
    finite = np.abs(expected[np.isfinite(expected)])
    np.testing.assert_allclose(
        found, expected, rtol, rtol * max(1.0, finite.max(initial=0.0)), err_msg=what
    )


def outcome(m: Any, call: str) -> Any:
    """What a call returns or raises."""
    try:
        return eval(call, {"m": m})
    except Exception as error:
        return error
