"""Random programs of ops, views and in-place writes, next to an engine that is too simple to be
wrong.

The naive engine is forward mode on NumPy arrays. A variable is a pair: its values, and their
derivatives by every element of every leaf, as one more axis at the end. A view is the same view of
both arrays, an in-place write is written into both, so that NumPy's own memory does all that
minigrad's versions, chains of views and rebased nodes have to get right. After each step all values
must agree, and after each backward pass all gradients.

A backward pass may raise where a value that it needs was overwritten. A wrong gradient it may not
return.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

import minigrad
from minigrad.testing.close import assert_close

SHAPES = ((2, 3), (3,), (2, 1), (3, 3), ())
OVERWRITTEN = "modified by an inplace operation"
seeds = st.integers(0, 1000)
positions = st.integers(0, 7)


class Naive:
    """Values, and their derivatives by the elements of the leaves: shape (*values.shape, count)."""

    def __init__(self, values: np.ndarray, slopes: np.ndarray):
        self.values, self.slopes = np.array(values, order="C"), np.array(slopes, order="C")

    @classmethod
    def view_of(cls, values: np.ndarray, slopes: np.ndarray) -> Naive:
        view = cls.__new__(cls)
        view.values, view.slopes = values, slopes
        return view


def chain(x: Naive, values: np.ndarray, derivative: Any) -> Naive:
    return Naive(np.asarray(values), np.asarray(derivative)[..., None] * x.slopes)


UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Naive], Naive]]] = {
    "tanh": (lambda x: x.tanh(), lambda x: chain(x, np.tanh(x.values), 1 - np.tanh(x.values) ** 2)),
    "sin": (lambda x: x.sin(), lambda x: chain(x, np.sin(x.values), np.cos(x.values))),
    "square": (lambda x: x.square() * 0.5, lambda x: chain(x, x.values**2 / 2, x.values)),
    "exp": (
        lambda x: (x * 0.25).exp(),
        lambda x: chain(x, np.exp(x.values / 4), np.exp(x.values / 4) / 4),
    ),
    "negate": (lambda x: -x, lambda x: chain(x, -x.values, -np.ones_like(x.values))),
    "clone": (lambda x: x.clone(), lambda x: Naive(x.values.copy(), x.slopes.copy())),
    "detached copy": (lambda x: x.detach().clone(), lambda x: Naive(x.values.copy(), 0 * x.slopes)),
    "sum": (
        lambda x: x.sum(),
        lambda x: Naive(x.values.sum(), x.slopes.reshape(-1, x.slopes.shape[-1]).sum(0)),
    ),
    "flip": (
        lambda x: x.flip(0) if x.dim() else x.clone(),
        lambda x: Naive(np.flip(x.values, 0), np.flip(x.slopes, 0)) if x.values.ndim
        else Naive(x.values.copy(), x.slopes.copy()),
    ),
}  # fmt: skip

BINARY: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Naive, Naive], Naive]]] = {
    "add": (lambda x, y: x + y, lambda x, y: _sum(x, y, 1)),
    "sub": (lambda x, y: x - y, lambda x, y: _sum(x, y, -1)),
    "mul": (lambda x, y: x * y, lambda x, y: _product(x, y)),
}


def _sum(x: Naive, y: Naive, sign: int) -> Naive:
    return Naive(np.asarray(x.values + sign * y.values), _spread(x, y) + sign * _spread(y, x))


def _product(x: Naive, y: Naive) -> Naive:
    slopes = x.values[..., None] * _spread(y, x) + y.values[..., None] * _spread(x, y)
    return Naive(np.asarray(x.values * y.values), slopes)


def _spread(x: Naive, y: Naive) -> np.ndarray:
    """The slopes of x, broadcast as x is broadcast against y."""
    shape = np.broadcast_shapes(x.values.shape, y.values.shape)
    return np.broadcast_to(x.slopes, (*shape, x.slopes.shape[-1]))


def _view(x: Any, naive: Naive, kind: str, at: int) -> tuple[Any, Naive] | None:
    """A view of both, or None where this kind of view does not apply."""
    values, slopes = naive.values, naive.slopes
    dims = values.ndim
    axis = at % max(dims, 1)
    if kind == "unsqueeze" and dims < 3:
        return x.unsqueeze(axis), Naive.view_of(
            np.expand_dims(values, axis), np.expand_dims(slopes, axis)
        )
    if kind == "flat" and x.is_contiguous() and values.flags.c_contiguous:
        return x.view(-1), Naive.view_of(values.reshape(-1), slopes.reshape(-1, slopes.shape[-1]))
    if kind == "detach":
        return x.detach(), Naive.view_of(values, np.zeros_like(slopes))
    if kind == "expand" and dims < 3:
        return x.expand(2, *values.shape), Naive.view_of(_twice(values), _twice(slopes))
    if dims == 0 or values.shape[axis] == 0:
        return None
    if kind == "transpose":
        return x.transpose(0, axis), Naive.view_of(
            values.swapaxes(0, axis), slopes.swapaxes(0, axis)
        )
    whole = (slice(None),) * axis
    if kind == "select":
        key: Any = (*whole, at % values.shape[axis])
        return x[key], Naive.view_of(values[(*key, ...)], slopes[key])
    if kind == "narrow":
        key = (*whole, slice(at % values.shape[axis], None, 1 + at % 2))
        return x[key], Naive.view_of(values[key], slopes[key])
    if kind == "diagonal" and dims == 2:
        diagonal = slopes[np.arange(min(values.shape)), np.arange(min(values.shape))]
        base = np.diagonal(
            slopes, 0, 0, 1
        )  # the slopes come first here; and NumPy's own diagonal is read-only
        assert base.shape[::-1] == diagonal.shape
        n, strides = min(values.shape), (sum(values.strides),)
        return x.diagonal(), Naive.view_of(
            np.lib.stride_tricks.as_strided(values, (n,), strides),
            np.lib.stride_tricks.as_strided(
                slopes, (n, slopes.shape[-1]), (sum(slopes.strides[:2]), slopes.strides[2])
            ),
        )
    return None


def _twice(array: np.ndarray) -> np.ndarray:
    """The array beside itself; unlike NumPy's broadcast_to, to be written to."""
    return np.lib.stride_tricks.as_strided(array, (2, *array.shape), (0, *array.strides))


