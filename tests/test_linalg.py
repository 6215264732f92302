"""minigrad.linalg: what defines each function, gradients at the hard places, errors, the host."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import linalg
from minigrad.backends.base import kernel_names
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.testing.gradcheck import gradcheck, gradgradcheck

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 4)


def matrices(seed: int, *shape: int) -> minigrad.Tensor:
    """Random matrices; square ones have inverses."""
    x = np.random.default_rng(seed).uniform(-1, 1, shape)
    return minigrad.tensor(x + shape[-1] * np.eye(*shape[-2:]))


def positive(seed: int, n: int) -> minigrad.Tensor:
    x = matrices(seed, n, n)
    return x @ x.mT


def close(x: Any, y: Any) -> None:
    np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), 1e-9, 1e-9)


# -- what defines each


@given(seeds, sides, sides)
def test_pinv_is_the_one_of_penrose(seed: int, m: int, n: int) -> None:
    x = minigrad.tensor(np.random.default_rng(seed).normal(size=(m, 1)) @ np.ones((1, n)))
    for a in (x, matrices(seed, m, n)):
        p = linalg.pinv(a)
        close(a @ p @ a, a)
        close(p @ a @ p, p)
        close((a @ p).mT, a @ p)
        close((p @ a).mT, p @ a)


@given(seeds, sides, sides, sides)
def test_what_lstsq_leaves_is_normal_to_the_columns(seed: int, m: int, n: int, k: int) -> None:
    a, b = matrices(seed, m, n), matrices(seed + 1, m, k)
    found = linalg.lstsq(a, b, driver="gelsd")
    rest = a @ found.solution - b
    close(a.mT @ rest, minigrad.zeros(n, k, dtype=minigrad.float64))
    assert found.rank == min(m, n)
    close(found.singular_values, linalg.svdvals(a))
    if m > n:
        close(found.residuals, rest.square().sum(0))
    close(linalg.lstsq(a, b[:, 0]).solution, found.solution[:, 0])


@given(seeds, st.lists(sides, min_size=3, max_size=6))
def test_multi_dot_is_the_product(seed: int, sizes: list[int]) -> None:
    xs = [matrices(seed + i, *pair) for i, pair in enumerate(itertools.pairwise(sizes))]
    close(linalg.multi_dot(xs), functools.reduce(minigrad.matmul, xs))


def test_multi_dot_takes_the_cheapest_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The textbook's chain: 15,125 multiplications."""
    from minigrad.ops import matrix

    sizes, count = [30, 35, 15, 5, 10, 20, 25], 0
    product = matrix.matmul

    def counted(x: Any, y: Any) -> Any:
        nonlocal count
        count += x.shape[0] * x.shape[1] * y.shape[1]
        return product(x, y)

    monkeypatch.setattr(matrix, "matmul", counted)
    linalg.multi_dot([minigrad.ones(*pair) for pair in itertools.pairwise(sizes)])
    assert count == 15125


@given(seeds, sides, st.integers(-3, 6))
def test_matrix_power_multiplies(seed: int, n: int, power: int) -> None:
    x = matrices(seed, 2, n, n) / n
    factor = x if power > 0 else linalg.inv(x)
    one = minigrad.eye(n, dtype=x.dtype).expand(2, n, n)
    expected = functools.reduce(minigrad.matmul, [factor] * abs(power), one)
    close(linalg.matrix_power(x, power), expected)


@given(seeds, sides, st.sampled_from([0.01, 1.0, 5.0]))
def test_matrix_exp_is_its_series_and_its_spectrum(seed: int, n: int, size: float) -> None:
    x = minigrad.tensor(np.random.default_rng(seed).uniform(-size, size, (n, n)))
    w, v = linalg.eigh(x + x.mT)
    expected = v * w.exp() @ v.mT
    found = linalg.matrix_exp(x + x.mT)
    np.testing.assert_allclose(
        found.numpy(), expected.numpy(), 1e-9, 1e-12 * float(linalg.norm(expected))
    )
    term = series = minigrad.eye(n, dtype=x.dtype)
    for k in range(1, 80):
        term = term @ x / k
        series = series + term
    np.testing.assert_allclose(
        linalg.matrix_exp(x).numpy(), series.numpy(), 1e-8, 1e-11 * math.exp(n * size)
    )


