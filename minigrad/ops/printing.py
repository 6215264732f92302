"""repr of a tensor, in PyTorch's form."""

from __future__ import annotations

from minigrad.tensor import Tensor


def format_tensor(x: Tensor) -> str:
    return f"tensor({x.tolist()})"
