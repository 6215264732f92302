"""Hypothesis strategies: what draws.py draws, so that hypothesis chooses it, replays it, and
shrinks it.

    @given(strategies.tensors(requires_grad=True))
    def test_twice(x):
        assert_close(x + x, 2 * x, rtol=0, atol=0)

This is the one module of minigrad that imports hypothesis (pip install hypothesis).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minigrad.device import resolve
from minigrad.dtype import (
    DType,
    as_numpy,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from minigrad.tensor import Tensor, wrap
from minigrad.testing.draws import Domain, Draw, Shape, lay

FLOATS = (float64, float32, float16)
INTEGERS = (int64, int32, int16, int8, uint8)


class Drawn(Draw):
    """Draws from hypothesis."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], dtype: Any = np.float64):
        self.draw = draw
        self.dtype = np.dtype(dtype)

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))


@st.composite
def draws(draw: Any, dtype: Any = np.float64) -> Draw:
    """A Draw, for what describes its inputs by one: `spec.samples(draw)`."""
    return Drawn(draw, dtype)


@st.composite
def shapes(
    draw: Any, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4
) -> Shape:
    """Shapes, with 0-d and empty ones among them unless the limits exclude these."""
    return Drawn(draw).shape(min_dims, max_dims, min_side, max_side)


@st.composite
def broadcastable_shapes(
    draw: Any, count: int = 2, max_dims: int = 3, min_side: int = 0
) -> tuple[Shape, ...]:
    """`count` shapes that broadcast together."""
    return Drawn(draw).broadcastable(count, max_dims, min_side)


@st.composite
def matmul_shapes(draw: Any, max_batch: int = 2) -> tuple[Shape, Shape]:
    """(..., n, k) and (..., k, m), whose leading axes broadcast."""
    return Drawn(draw).matmul_shapes(max_batch)


@st.composite
def axes(draw: Any, dims: int) -> Shape:
    """A sorted tuple of some, none or all axes."""
    return Drawn(draw).axes(dims)


def keepdims() -> st.SearchStrategy[bool]:
    """Whether a reduction keeps the axes it reduces."""
    return st.booleans()


def dtypes(kinds: str = "fib") -> st.SearchStrategy[DType]:
    """minigrad's types of these kinds: f(loat), i(nteger), b(ool)."""
    found = {"f": FLOATS, "i": INTEGERS, "b": (bool_,)}
    return st.sampled_from([dtype for kind in kinds for dtype in found[kind]])


@st.composite
def arrays(
    draw: Any,
    shape: Sequence[int] | st.SearchStrategy[Shape] | None = None,
    dtype: Any = np.float64,
    domain: Domain = (-2.0, 2.0),
) -> np.ndarray:
    """NumPy arrays in random memory layouts: permuted, strided, reversed, expanded, inside a larger
    one.
    """
    from minigrad.backends.numpy_backend import NumpyBackend

    return np.asarray(_array(draw, NumpyBackend(), shape, dtype, domain))


@st.composite
def tensors(
    draw: Any,
    shape: Sequence[int] | st.SearchStrategy[Shape] | None = None,
    dtype: Any = float64,
    domain: Domain = (-2.0, 2.0),
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Tensors in random memory layouts, on the default device unless another is named."""
    place = resolve(device)
    x = wrap(_array(draw, place.backend, shape, dtype, domain), place)
    return x.requires_grad_() if requires_grad else x


def _array(draw: Any, backend: Any, shape: Any, dtype: Any, domain: Domain) -> Any:
    source = Drawn(draw, as_numpy(dtype))
    if shape is None:
        shape = source.shape()
    elif isinstance(shape, st.SearchStrategy):
        shape = draw(shape)
    values = source.values(shape, domain)
    return lay(backend, values, source.layout(), source.integer(0, 7))