@given(seeds, sides)
def test_determinants(seed: int, n: int) -> None:
    x, y = matrices(seed, n, n), matrices(seed + 1, n, n)
    close(linalg.det(x @ y), x.det() * y.det())
    sign, logabsdet = linalg.slogdet(-x)
    close(sign * logabsdet.exp(), (-x).det())
    assert bool(x.logdet().isnan()) == (x.det().item() < 0)


@given(seeds, sides)
def test_a_factor_solves(seed: int, n: int) -> None:
    x, y = positive(seed, n), matrices(seed, n, 2)
    for upper in (False, True):
        factor = x.cholesky(upper)
        close(y.cholesky_solve(factor, upper), linalg.solve(x, y))
        close(factor.cholesky_inverse(upper), x.inverse())


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_norms_of_matrices(seed: int, m: int, n: int) -> None:
    x = matrices(seed, 2, m, n)
    s = linalg.svdvals(x)
    close(linalg.matrix_norm(x), s.square().sum(-1).sqrt())
    close(linalg.matrix_norm(x, "nuc"), s.sum(-1))
    for ord in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf):
        close(linalg.matrix_norm(x, ord), linalg.matrix_norm(x.mT, ord, (-1, -2)))
        for i in range(2):
            expected = np.linalg.norm(x[i].numpy(), ord)
            np.testing.assert_allclose(linalg.norm(x[i], ord).item(), expected, 1e-12)


def test_norms_take_half_precision_and_types() -> None:
    x = minigrad.full((4,), 300.0, dtype=minigrad.float16)
    assert linalg.vector_norm(x).item() == 600.0
    assert minigrad.norm(minigrad.tensor([3, 4]), dtype=minigrad.float64).item() == 5.0
    assert linalg.norm(minigrad.tensor([3, 4]), dtype=minigrad.float32).dtype is minigrad.float32


# -- every function treats a batch as its matrices


def _cholesky(x: Any) -> Any:
    return linalg.cholesky(x @ x.mT)


BATCHED = [
    linalg.inv, linalg.det, linalg.slogdet, linalg.svd, linalg.svdvals, linalg.eigh,
    linalg.eigvalsh, linalg.qr, linalg.pinv, linalg.matrix_rank, linalg.matrix_exp, linalg.cond,
    linalg.matrix_norm, _cholesky, lambda x: linalg.matrix_power(x, 3), linalg.diagonal,
    lambda x: linalg.solve(x, x[..., :2]), lambda x: linalg.lstsq(x, x[..., :2]).solution,
    lambda x: linalg.solve_triangular(x, x, upper=True), lambda x: linalg.cond(x, 1),
]  # fmt: skip


