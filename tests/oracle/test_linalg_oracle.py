"""minigrad.linalg against torch.linalg: values, first and second gradients, types of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from tests.oracle.both import Program, both, close, outcome

torch = pytest.importorskip("torch")
# PyTorch warns of its older names, and of cross without dim.
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::UserWarning")]

RNG = np.random.default_rng(0)
VECTOR, MATRIX, WIDE, TALL, BATCH = (
    RNG.standard_normal(shape) for shape in ((4,), (4, 4), (2, 4), (5, 3), (2, 3, 4, 4))
)
SINGULAR = np.array([[1.0, 2, 3], [2, 4, 6], [0, 1, 5]])
RANK_ONE = np.outer([1.0, 2, 3], [1.0, -1, 2])
MIXED = np.stack([np.eye(3), SINGULAR, RANK_ONE, np.diag([2.0, 2, 5])])


def positive(x: np.ndarray) -> np.ndarray:
    return x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1])


def symmetric(x: Any) -> Any:
    return x + x.mT


# Each is computed in both libraries, as values, first and second gradients. Signs of vectors agree
# where both call the same LAPACK, and are squared away where they need not.
PROGRAMS: list[tuple[str, Any, list[np.ndarray]]] = [
    ("inv", lambda m, x: m.linalg.inv(x), [MATRIX]),
    ("inv batch", lambda m, x: m.inverse(x), [BATCH]),
    ("solve", lambda m, x, y: m.linalg.solve(x, y), [MATRIX, TALL[:4]]),
    ("solve vector", lambda m, x, y: m.linalg.solve(x, y), [MATRIX, VECTOR]),
    ("solve vectors", lambda m, x, y: m.linalg.solve(x, y), [BATCH, BATCH[..., 0]]),
    ("solve broadcast", lambda m, x, y: m.linalg.solve(x, y), [BATCH, MATRIX]),
    ("solve right", lambda m, x, y: m.linalg.solve(x, y, left=False), [MATRIX, WIDE]),
    ("solve_triangular", lambda m, x, y: m.linalg.solve_triangular(x, y, upper=True),
     [MATRIX, TALL[:4]]),
    ("solve_triangular lower", lambda m, x, y: m.linalg.solve_triangular(x, y, upper=False),
     [BATCH, MATRIX]),
    ("solve_triangular unit", lambda m, x, y: m.linalg.solve_triangular(
        x, y, upper=True, left=False, unitriangular=True), [MATRIX, WIDE]),
    ("cholesky", lambda m, x: m.linalg.cholesky(x), [positive(MATRIX)]),
    ("cholesky batch upper", lambda m, x: m.linalg.cholesky(x, upper=True), [positive(BATCH)]),
    ("cholesky_solve", lambda m, y, x: m.cholesky_solve(y, m.cholesky(x)),
     [TALL[:4], positive(MATRIX)]),
    ("cholesky_solve upper", lambda m, y, x: y.cholesky_solve(x.cholesky(upper=True), upper=True),
     [TALL[:4], positive(MATRIX)]),
    ("cholesky_inverse", lambda m, x: m.cholesky_inverse(m.cholesky(x)), [positive(MATRIX)]),
    ("qr", lambda m, x: m.linalg.qr(x), [TALL]),
    ("qr square", lambda m, x: m.linalg.qr(x), [BATCH]),
    ("qr wide", lambda m, x: m.linalg.qr(x, mode="complete"), [WIDE]),
    ("qr R alone", lambda m, x: m.linalg.qr(x).R, [TALL]),
    ("qr Q alone", lambda m, x: m.qr(x)[0], [WIDE]),
    ("svdvals", lambda m, x: m.linalg.svdvals(x), [BATCH]),
    ("svd", lambda m, x: (lambda u, s, v: (u**2, s, v**2, u @ v))(
        *m.linalg.svd(x, full_matrices=False)), [TALL]),
    ("svd wide", lambda m, x: (lambda u, s, v: (u**2, s, v**2, u @ v))(
        *m.linalg.svd(x, full_matrices=False)), [WIDE]),
    ("svd square", lambda m, x: (lambda u, s, v: (u**2, s, v**2, u @ v))(*m.linalg.svd(x)),
     [BATCH]),
    ("svd full", lambda m, x: (lambda u, s, v: (u[:, :3] ** 2, s, v**2))(*m.linalg.svd(x)),
     [TALL]),
    ("torch.svd", lambda m, x: (lambda u, s, v: (u**2, s, v**2, u @ v.mT))(*m.svd(x)), [WIDE]),
    ("torch.svd values", lambda m, x: x.svd(compute_uv=False).S, [WIDE]),
    ("eigh", lambda m, x: (lambda w, v: (w, v**2, v @ (w.exp()[..., None] * v.mT)))(
        *m.linalg.eigh(symmetric(x))), [BATCH]),
    ("eigh upper", lambda m, x: (lambda w, v: (w, v**2))(*m.linalg.eigh(x, UPLO="U")), [MATRIX]),
    ("eigvalsh", lambda m, x: m.linalg.eigvalsh(x), [MATRIX]),
    ("det", lambda m, x: m.linalg.det(x), [BATCH]),
    ("det 1x1", lambda m, x: x.det(), [MATRIX[:1, :1]]),
    ("det singular", lambda m, x: m.det(x), [SINGULAR]),
    ("slogdet", lambda m, x: m.linalg.slogdet(x).logabsdet, [BATCH]),
    ("slogdet sign", lambda m, x: x.slogdet()[0], [BATCH]),
    ("lu tall", lambda m, x: m.linalg.lu(x), [TALL]),
    ("lu wide", lambda m, x: m.lu_unpack(*m.linalg.lu_factor(x)), [WIDE]),
    ("lu_solve", lambda m, x, y: m.lu_solve(y, *m.lu(x)), [MATRIX, MATRIX[:, :2]]),
    ("infos", lambda m, x: (m.linalg.inv_ex(x).info, m.linalg.solve_ex(x, x).info,
                            m.linalg.lu_factor_ex(x).info, x.lu(get_infos=True)[2]), [MIXED]),
    ("cholesky_ex", lambda m, x: m.linalg.cholesky_ex(x - 4 * m.eye(4)).info, [positive(MATRIX)]),
    ("logdet", lambda m, x: m.logdet(x), [positive(BATCH)]),
    ("pinv", lambda m, x: m.linalg.pinv(x), [TALL]),
    ("pinv wide", lambda m, x: m.pinverse(x), [WIDE]),
    ("pinv batch", lambda m, x: m.linalg.pinv(x, rtol=1e-3), [BATCH]),
    ("pinv hermitian", lambda m, x: m.linalg.pinv(symmetric(x), hermitian=True), [MATRIX]),
    ("matrix_rank", lambda m, x: m.linalg.matrix_rank(x), [MIXED]),
    ("matrix_rank atol", lambda m, x: m.linalg.matrix_rank(x, atol=2.5), [MIXED]),
    ("matrix_rank tol", lambda m, x: m.linalg.matrix_rank(x, 2.5), [MIXED]),
    ("matrix_rank hermitian", lambda m, x: m.linalg.matrix_rank(symmetric(x), hermitian=True),
     [MIXED]),
    *[(f"matrix_power {n}", lambda m, x, n=n: m.linalg.matrix_power(x, n), [BATCH])
      for n in (0, 1, 2, 3, 6, -1, -3)],
    ("matrix_exp", lambda m, x: m.linalg.matrix_exp(x), [MATRIX]),
    ("matrix_exp large", lambda m, x: m.matrix_exp(3 * x), [BATCH]),
    ("multi_dot", lambda m, x, y, z: m.linalg.multi_dot([x, y, z, z.mT]), [WIDE, MATRIX, MATRIX]),
    ("multi_dot vectors", lambda m, x, y: m.linalg.multi_dot([x, y, x]), [VECTOR, MATRIX]),
    ("multi_dot row", lambda m, x, y: m.linalg.multi_dot([x, y]), [VECTOR, MATRIX]),
    ("chain_matmul", lambda m, x, y: m.linalg.multi_dot([x, y, y, x.mT]), [WIDE, MATRIX]),
    *[(f"cond {p}", lambda m, x, p=p: m.linalg.cond(x, p), [BATCH]) for p in (None, 2, -2, "nuc")],
    # PyTorch's gradient of these raises, since it writes into a saved inverse.
    *[(f"cond {p}", lambda m, x, p=p: m.linalg.cond(x.detach(), p), [BATCH])
      for p in (1, -1, float("inf"), -float("inf"), "fro")],
    ("cond singular", lambda m, x: m.linalg.cond(x, 1).detach(), [MIXED]),
    ("cond wide", lambda m, x: m.linalg.cond(x), [WIDE]),
    *[(f"lstsq {driver}", lambda m, x, y, d=driver: tuple(
        part for part in m.linalg.lstsq(x, y, driver=d)), [TALL, WIDE.reshape(-1)[:5, None]])
      for driver in (None, "gels", "gelsd", "gelss")],
    ("lstsq wide", lambda m, x, y: m.linalg.lstsq(x, y).solution, [WIDE, MATRIX[:2]]),
    ("cross", lambda m, x, y: m.linalg.cross(x, y), [TALL, TALL[:1] + 1]),
    ("cross dim", lambda m, x, y: m.cross(x, y), [MIXED[:2], np.ones((2, 3, 3))]),
    ("diagonal", lambda m, x: m.linalg.diagonal(x, offset=1), [BATCH]),
    ("vecdot", lambda m, x, y: m.linalg.vecdot(x, y), [BATCH, VECTOR]),
    ("trace", lambda m, x: x.trace(), [WIDE]),
    ("dist", lambda m, x, y: m.dist(x, y, 3), [MATRIX, VECTOR]),
    ("ger", lambda m, x, y: x.ger(y), [VECTOR, VECTOR[:2]]),
    ("norm nuc", lambda m, x: x.norm("nuc"), [WIDE]),
    ("norm nuc dims", lambda m, x: m.norm(x, "nuc", dim=(0, 2), keepdim=True), [BATCH[0]]),
    ("norm fro dims", lambda m, x: m.norm(x, "fro", dim=(0, 2)), [BATCH[0]]),
    *[(f"matrix_norm {p} {keep}",
       lambda m, x, p=p, k=keep: m.linalg.matrix_norm(x, p, (2, 0), keepdim=k), [BATCH[0]])
      for p in ("fro", "nuc", 2, -2, 1, -1, float("inf"), -float("inf")) for keep in (False, True)],
    *[(f"vector_norm {p}", lambda m, x, p=p: m.linalg.vector_norm(x, p, dim=(0, 2)), [BATCH[0]])
      for p in (0, 1, 2, 3, 0.5, -1, -2.5, float("inf"), -float("inf"))],
    ("vector_norm all", lambda m, x: m.linalg.vector_norm(x, keepdim=True), [BATCH]),
    ("norm", lambda m, x: m.linalg.norm(x), [BATCH]),
    ("norm of matrix", lambda m, x: m.linalg.norm(x, 1), [MATRIX]),
    ("norm of vector", lambda m, x: m.linalg.norm(x, 1), [VECTOR]),
    ("norm dim", lambda m, x: m.linalg.norm(x, dim=-1, keepdim=True), [BATCH]),
    ("norm dims", lambda m, x: m.linalg.norm(x, "nuc", dim=(0, 1)), [BATCH]),
]  # fmt: skip
# The third derivative of det at a singular matrix is not asked for by anybody; the second needs
# distinct singular values in both libraries.


@pytest.mark.parametrize(("name", "program", "arrays"), PROGRAMS, ids=[p[0] for p in PROGRAMS])
def test_values_and_gradients(name: str, program: Program, arrays: list[np.ndarray]) -> None:
    for found, expected in zip(*both(program, arrays, order=2), strict=True):
        close(found, expected, 1e-7, name)


def test_the_gradient_of_det_is_the_cofactors_of_singular_matrices_too() -> None:
    found, expected = both(lambda m, x: m.linalg.det(x), [MIXED], order=1)
    for mine, theirs in zip(found, expected, strict=True):
        close(mine, theirs, 1e-9, "det")


ERRORS = [
    "m.linalg.inv(m.zeros(3, 3))",
    "m.linalg.inv(m.ones(2, 3))",
    "m.linalg.inv(m.ones(3))",
    "m.linalg.inv(m.ones(2, 2).long())",
    "m.linalg.inv(m.ones(2, 2).half())",
    "m.linalg.det(m.ones(2, 3))",
    "m.linalg.solve(m.zeros(2, 2), m.ones(2, 1))",
    "m.linalg.solve(m.eye(2), m.ones(3, 1))",
    "m.linalg.solve(m.eye(2), m.ones(2, 1).double())",
    "m.linalg.solve(m.eye(2), m.ones(2), left=False)",
    "m.linalg.solve_triangular(m.eye(2), m.ones(2), upper=True)",
    "m.linalg.cholesky(-m.eye(2))",
    "m.linalg.cholesky(m.ones(2, 3))",
    "m.linalg.qr(m.ones(2, 3), mode='full')",
    "m.linalg.qr(m.randn(3, 2).requires_grad_(), mode='complete').Q.sum().backward()",
    "m.linalg.svd(m.ones(3))",
    "m.linalg.svd(m.eye(3), driver='gesvd')",
    "m.linalg.eigh(m.eye(3), UPLO='X')",
    "m.linalg.matrix_power(m.ones(2, 3), 2)",
    "m.linalg.matrix_power(m.zeros(2, 2), -1)",
    "m.linalg.multi_dot([m.ones(2, 2)])",
    "m.linalg.multi_dot([m.ones(2, 2), m.ones(2, 2, 2), m.ones(2, 2)])",
    "m.linalg.multi_dot([m.ones(2, 2), m.ones(3, 2)])",
    "m.linalg.lstsq(m.ones(3, 2), m.ones(4, 2))",
    "m.linalg.lstsq(m.ones(3, 2), m.ones(3, 2), driver='x')",
    "m.linalg.cross(m.ones(2), m.ones(2))",
    "m.cross(m.ones(2), m.ones(2))",
    "m.linalg.matrix_norm(m.ones(3))",
    "m.linalg.matrix_norm(m.ones(3, 3), 'x')",
    "m.linalg.matrix_norm(m.ones(3, 3), 3)",
    "m.linalg.matrix_norm(m.ones(3, 3), dim=(0, 0))",
    "m.linalg.norm(m.ones(3, 3, 3), 2)",
    "m.linalg.norm(m.ones(3), 'fro', dim=0)",
    "m.linalg.vector_norm(m.ones(3).long())",
    "m.linalg.vector_norm(m.ones(0), float('inf'))",
    "m.trace(m.ones(2, 2, 2))",
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: str) -> None:
    found, expected = outcome(minigrad, call), outcome(torch, call)
    assert isinstance(expected, Exception), expected
    assert isinstance(found, Exception), found
    if isinstance(expected, torch.linalg.LinAlgError):
        assert isinstance(found, minigrad.linalg.LinAlgError)
    else:
        assert isinstance(found, type(expected)), (found, expected)
