"""Random programs give the same on the CPU and on an OpenCL device: values, gradients and errors.

A program is a list of steps; each takes tensors made before, and makes another, writes into one, or
takes gradients. Where the result of a step jumps (relu at 0, a maximum that is met twice) random
numbers are added first: otherwise a rounding that differs would decide, rightly, otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import opencl_runtimes as runtimes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
import minigrad.nn.functional as F
from minigrad import Tensor
from minigrad.testing.close import assert_close

every_runtime = pytest.mark.parametrize("name", runtimes.parameters())
one_runtime = pytest.mark.parametrize("name", runtimes.parameters()[:1])
LARGEST = 30.0
TOLERANCE = {minigrad.float64: 1e-10, minigrad.float32: 1e-3}
LEAVES = ((4, 3), (3,), (4, 1), (3, 3))


def moved(x: Tensor) -> Tensor:
    """x, with no two elements alike and none at a kink."""
    return x + minigrad.rand(x.shape, dtype=x.dtype)


def mask(x: Tensor) -> Tensor:
    return minigrad.rand(x.shape) < 0.5


def index(x: Tensor, dim: int, shape: Sequence[int]) -> Tensor:
    """Random positions along a dimension of x."""
    return minigrad.randint(0, max(x.shape[dim], 1), tuple(shape))


def axis(x: Tensor, at: int) -> int:
    """A dimension of x, the one of a number if it has none."""
    return at % max(x.dim(), 1)


def flat(x: Tensor) -> Tensor:
    return x.reshape(-1)


def square(x: Tensor) -> Tensor:
    """A matrix of any tensor."""
    return flat(x)[None] * flat(x)[:, None]


# Of one tensor and a number from 0 to 7.
ALONE: dict[str, Callable[[Tensor, int], Tensor]] = {
    "tanh": lambda x, at: x.tanh(),
    "sigmoid": lambda x, at: x.sigmoid(),
    "sin": lambda x, at: x.sin(),
    "exp": lambda x, at: (x * 0.25).exp(),
    "log1p": lambda x, at: x.square().log1p(),
    "rsqrt": lambda x, at: (x * x + 1).rsqrt(),
    "erf": lambda x, at: x.erf(),
    "gelu": lambda x, at: F.gelu(x),
    "silu": lambda x, at: F.silu(x),
    "softplus": lambda x, at: F.softplus(x),
    "cube": lambda x, at: x**3 / 10,
    "clone": lambda x, at: x.clone(),
    "detached copy": lambda x, at: x.detach().clone(),
    "relu": lambda x, at: moved(x).relu(),
    "abs": lambda x, at: moved(x).abs(),
    "clamp": lambda x, at: moved(x).clamp(-0.5, 0.5 + at),
    "dropout": lambda x, at: F.dropout(x, 0.3),
    "sum": lambda x, at: x.sum(),
    "mean": lambda x, at: x.mean(axis(x, at), keepdim=True),
    "var": lambda x, at: x.var(axis(x, at), correction=0),
    "amax": lambda x, at: moved(x).amax(axis(x, at)),
    "max": lambda x, at: moved(x).max(axis(x, at)).values,
    "sort": lambda x, at: moved(x).sort(axis(x, at), descending=at > 3).values,
    "topk": lambda x, at: moved(x).topk(min(2, x.shape[0]), 0).values,
    "cumsum": lambda x, at: x.cumsum(axis(x, at)),
    "logsumexp": lambda x, at: x.logsumexp(axis(x, at)),
    "softmax": lambda x, at: x.softmax(axis(x, at)),
    "log_softmax": lambda x, at: x.log_softmax(axis(x, at)),
    "layer_norm": lambda x, at: F.layer_norm(x, x.shape[-1:], eps=0.1),
    "cross_entropy": lambda x, at: F.cross_entropy(square(x)[:5], flat(x.argmax() * 0)[[0] * min(
        x.numel(), 5)]),
    "flip": lambda x, at: x.flip(axis(x, at)),
    "roll": lambda x, at: x.roll(at, 0),
    "pad": lambda x, at: F.pad(x, (1, at % 2)),
    "tril": lambda x, at: square(x).tril(at - 3),
    "gather": lambda x, at: x.gather(axis(x, at), index(x, axis(x, at), x.shape)),
    "select rows": lambda x, at: x[index(x, 0, (2, at % 3))],
    "select by mask": lambda x, at: x[mask(x)],
    "windows": lambda x, at: x.unfold(axis(x, at), 2, 1) * 1.0,
    "pool": lambda x, at: F.max_pool2d(moved(square(x))[None, None], 2, padding=1),
    "average": lambda x, at: F.avg_pool2d(square(x)[None, None], 1 + at % 2),
    "attention": lambda x, at: F.scaled_dot_product_attention(*[square(x)[None]] * 3),
}

# Of two tensors that broadcast to the shape of the first, and a number.
TOGETHER: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "add": lambda x, y, at: x + y,
    "sub": lambda x, y, at: y - x,
    "mul": lambda x, y, at: x * y,
    "div": lambda x, y, at: x / (1 + y * y),
    "atan2": lambda x, y, at: minigrad.atan2(x, y * y + 1),
    "maximum": lambda x, y, at: minigrad.maximum(moved(x), y),
    "where": lambda x, y, at: minigrad.where(mask(x), x, y),
    "lerp": lambda x, y, at: minigrad.lerp(x, y, 0.3),
    "cat": lambda x, y, at: minigrad.cat([x, y.expand(x.shape)], axis(x, at)),
    "stack": lambda x, y, at: minigrad.stack([y.expand(x.shape), x], at % (x.dim() + 1)),
    "matmul": lambda x, y, at: square(x)[:3] @ square(y.expand(x.shape))[:, :2],
    "linear": lambda x, y, at: F.linear(x, flat(y)[: x.shape[-1]].expand(2, x.shape[-1])),
    "conv": lambda x, y, at: F.conv2d(
        square(x)[None, None], square(y)[None, None, :3, :3], stride=1 + at % 2, padding=1),
    "index_add": lambda x, y, at: x.index_add(0, index(x, 0, x.shape[:1]), y.expand(x.shape)),
    "scatter_add": lambda x, y, at: x.scatter_add(0, index(x, 0, x.shape), y.expand(x.shape)),
}

VIEWS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "detach": lambda x, at: x.detach(),
    "unsqueeze": lambda x, at: x.unsqueeze(at % (x.dim() + 1)),
    "squeeze": lambda x, at: x.squeeze(),
    "expand": lambda x, at: x.expand(2, *x.shape),
    "transpose": lambda x, at: x.transpose(0, axis(x, at)),
    "select": lambda x, at: x.select(axis(x, at), at % x.shape[axis(x, at)]),
    "narrow": lambda x, at: x[at % 2 :: 1 + at % 3],
    "diagonal": lambda x, at: x.diagonal(at % 3 - 1),
    "flat": lambda x, at: x.view(-1),
}


def put(x: Tensor, y: Tensor, at: int) -> None:
    x[at % x.shape[0]] = y[0] if y.shape == x.shape else 0.5


def put_at(x: Tensor, y: Tensor, at: int) -> None:
    x[minigrad.arange(min(2, x.shape[0])) * 1] = y.expand(x.shape)[: min(2, x.shape[0])] * 0.5


def put_where(x: Tensor, y: Tensor, at: int) -> None:
    x[mask(x)] = 0.5


@minigrad.no_grad()
def put_unseen(x: Tensor, y: Tensor, at: int) -> None:
    x.mul_(0.75)


WRITES: dict[str, Callable[[Tensor, Tensor, int], Any]] = {
    "add_": lambda x, y, at: x.add_(y, alpha=0.5),
    "sub_": lambda x, y, at: x.sub_(y),
    "mul_": lambda x, y, at: x.mul_(y),
    "div_": lambda x, y, at: x.div_(1.5),
    "copy_": lambda x, y, at: x.copy_(y),
    "tanh_": lambda x, y, at: x.tanh_(),
    "zero_": lambda x, y, at: x.zero_(),
    "masked_fill_": lambda x, y, at: x.masked_fill_(mask(x), 0.5),
    "put": put,
    "put at": put_at,
    "put where": put_where,
    "put unseen": put_unseen,
}


class Run:
    """A program on one device, and all that can be seen of it."""

    def __init__(self, device: str, dtype: Any, seed: int) -> None:
        rng = np.random.default_rng(seed)
        with minigrad.device(device):
            minigrad.manual_seed(seed)
            self.leaves = [
                minigrad.tensor(rng.uniform(-1.5, 1.5, shape), dtype=dtype, requires_grad=True)
                for shape in LEAVES]
            # To be written to and looked at from several sides.
            self.tensors = [*self.leaves, *(leaf * 1.0 for leaf in self.leaves)]
        self.errors: list[str | None] = []

    def step(self, kind: str, i: int, j: int, at: int) -> None:
        """Takes a step; a step that is refused leaves its error."""
        x = self.tensors[i % len(self.tensors)]
        try:
            with minigrad.device(x.device):
                made = self.act(kind, x, self.fitting(x, j), at)
            self.errors.append(None)
        except (RuntimeError, IndexError, ZeroDivisionError) as error:
            text = f"{type(error).__name__}: {error}".replace(str(x.device), "DEVICE")
            self.errors.append(re.sub(r"strides \(.*?\)", "", text))  # may be any where a side is 1
            return
        if made is not None and made.numel() < 200 and self.is_tame(made):
            self.tensors.append(made)

    def act(self, kind: str, x: Tensor, y: Tensor, at: int) -> Tensor | None:
        if kind in VIEWS:
            return VIEWS[kind](x, at)
        if kind in TOGETHER:
            return TOGETHER[kind](x, y, at)
        if kind in ALONE:
            return ALONE[kind](x, at)
        if kind in WRITES:
            WRITES[kind](x, y, at)
            return None
        w = minigrad.rand(x.shape, dtype=x.dtype)
        if kind == "backward":
            x.backward(w, retain_graph=True)
            return None
        leaf = self.leaves[at % len(self.leaves)]
        return minigrad.autograd.grad(x, leaf, w, create_graph=True, allow_unused=True)[0]

    def fitting(self, x: Tensor, j: int) -> Tensor:
        """One of those that broadcast to the shape of x; x itself does."""
        found = [y for y in self.tensors if _broadcasts(y.shape, x.shape)]
        return found[j % len(found)]

    def is_flat(self, i: int) -> bool:
        """Whether x.view(-1) is possible. tanh of a transposed matrix may lie as its operand or row
        by row, as the backend likes it."""
        return self.tensors[i % len(self.tensors)].is_contiguous()

    @staticmethod
    def is_tame(x: Tensor) -> bool:
        return bool((x.detach().abs() < LARGEST).all().item())


def _broadcasts(shape: Sequence[int], to: Sequence[int]) -> bool:
    try:
        return np.broadcast_shapes(tuple(shape), tuple(to)) == tuple(to)
    except ValueError:
        return False


KINDS = [*ALONE, *TOGETHER, *VIEWS, *WRITES] + ["backward", "grad"] * 4
numbers = st.integers(0, 23)
steps = st.tuples(st.sampled_from(KINDS), numbers, numbers, st.integers(0, 7))
programs = st.lists(steps, min_size=20, max_size=40)


def agree(name: str, dtype: Any, seed: int, program: Sequence[tuple[str, int, int, int]]) -> None:
    """Runs a program on both, side by side, and compares after every step."""
    expected, found = Run("cpu", dtype, seed), Run(name, dtype, seed)
    tolerance = TOLERANCE[dtype]
    for step in program:
        if step[0] == "flat" and not all(run.is_flat(step[1]) for run in (expected, found)):
            continue
        for run in (expected, found):
            run.step(*step)
        assert found.errors[-1:] == expected.errors[-1:], step
        assert len(found.tensors) == len(expected.tensors), step
        for k, (x, y) in enumerate(zip(found.tensors, expected.tensors, strict=True)):
            assert_close(x, y, tolerance, tolerance, f"{step}: tensor {k}")
        for k, (x, y) in enumerate(zip(found.leaves, expected.leaves, strict=True)):
            assert (x.grad is None) == (y.grad is None), step
            if y.grad is not None:
                scale = tolerance * (1 + float(y.grad.abs().max()))
                assert_close(x.grad, y.grad, tolerance, scale, f"{step}: grad of leaf {k}")


@every_runtime
@pytest.mark.parametrize("dtype", [minigrad.float64, minigrad.float32], ids=str)
def test_random_programs_agree(name: str, dtype: Any) -> None:
    @settings(max_examples=3 * settings().max_examples)
    @given(seed=st.integers(0, 1000), program=programs)
    def check(seed: int, program: Any) -> None:
        agree(name, dtype, seed, program)

    check()


@one_runtime
@pytest.mark.parametrize("kernel", ["tanh", "scatter_add", "slice"])
def test_a_wrong_kernel_is_noticed(
    name: str, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result off by a millionth, or a view that is a copy."""
    backend = minigrad.device(name).backend
    right = getattr(backend, kernel)

    def wrong(*args: Any) -> Any:
        out = right(*args)
        return backend.copy(out) if kernel == "slice" else backend.mul(out, 1 + 1e-6)

    monkeypatch.setattr(backend, kernel, wrong)

    @settings(max_examples=200)
    @given(seed=st.integers(0, 1000), program=programs)
    def check(seed: int, program: Any) -> None:
        agree(name, minigrad.float64, seed, program)

    with pytest.raises(AssertionError):
        check()