@pytest.mark.parametrize("function", BATCHED)
@given(seed=seeds, n=st.integers(1, 3))
def test_a_batch_is_its_matrices(function: Any, seed: int, n: int) -> None:
    x = matrices(seed, 2, 3, n, n)
    if function is not linalg.matrix_exp:
        x = x.float()
    together = function(x)
    for i, j in np.ndindex(2, 3):
        alone = function(x[i, j])
        parts = zip(*(y if isinstance(y, tuple) else (y,) for y in (together, alone)), strict=True)
        for part, expected in parts:
            assert part.dtype is expected.dtype
            np.testing.assert_allclose(part[i, j].numpy(), expected.numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("function", BATCHED)
def test_batches_of_no_matrices(function: Any) -> None:
    out = function(minigrad.ones(0, 2, 2))
    for part in out if isinstance(out, tuple) else (out,):
        assert part.shape[0] == 0


def test_tolerances_may_differ_between_matrices() -> None:
    x = minigrad.diag_embed(minigrad.tensor([[4.0, 2.0, 1.0]] * 3))
    each = minigrad.tensor([0.0, 1.5, 3.0])
    assert linalg.matrix_rank(x, atol=each).tolist() == [3, 2, 1]
    assert linalg.matrix_rank(x, rtol=each / 4).tolist() == [3, 2, 1]
    share = minigrad.tensor([0.3, 0.0, 0.0])
    assert linalg.matrix_rank(x, atol=each, rtol=share).tolist() == [2, 2, 1]
    found = linalg.pinv(x, atol=each).diagonal(0, 1, 2)
    assert found.tolist() == [[0.25, 0.5, 1.0], [0.25, 0.5, 0.0], [0.25, 0.0, 0.0]]
    assert linalg.matrix_rank(1 + 1e-9 * x, atol=each * 0).tolist() == [1, 1, 1]


# -- gradients


COMPOSITES = [
    lambda x: linalg.cond(x, 1), lambda x: linalg.cond(x, math.inf), linalg.cond,
    lambda x: linalg.cond(x, -2), linalg.matrix_exp, lambda x: linalg.matrix_exp(8 * x),
    lambda x: linalg.lstsq(x, x[..., :1].square()).solution, lambda x: linalg.matrix_power(x, -2),
    lambda x: linalg.multi_dot([x, x.mT, x]), lambda x: linalg.matrix_norm(x, "nuc"),
    lambda x: linalg.matrix_norm(x, -2), minigrad.logdet, lambda x: linalg.cross(x, x.exp()),
    lambda x: minigrad.dist(x, x.exp(), 3), lambda x: linalg.vecdot(x, x.exp()),
    lambda x: linalg.pinv(x + x.mT, hermitian=True), lambda x: minigrad.svd(x).V.square(),
]  # fmt: skip


@pytest.mark.parametrize("function", COMPOSITES)
def test_gradients(function: Any) -> None:
    rows = [[0.6, 0.1, -0.2], [0.15, 1.1, 0.3], [-0.1, 0.25, 1.7]]  # no two norms are near
    x = minigrad.tensor(rows, dtype=minigrad.float64, requires_grad=True)
    gradcheck(function, x)
    gradgradcheck(function, x)


SINGULAR = [
    [[1.0, 2, 3], [2, 4, 6], [0, 1, 5]],
    [[1.0, 2, 3], [4, 5, 6], [2, 1, 0]],
    [[0.0, 0, 0], [0, 2, 1], [0, 1, 3]],
]


@pytest.mark.parametrize("rows", SINGULAR, ids=str)
def test_det_of_singular_matrices_has_gradients(rows: list[list[float]]) -> None:
    x = minigrad.tensor(rows, dtype=minigrad.float64, requires_grad=True)
    gradcheck(linalg.det, x)
    gradgradcheck(linalg.det, x)


def test_det_of_a_batch_with_singular_matrices() -> None:
    """Cofactors, whatever stands beside them: equal singular values, rank 1, no rank at all."""
    batch = [*SINGULAR, np.eye(3), np.outer([1, 2, 3], [3, 1, 2]), np.zeros((3, 3))]
    x = minigrad.tensor(np.array(batch), requires_grad=True)
    (g,) = minigrad.autograd.grad(linalg.det(x).sum(), x, create_graph=True)
    for k, a in enumerate(batch):
        for i, j in np.ndindex(3, 3):
            minor = np.delete(np.delete(np.array(a), i, 0), j, 1)
            expected = (-1) ** (i + j) * np.linalg.det(minor)
            np.testing.assert_allclose(g[k, i, j].item(), expected, 1e-9, 1e-9)
    (h,) = minigrad.autograd.grad(g[:4].square().sum(), x)
    assert bool(h[:4].isfinite().all())


def test_values_alone_have_gradients_where_vectors_have_none() -> None:
    """Equal singular values and eigenvalues: their sum is smooth, their vectors are not."""
    x = minigrad.eye(3, dtype=minigrad.float64).requires_grad_()
    (g,) = minigrad.autograd.grad(linalg.eigvalsh(x).sum(), x)
    close(g, x)
    (g,) = minigrad.autograd.grad(linalg.svdvals(x).sum(), x)
    close(g, x)


def test_only_what_is_read_has_a_gradient() -> None:
    x = matrices(0, 3, 3).requires_grad_()
    y = minigrad.ones(3, 1, dtype=x.dtype)
    (g,) = minigrad.autograd.grad(linalg.solve_triangular(x, y, upper=True).sum(), x)
    assert not g.tril(-1).any() and g.diagonal().all()
    found = linalg.solve_triangular(x, y, upper=False, unitriangular=True)
    (g,) = minigrad.autograd.grad(found.sum(), x)
    assert not g.triu().any()


# -- errors


def test_errors_name_the_matrix() -> None:
    x = minigrad.stack([minigrad.eye(2), minigrad.zeros(2, 2)])
    for call in (linalg.inv, linalg.cholesky, lambda x: linalg.solve(x, x)):
        with pytest.raises(linalg.LinAlgError, match=r"^linalg\.\w+: \(Batch element 1\): the "):
            call(x)
    with pytest.raises(linalg.LinAlgError, match=r"Batch element \(0, 1\)"):
        linalg.inv(x[None])
    with pytest.raises(linalg.LinAlgError, match=r"^linalg\.inv: the matrix is singular"):
        linalg.inv(x[1])
    with pytest.raises(linalg.LinAlgError, match=r"linalg\.svd.*did not converge.*NaN"):
        linalg.svd(x * math.nan)
    assert issubclass(linalg.LinAlgError, RuntimeError)


ERRORS = [
    (lambda: linalg.inv(minigrad.ones(2, 3)), "linalg.inv: A must be batches of square matrices"),
    (lambda: linalg.inv(minigrad.ones(2)), "linalg.inv: .* at least 2 dimensions"),
    (lambda: linalg.inv(minigrad.eye(2).half()), "linalg.inv: .*float16.*float()"),
    (lambda: linalg.inv(minigrad.eye(2).long()), "linalg.inv: .*int64.*float()"),
    (lambda: linalg.solve(minigrad.eye(2), minigrad.ones(3, 1)), "2x2 and 3x1"),
    (lambda: linalg.solve(minigrad.ones(2, 2, 2), minigrad.ones(3, 2, 1)), "do not broadcast"),
    (lambda: linalg.cross(minigrad.ones(3), minigrad.ones(2, 3)), "same number of dim"),
    (lambda: linalg.slogdet(minigrad.ones(2, 2).requires_grad_())[1].backward(), "singular"),
    (lambda: linalg.matrix_norm(minigrad.eye(2), 3), "Order 3 not supported"),
    (lambda: minigrad.norm(minigrad.eye(2), "x"), "'fro' or 'nuc', got 'x'"),
]


@pytest.mark.parametrize(("call", "text"), ERRORS, ids=[text for _, text in ERRORS])
def test_errors(call: Any, text: str) -> None:
    with pytest.raises(RuntimeError, match=text):
        call()


def test_not_a_tensor_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"linalg\.inv: expected a Tensor, got list"):
        linalg.inv([[1.0]])


# -- on the host


class Elsewhere(NumpyBackend):
    """A device that has none of LAPACK: the defaults of the base class."""

    name = "without_lapack"


for _name in ("inv", "solve", "cholesky", "qr", "svd", "eigh", "det", "slogdet"):
    assert _name in kernel_names()
    setattr(Elsewhere, _name, getattr(NumpyBackend.__base__, _name))


def test_other_devices_compute_on_the_host_and_say_so() -> None:
    minigrad.register_backend("without_lapack", lambda index: Elsewhere())
    x = matrices(0, 2, 3, 3)
    there = x.to("without_lapack")
    with pytest.warns(UserWarning, match="inv is computed on the host.*'without_lapack'"):
        out = linalg.inv(there)
    assert out.device == there.device
    close(out.cpu(), linalg.inv(x))
    with pytest.warns(UserWarning, match="svd is computed on the host"):
        for part, expected in zip(linalg.svd(there), linalg.svd(x), strict=True):
            close(part.cpu(), expected)
    with pytest.warns(UserWarning), pytest.raises(linalg.LinAlgError, match="Batch element 0"):
        linalg.inv(there * 0)
