"""Numbers at the edges of their types, which OpenCL and NumPy are to treat alike."""

from __future__ import annotations

import math
import platform

import opencl_runtimes as runtimes
import pytest

import minigrad

everywhere = pytest.mark.parametrize("device", ["cpu", *runtimes.parameters()])


@everywhere
def test_numbers_are_written_in_the_type_of_the_tensor(device: str) -> None:
    ints = minigrad.tensor([1, 2], device=device)
    small = ints.to(minigrad.uint8)
    first = minigrad.tensor([True, False], device=device)
    made = [
        (minigrad.full((2,), 1.5, dtype=minigrad.int64, device=device), [1, 1]),
        (minigrad.full((2,), -1, dtype=minigrad.uint8, device=device), [255, 255]),
        (minigrad.full((2,), math.nan, dtype=minigrad.bool, device=device), [True, True]),
        (minigrad.full_like(ints, -1.5), [-1, -1]),
        (minigrad.where(first, small, -1), [1, 255]),
        (small.clone().fill_(-1), [255, 255]),
    ]
    for x, wanted in made:
        assert x.tolist() == wanted


@everywhere
def test_numbers_beyond_the_type_are_refused(device: str) -> None:
    x = minigrad.tensor([1, 2], dtype=minigrad.uint8, device=device)
    first = minigrad.tensor([True, False], device=device)
    for write in (
        lambda: minigrad.full((2,), 300, dtype=minigrad.uint8, device=device),
        lambda: minigrad.full((2,), 2**40, dtype=minigrad.int32, device=device),
        lambda: minigrad.full((2,), math.nan, dtype=minigrad.int32, device=device),
        lambda: minigrad.full((2,), math.inf, dtype=minigrad.int64, device=device),
        lambda: minigrad.full_like(x, -2.5),
        lambda: minigrad.where(first, x, 300),
        lambda: x.masked_fill(first, -256),
        lambda: x.fill_(300),
        lambda: x.clamp(-1, 300),
    ):
        with pytest.raises(RuntimeError, match=r"cannot be converted to type .* without overflow"):
            write()
    assert x.tolist() == [1, 2]


@everywhere
def test_integers_are_finite_and_have_limits(device: str) -> None:
    for x in (minigrad.arange(4, device=device), minigrad.tensor([True, False], device=device)):
        assert not minigrad.isnan(x).any()
        assert not minigrad.isinf(x).any()
        assert minigrad.isfinite(x).all()
        assert x.abs().tolist() == x.tolist()
    x = minigrad.arange(4, device=device)
    assert x.clamp(min=minigrad.tensor(1, device=device)).tolist() == [1, 1, 2, 3]
    assert x.clamp(3, 2).tolist() == [2] * 4


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="NumPy as on x86")
@everywhere
def test_floats_wrap_around_in_narrow_integers(device: str) -> None:
    """Which C leaves undefined."""
    x = minigrad.tensor([-2.5, -1.0, 300.0, 255.7, -300.0, 40000.0], device=device)
    for wide in (x, x.double()):
        assert wide.to(minigrad.uint8).tolist() == [254, 255, 44, 255, 212, 64]
        assert wide.to(minigrad.int8).tolist() == [-2, -1, 44, -1, -44, 64]
        assert wide.to(minigrad.int16).tolist() == [-2, -1, 300, 255, -300, -25536]