VIEWS = ("unsqueeze", "flat", "detach", "expand", "transpose", "select", "narrow", "diagonal")


def too_large(naive: Naive) -> bool:
    """Whether values or slopes have grown so far that rounding would count."""
    return (
        np.abs(naive.values).max(initial=0.0) > 1e3 or np.abs(naive.slopes).max(initial=0.0) > 1e4
    )


def repeats(values: np.ndarray) -> bool:
    """Whether one element in memory is several of these."""
    return any(step == 0 and n > 1 for step, n in zip(values.strides, values.shape, strict=True))


class Programs(RuleBasedStateMachine):
    """Every rule takes one step in minigrad and the same step in the naive engine."""

    ids: Bundle[int] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[minigrad.Tensor] = []
        self.naive: list[Naive] = []
        self.leaves: list[minigrad.Tensor] = []
        self.expected: list[np.ndarray] = []  # what the leaves' .grad has accumulated
        self.writes = 0

    def keep(self, x: minigrad.Tensor, naive: Naive) -> Any:
        assert x.requires_grad or not naive.slopes.any(), (
            "a result that depends on a leaf requires no gradient"
        )
        if too_large(naive):
            return multiple()
        self.tensors.append(x)
        self.naive.append(naive)
        return len(self.tensors) - 1

    @initialize(
        target=ids, shapes=st.lists(st.sampled_from(SHAPES[:4]), min_size=2, max_size=2), seed=seeds
    )
    def start(self, shapes: list[tuple[int, ...]], seed: int) -> Any:
        rng = np.random.default_rng(seed)
        sizes = [int(np.prod(shape)) for shape in shapes]
        ids = []
        for k, shape in enumerate(shapes):
            values, slopes = rng.uniform(-1.5, 1.5, shape), np.zeros((sizes[k], sum(sizes)))
            slopes[np.arange(sizes[k]), sum(sizes[:k]) + np.arange(sizes[k])] = 1
            leaf = minigrad.tensor(values, requires_grad=True)
            ids.append(self.keep(leaf, Naive(values, slopes.reshape(*shape, sum(sizes)))))
            self.leaves.append(leaf)
            self.expected.append(np.zeros(shape))
        return multiple(*ids)

    # -- steps that make tensors

    @rule(target=ids, shape=st.sampled_from(SHAPES), seed=seeds)
    def constant(self, shape: tuple[int, ...], seed: int) -> Any:
        values = np.asarray(np.random.default_rng(seed).uniform(-1.5, 1.5, shape))
        return self.keep(
            minigrad.tensor(values),
            Naive(values, np.zeros((*shape, self.naive[0].slopes.shape[-1]))),
        )

    @rule(target=ids, i=ids, name=st.sampled_from(sorted(UNARY)))
    def unary(self, i: int, name: str) -> Any:
        op, naive = UNARY[name]
        return self.keep(op(self.tensors[i]), naive(self.naive[i]))

    @rule(target=ids, i=ids, j=ids, name=st.sampled_from(sorted(BINARY)))
    def binary(self, i: int, j: int, name: str) -> Any:
        j = self.fitting(i, j)
        op, naive = BINARY[name]
        return self.keep(op(self.tensors[i], self.tensors[j]), naive(self.naive[i], self.naive[j]))

    @rule(target=ids, i=ids, j=ids)
    def matmul(self, i: int, j: int) -> Any:
        x, y = self.naive[i], self.naive[j]
        if not (x.values.ndim == 2 == y.values.ndim and x.values.shape[1] == y.values.shape[0]):
            return multiple()
        slopes = np.einsum("ijk,jl->ilk", x.slopes, y.values) + np.einsum(
            "ij,jlk->ilk", x.values, y.slopes
        )
        return self.keep(self.tensors[i] @ self.tensors[j], Naive(x.values @ y.values, slopes))

    @rule(target=ids, i=ids, kind=st.sampled_from(VIEWS), at=positions)
    def view(self, i: int, kind: str, at: int) -> Any:
        made = _view(self.tensors[i], self.naive[i], kind, at)
        return multiple() if made is None else self.keep(*made)

    # -- steps that write

    @rule(i=ids, j=ids, name=st.sampled_from(["add_", "sub_", "mul_"]))
    def write_op(self, i: int, j: int, name: str) -> None:
        j = self.fitting(i, j, inside=True)
        result = BINARY[name[:-1]][1](self.naive[i], self.naive[j])
        self.write(i, lambda: getattr(self.tensors[i], name)(self.tensors[j]), result, j)

    @rule(i=ids, j=ids)
    def write_copy(self, i: int, j: int) -> None:
        j = self.fitting(i, j, inside=True)
        y = self.naive[j]
        result = Naive(
            np.broadcast_to(y.values, self.naive[i].values.shape), _spread(y, self.naive[i])
        )
        self.write(i, lambda: self.tensors[i].copy_(self.tensors[j]), result, j)

    @rule(i=ids, j=ids, at=positions)
    def write_item(self, i: int, j: int, at: int) -> None:
        """x[at] = y, which is a write through a view that nobody keeps."""
        x = self.naive[i]
        shape = x.values.shape[1:]
        candidates = [k for k, y in enumerate(self.naive) if y.values.shape in (shape, ())]
        if x.values.ndim == 0 or not candidates:
            return
        at %= x.values.shape[0]
        j = candidates[j % len(candidates)]
        y = self.naive[j]

        def assign() -> None:
            self.tensors[i][at] = self.tensors[j]

        item = Naive.view_of(x.values[at, ...], x.slopes[at])
        result = Naive(
            np.broadcast_to(y.values, shape), np.broadcast_to(y.slopes, item.slopes.shape)
        )
        self.write(i, assign, result, j, item)

    @rule(i=ids, name=st.sampled_from(["tanh_", "zero_", "mul_"]))
    def write_alone(self, i: int, name: str) -> None:
        x = self.naive[i]
        result = {
            "tanh_": lambda: UNARY["tanh"][1](x),
            "zero_": lambda: Naive(0 * x.values, 0 * x.slopes),
            "mul_": lambda: chain(x, x.values / 2, np.full(x.values.shape, 0.5)),
        }[name]()
        arguments = (0.5,) if name == "mul_" else ()
        self.write(i, lambda: getattr(self.tensors[i], name)(*arguments), result)

    @rule(i=ids)
    def write_unrecorded(self, i: int) -> None:
        """As an optimizer does: the values change, and the graph knows nothing of it."""
        if repeats(self.naive[i].values):
            return
        with minigrad.no_grad():
            self.tensors[i].mul_(0.75)
        self.naive[i].values[...] *= 0.75
        self.writes += 1

    def write(
        self,
        i: int,
        act: Callable[[], Any],
        result: Naive,
        j: int | None = None,
        part: Naive | None = None,
    ) -> None:
        """Both write, or minigrad refuses: what repeats an element, and leaves that a gradient must
        reach.
        """
        if too_large(result):
            return
        x, naive = self.tensors[i], part or self.naive[i]
        wants = x.requires_grad or (j is not None and self.tensors[j].requires_grad)
        root = x if x.base is None else x.base[0]
        of_leaf = any(root is leaf for leaf in self.leaves)
        if repeats(naive.values) or (of_leaf and wants):
            with pytest.raises(RuntimeError, match=r"single memory location|leaf Variable"):
                act()
            return
        act()
        naive.values[...] = result.values
        naive.slopes[...] = result.slopes
        self.writes += 1

    # -- steps that look at gradients

    @rule(i=ids, seed=seeds)
    def backward(self, i: int, seed: int) -> None:
        x, w = self.tensors[i], self.weights(i, seed)
        if not x.requires_grad:
            assert not self.naive[i].slopes.any()
            return
        try:
            x.backward(minigrad.tensor(w), retain_graph=True)
        except RuntimeError as error:
            assert self.writes and OVERWRITTEN in str(error), error
            return
        for total, g in zip(self.expected, self.gradients(i, w), strict=True):
            total += g

    @rule(i=ids, seed=seeds, create_graph=st.booleans())
    def grad(self, i: int, seed: int, create_graph: bool) -> None:
        x, w = self.tensors[i], self.weights(i, seed)
        if not x.requires_grad:
            return
        try:
            found = minigrad.autograd.grad(
                x,
                self.leaves,
                minigrad.tensor(w),
                retain_graph=True,
                create_graph=create_graph,
                allow_unused=True,
            )
        except RuntimeError as error:
            assert self.writes and OVERWRITTEN in str(error), error
            return
        for g, expected in zip(found, self.gradients(i, w), strict=True):
            assert_close(
                np.zeros(expected.shape) if g is None else g, expected, 1e-9, 1e-9, "grad()"
            )

    @invariant()
    def values_agree(self) -> None:
        for k, (x, naive) in enumerate(zip(self.tensors, self.naive, strict=True)):
            assert_close(x, naive.values, 1e-10, 1e-10, f"tensor {k}")

    @invariant()
    def gradients_agree(self) -> None:
        for k, (leaf, expected) in enumerate(zip(self.leaves, self.expected, strict=True)):
            g = np.zeros(expected.shape) if leaf.grad is None else leaf.grad
            assert_close(g, expected, 1e-9, 1e-9, f"leaf {k}'s grad")

    # -- what the steps ask

    def fitting(self, i: int, j: int, inside: bool = False) -> int:
        """One that broadcasts with i (`inside`: to the shape of i), chosen by the number j; i
        itself always does.
        """
        shape = self.naive[i].values.shape
        found = []
        for k, y in enumerate(self.naive):
            try:
                both = np.broadcast_shapes(shape, y.values.shape)
            except ValueError:
                continue
            if both == shape or not inside:
                found.append(k)
        return found[j % len(found)]

    def weights(self, i: int, seed: int) -> np.ndarray:
        return np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, self.naive[i].values.shape))

    def gradients(self, i: int, w: np.ndarray) -> list[np.ndarray]:
        count = self.naive[i].slopes.shape[-1]
        flat = (w[..., None] * self.naive[i].slopes).reshape(-1, count).sum(0)
        bounds = np.cumsum([total.size for total in self.expected])[:-1]
        parts = np.split(flat, bounds)
        return [part.reshape(total.shape) for part, total in zip(parts, self.expected, strict=True)]


def test_random_programs() -> None:
    examples = max(settings().max_examples * 5, 40)
    run_state_machine_as_test(
        Programs, settings=settings(max_examples=examples, stateful_step_count=25)
    )


def test_the_machine_notices_a_wrong_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tanh's rule off by a thousandth some random program must fail."""
    from minigrad.autograd.primitive import table

    op = table["tanh"]
    (right,) = op.calls
    monkeypatch.setattr(op, "calls", (lambda g, values: right(g, values) * 1.001,))
    with pytest.raises(AssertionError, match="grad"):
        run_state_machine_as_test(
            Programs, settings=settings(max_examples=200, stateful_step_count=25, print_blob=False)
        )


def test_the_machine_notices_writes_that_views_do_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rebasing, a write leaves the old graph in place."""
    from minigrad.autograd import inplace

    monkeypatch.setattr(inplace, "_rebase", lambda x, value: setattr(x, "node", value.node))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Programs, settings=settings(max_examples=300, stateful_step_count=25, print_blob=False)
        )
