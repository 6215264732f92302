"""minigrad.func against torch.func: the same programs, the same values, the same errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from tests.oracle.both import Program, both, close, outcome

torch = pytest.importorskip("torch")
# PyTorch warns where it has no batching rule and loops.
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
]

RNG = np.random.default_rng(0)
V, M, B, C = (RNG.standard_normal(shape) for shape in ((3,), (3, 3), (4, 3), (2, 4, 3)))
IMAGES, FILTERS = RNG.standard_normal((3, 2, 2, 6, 6)), RNG.standard_normal((3, 2, 3, 3))
WEIGHTS = RNG.standard_normal((3, 3, 2, 3, 3))
LABELS = [1, 0, 2, 1]


def integers(m: Any, *values: Any) -> Any:
    return m.tensor(values)


def mlp(m: Any, w: Any, x: Any) -> Any:
    return (x @ w).tanh().square().sum()


def over_slices(f: Any, in_dims: Any = 0, out_dims: Any = 0) -> Program:
    """vmap of f(m, ...), in which m stays the library."""
    return lambda m, *xs: m.func.vmap(lambda *ys: f(m, *ys), in_dims, out_dims)(*xs)


def written(x: Any, y: Any) -> Any:
    """y, a tensor made inside, after several writes."""
    y[0] = x[0] * 2
    y[1:] += x[1:]
    return y.mul_(x)


def written_at(m: Any, x: Any, i: Any) -> Any:
    y = x.clone()
    y[i] = x.sum()
    return y


# -- each op family under vmap: (f, arrays)
SLICES: dict[str, tuple[Any, list[np.ndarray]]] = {
    "arithmetic": (lambda m, x, y: (x * y + 2) / (1 + y**2) - x, [B, B]),
    "broadcast": (lambda m, x, y: x[:, None] * y[None, :] + 1, [B, B]),
    "broadcast scalar": (lambda m, x, y: x.sum() * y, [B, B]),
    "unary": (lambda m, x: x.exp().log1p() + x.sin() * x.cos() - x.tanh().abs(), [B]),
    "where": (lambda m, x: m.where(x > 0, x, x**2), [B]),
    "clamp": (lambda m, x: x.clamp(-0.5, 0.7), [B]),
    "maximum": (lambda m, x: m.maximum(x, x.flip(0)), [B]),
    "closure": (lambda m, x: x @ m.ones(3, 2).to(x.dtype) + m.arange(2), [B]),
    "new tensors": (lambda m, x: m.zeros_like(x) + x.new_ones(3) * x, [B]),
    "sum": (lambda m, x: x.sum(0) + x.mean() + x.prod(1, keepdim=True), [C]),
    "max": (lambda m, x: x.max(1).values + x.amax() + x.min(dim=1, keepdim=True)[0].sum(), [C]),
    "var": (lambda m, x: x.var(0) + x.std() + x.logsumexp(0), [C]),
    "cumsum": (lambda m, x: x.cumsum(0) + x.cumprod(1), [C]),
    "norm": (lambda m, x: x.norm() + m.linalg.vector_norm(x, dim=1), [C]),
    "reshape": (lambda m, x: x.reshape(2, 6).t().flatten(), [C]),
    "permute": (lambda m, x: x.permute(1, 0).unsqueeze(0).expand(2, 3, 4), [C]),
    "views": (lambda m, x: x[1:, ::2].transpose(0, 1).unfold(1, 2, 1), [C]),
    "diagonal": (lambda m, x: x[:3].diagonal(1) + m.diag(x[:2, 0]).sum(), [C]),
    "cat": (lambda m, x, y: m.cat([x, y[None], m.ones(1, 3).to(x.dtype)], 0), [C, B[:2]]),
    "stack": (lambda m, x: m.stack([x, x.exp()], 1), [B]),
    "split": (lambda m, x: m.cat([p.sum(0, keepdim=True) for p in x.split([1, 3])]), [C]),
    "pad": (lambda m, x: m.nn.functional.pad(x, (1, 2)), [B]),
    "flip, roll": (lambda m, x: x.flip(0) + x.roll(1, 1) + x.tril(), [C]),
    "repeat": (lambda m, x: x.repeat(2, 1).tile(2), [B]),
    "index": (lambda m, x: x[[0, 2]] + x[1:3, integers(m, 0, 1, 1)][:, :1], [C]),
    "index apart": (lambda m, x: x[None, integers(m, 0, 1), :, integers(m, 1, 0)],
                    [RNG.standard_normal((2, 3, 4, 3))]),
    "index each": (lambda m, x, y: x[y.argmax()] * y[x.argmin() - 3], [B, B[::-1].copy()]),
    "index each, apart": (
        lambda m, x: x[x[:, 0].argmax(), :2] + x[:, None, x[0].argmax()].sum(), [C]),
    "write at each": (lambda m, x: written_at(m, x, x.argmax()), [B]),
    "one_hot": (lambda m, x: m.nn.functional.one_hot(x.argmax(), 3) * x, [B]),
    "one_hot of several": (lambda m, x: m.nn.functional.one_hot(x.argmax(0), 4).T * x, [C]),
    "write to zeros_like": (lambda m, x: written(x, m.zeros_like(x)), [B]),
    "write to ones_like": (lambda m, x: written(x, m.ones_like(x)), [B]),
    "write to new_zeros": (lambda m, x: written(x, x.new_zeros(3)), [B]),
    "gather": (lambda m, x: x.gather(0, integers(m, [0, 1, 2], [3, 2, 1])), [C]),
    "scatter": (lambda m, x: m.zeros(5).to(x.dtype).scatter_add(0, integers(m, 0, 4, 0), x), [B]),
    "scatter matrix": (lambda m, x: x.scatter(1, integers(m, [0], [2], [1], [1]), 7.0), [C]),
    "index_select": (lambda m, x: x.index_select(0, integers(m, 2, 0)), [C]),
    "index_add": (lambda m, x: m.zeros(4).to(x.dtype).index_add(0, integers(m, 1, 3, 1), x), [B]),
    "masked_fill": (lambda m, x: x.masked_fill(x > 0, -1.0), [B]),
    "sort": (lambda m, x: x.sort(0).values + x.topk(2, 1)[0].sum(), [C]),
    "matmul": (lambda m, x, y: x @ y, [C, C.swapaxes(1, 2)]),
    "matmul vector": (lambda m, x, y: x @ y, [C, B[:2]]),
    "matmul closure": (lambda m, x: x @ x.t() @ m.ones(4, 2).to(x.dtype), [C]),
    "matmul left": (lambda m, x: m.ones(2, 3).to(x.dtype) @ x, [B]),
    "dot": (lambda m, x, y: m.dot(x, y) * m.outer(x, y), [B, B]),
    "einsum": (lambda m, x, y: m.einsum("ij,j->i", x, y), [C, B[:2]]),
    "linear": (lambda m, x, w: m.nn.functional.linear(x, w), [C, np.stack([M, M + 1])]),
    "bias": (lambda m, x, b: m.nn.functional.linear(x, m.ones(3, 3).to(x.dtype), b), [B, B]),
    "softmax": (lambda m, x: x.softmax(0) + x.log_softmax(1), [C]),
    "layer_norm": (lambda m, x: m.nn.functional.layer_norm(x, (3,)), [C]),
    "gelu": (lambda m, x: m.nn.functional.gelu(x) + m.nn.functional.silu(x), [C]),
    "cross_entropy": (lambda m, x: m.nn.functional.cross_entropy(x, integers(m, *LABELS)), [C]),
    "attention": (lambda m, x: m.nn.functional.scaled_dot_product_attention(
        x, x, x, is_causal=True), [C]),
    "conv": (lambda m, x: m.nn.functional.conv2d(x, m.ones(1, 2, 3, 3).to(x.dtype)), [IMAGES]),
    "conv, filters": (lambda m, x, w: m.nn.functional.conv2d(x, w), [IMAGES, WEIGHTS]),
    "max_pool": (lambda m, x: m.nn.functional.max_pool2d(x, 2), [IMAGES]),
    "avg_pool": (lambda m, x: m.nn.functional.avg_pool2d(x, 3, 2, 1), [IMAGES]),
    "inv": (lambda m, x: m.linalg.inv(x) + m.linalg.det(x), [np.stack([M, M + np.eye(3)])]),
    "solve": (lambda m, x: m.linalg.solve(x, m.ones(3, 1).to(x.dtype)), [np.stack([M, M.T])]),
    "write in place": (lambda m, x: x.clone().mul_(2).add_(1), [B]),
    "assignment": (lambda m, x: _assigned(x), [B]),
}  # fmt: skip


def _assigned(x: Any) -> Any:
    y = x * 1
    y[1:] += y[0]
    y[0] = y[1].exp()
    return y


LOOKED_AT = {"index each", "index each, apart", "write at each", "one_hot", "one_hot of several"}


@pytest.mark.parametrize("name", SLICES)
def test_vmap_of(name: str) -> None:
    """Values, and gradients from outside of the vmap, to second order."""
    f, arrays = SLICES[name]
    for found, expected in zip(*both(over_slices(f), arrays, order=2), strict=True):
        close(found, expected, 1e-9, name)


@pytest.mark.parametrize("name", SLICES)
def test_gradients_inside_of_vmap(name: str) -> None:
    if name in LOOKED_AT:
        pytest.skip("PyTorch asks for the value of an index")
    f, arrays = SLICES[name]

    def program(m: Any, *xs: Any) -> Any:
        gradient = m.func.grad(lambda *ys: f(m, *ys).sin().sum(), tuple(range(len(xs))))
        return m.func.vmap(gradient)(*xs)

    for found, expected in zip(*both(program, arrays, order=1), strict=True):
        close(found, expected, 1e-9, name)


@pytest.mark.parametrize("name", SLICES)
def test_jvp_of(name: str) -> None:
    """minigrad's two backward passes against PyTorch's forward mode. Not their gradients: those of
    PyTorch's tangents of layer_norm, inv and solve are not what differences give.
    """
    f, arrays = SLICES[name]

    def program(m: Any, *xs: Any) -> Any:
        tangents = tuple(x.cos() + i for i, x in enumerate(xs))
        return m.func.jvp(lambda *ys: f(m, *ys), xs, tangents)

    examples = [array[0] for array in arrays]
    for found, expected in zip(*both(program, examples, order=0), strict=True):
        close(found, expected, 1e-9, name)


COMPOSED: dict[str, tuple[Program, list[np.ndarray]]] = {
    "grad": (lambda m, w, x: m.func.grad(lambda w: mlp(m, w, x))(w), [M, V]),
    "grad of two": (lambda m, w, x: m.func.grad(
        lambda w, x: mlp(m, w, x), argnums=(0, 1))(w, x), [M, V]),
    "grad grad": (lambda m, x: m.func.grad(lambda x: m.func.grad(
        lambda x: (x**4).sum())(x).square().sum())(x), [V]),
    "grad_and_value": (lambda m, x: m.func.grad_and_value(lambda x: (x**3).sum())(x), [V]),
    "aux": (lambda m, x: m.func.grad(lambda x: ((x**3).sum(), x * 2), has_aux=True)(x), [V]),
    "tree": (lambda m, w, x: tuple(m.func.grad(
        lambda p: mlp(m, p["w"], p["x"][0]))({"w": w, "x": [x]})["x"]), [M, V]),
    "vjp": (lambda m, w, x: m.func.vjp(lambda w, x: w @ x.exp(), w, x)[1](x), [M, V]),
    "vjp value": (lambda m, w, x: m.func.vjp(lambda w: w @ x, w)[0], [M, V]),
    "jvp": (lambda m, w, x: m.func.jvp(lambda w, x: w @ x.exp(), (w, x), (w * 2, x)), [M, V]),
    "jvp of zeros": (lambda m, x: m.func.jvp(lambda x: (x * 0 + 1, x**2), (x,), (x,))[1], [V]),
    "jacrev": (lambda m, w, x: m.func.jacrev(lambda x: (w @ x).tanh())(x), [M, V]),
    "jacrev of two": (lambda m, w, x: m.func.jacrev(
        lambda w, x: (w @ x).tanh(), argnums=(0, 1))(w, x), [M, V]),
    "jacrev of outputs": (lambda m, x: m.func.jacrev(
        lambda x: (x**2, x.sum(), x[:2].prod()))(x), [V]),
    "jacrev in chunks": (lambda m, w, x: m.func.jacrev(
        lambda x: (w @ x).tanh(), chunk_size=2)(x), [M, V]),
    "jacfwd": (lambda m, w, x: m.func.jacfwd(lambda x: (w @ x).tanh())(x), [M, V]),
    "jacfwd of two": (lambda m, w, x: m.func.jacfwd(
        lambda w, x: (w @ x).tanh(), argnums=(0, 1))(w, x), [M, V]),
    "hessian": (lambda m, w, x: m.func.hessian(lambda x: mlp(m, w, x))(x), [M, V]),
    "hessian of matrix": (lambda m, w, x: m.func.hessian(lambda w: mlp(m, w, x))(w), [M, V]),
    "jacrev jacfwd": (lambda m, w, x: m.func.jacrev(m.func.jacfwd(
        lambda x: (w @ x).tanh()))(x), [M, V]),
    "jacfwd jacrev jacrev": (lambda m, x: m.func.jacfwd(m.func.jacrev(m.func.jacrev(
        lambda x: (x**4).sum() * x)))(x), [V]),
    "vmap vmap": (lambda m, x, y: m.func.vmap(m.func.vmap(m.dot))(x, y), [C, C + 1]),
    "outer product": (lambda m, x, y: m.func.vmap(m.func.vmap(
        lambda x, y: (x * y).sin().sum(), (None, 0)), (0, None))(x, y), [B, B + 1]),
    "in_dims": (lambda m, x, y: m.func.vmap(m.mv, in_dims=(2, None), out_dims=1)(x, y),
                [C, np.ones(4)]),
    "out_dims": (lambda m, x: m.func.vmap(lambda x: (x * 2, x.t()), 0, (2, -1))(x), [C]),
    "nested in_dims": (lambda m, x, y: m.func.vmap(
        lambda p, z: p["a"] * z[0] + z[1], ({"a": 1}, (0, None)))({"a": x}, (y, y[:1])), [B, V]),
    "keyword": (lambda m, x, y: m.func.vmap(lambda x, y: x + y)(x, y=y), [B, V]),
    "chunks": (lambda m, x: m.func.vmap(lambda x: x.softmax(0), chunk_size=3)(x), [B]),
    "vmap grad": (lambda m, w, x: m.func.vmap(m.func.grad(
        lambda w, x: mlp(m, w, x)), (None, 0))(w, x), [M, B]),
    "grad vmap": (lambda m, w, x: m.func.grad(lambda w: m.func.vmap(
        lambda x: mlp(m, w, x))(x).square().sum())(w), [M, B]),
    "vmap grad of a closure": (lambda m, w, x: m.func.vmap(
        lambda x: m.func.grad(lambda v: mlp(m, v, x))(w))(x), [M, B]),
    "vmap hessian": (lambda m, w, x: m.func.vmap(m.func.hessian(
        lambda x: mlp(m, w, x)))(x), [M, B]),
    "vmap jvp": (lambda m, w, x: m.func.vmap(
        lambda x, v: m.func.jvp(lambda x: (w @ x).sin(), (x,), (v,))[1])(x, x + 1), [M, B]),
    "vmap vjp": (lambda m, w, x: m.func.vmap(
        lambda x: m.func.vjp(lambda x: (w @ x).sin(), x)[1](x)[0])(x), [M, B]),
    "vmap of a vjp": (lambda m, w, x: m.func.vmap(
        m.func.vjp(lambda x: (w @ x).sin(), x[0])[1])(x)[0], [M, B]),
    "vmap vmap grad": (lambda m, w, x: m.func.vmap(m.func.vmap(m.func.grad(
        lambda w, x: mlp(m, w, x)), (None, 0)), (None, 0))(w, x), [M, C]),
    "jacrev vmap": (lambda m, w, x: m.func.jacrev(
        lambda w: m.func.vmap(lambda x: (w @ x).tanh())(x))(w), [M, B]),
    "grad vmap grad": (lambda m, w, x: m.func.grad(lambda w: m.func.vmap(m.func.grad(
        lambda w, x: mlp(m, w, x)), (None, 0))(w, x).square().sum())(w), [M, B]),
    "is_grads_batched": (lambda m, w, x: m.autograd.grad(
        (w @ x).tanh(), (w, x), m.eye(3).to(w.dtype), is_grads_batched=True, create_graph=True),
        [M, V]),
    "jacobian": (lambda m, w, x: m.autograd.functional.jacobian(
        lambda w, x: (w @ x, x**2), (w, x), create_graph=True, vectorize=True)[0], [M, V]),
    "functional hessian": (lambda m, w, x: m.autograd.functional.hessian(
        lambda x: mlp(m, w, x), x, create_graph=True, vectorize=True), [M, V]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
def test_transforms(name: str) -> None:
    program, arrays = COMPOSED[name]
    for found, expected in zip(*both(program, arrays, order=2), strict=True):
        close(found, expected, 1e-8, name)


def test_derivatives_by_closures() -> None:
    """w is not an argument of the function that is differentiated, and yet has gradients."""

    def program(m: Any, w: Any, x: Any) -> Any:
        return m.func.jacrev(lambda x: (w @ x).tanh())(x).square().sum()

    for found, expected in zip(*both(program, [M, V], order=1), strict=True):
        close(found, expected, 1e-9, "closure")


def test_an_ensemble() -> None:
    """Per-sample gradients of several models at once, through functional_call."""
    models = [torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
              for _ in range(3)]  # fmt: skip

    def program(m: Any, x: Any) -> Any:
        nn = m.nn
        ours = [nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)) for _ in models]
        for model, source in zip(ours, models, strict=True):
            state = {k: m.tensor(v.numpy()) for k, v in source.state_dict().items()}
            model.load_state_dict(state)
        params, buffers = m.func.stack_module_state(ours)

        def loss(p: Any, b: Any, x: Any) -> Any:
            return m.func.functional_call(ours[0], (p, b), (x,)).square().sum()

        per_sample = m.func.vmap(m.func.grad(loss), (None, None, 0))
        found = m.func.vmap(per_sample, (0, 0, None))(params, buffers, x.float())
        return tuple(found[key] for key in sorted(found))

    for found, expected in zip(*both(program, [B], order=0), strict=True):
        close(found, expected, 1e-5, "ensemble")


ERRORS = [
    "m.func.vmap(lambda x: x.item())(m.ones(3))",
    "m.func.vmap(lambda x: x if x > 0 else -x)(m.ones(3))",
    "m.func.vmap(lambda x: x.nonzero())(m.ones(3, 2))",
    "m.func.vmap(lambda x: x[x > 0])(m.ones(3, 2))",
    "m.func.vmap(lambda x: m.rand(2) + x)(m.ones(3, 2))",
    "m.func.vmap(lambda x: m.nn.functional.dropout(x))(m.ones(3, 2))",
    "m.func.vmap(lambda x: m.ones(2).add_(x))(m.ones(3, 2))",
    "m.func.vmap(lambda x: 3.0)(m.ones(3, 2))",
    "m.func.vmap(lambda x, y: x)(m.ones(3), m.ones(2))",
    "m.func.vmap(lambda x, y: x)(m.ones(3), 2)",
    "m.func.vmap(lambda x: x, in_dims=1)(m.ones(3))",
    "m.func.vmap(lambda x: x, in_dims=None)(m.ones(3))",
    "m.func.vmap(lambda x: x, in_dims='a')(m.ones(3))",
    "m.func.vmap(lambda x: x, in_dims=(0, 0))(m.ones(3))",
    "m.func.vmap(lambda x: x, out_dims=2)(m.ones(3))",
    "m.func.vmap(lambda x: x, out_dims=None)(m.ones(3))",
    "m.func.vmap(lambda x: (x, x), out_dims=(0,))(m.ones(3))",
    "m.func.vmap(lambda x: x, randomness='some')(m.ones(3))",
    "m.func.grad(lambda x: x)(m.ones(3))",
    "m.func.grad(lambda x: 3.0)(m.ones(3))",
    "m.func.grad(lambda x: x.sum(), argnums=1)(m.ones(3))",
    "m.func.grad(lambda x: x.sum())(3.0)",
    "m.func.jacrev(lambda x: 'a')(m.ones(3))",
    "m.func.jvp(lambda x: x, m.ones(3), m.ones(3))",
    "m.func.functional_call(m.nn.Linear(2, 1), {'w': m.ones(1)}, m.ones(2), strict=True)",
    "m.func.functional_call(m.nn.Linear(2, 1), {'weight': m.ones(1, 2)}, m.ones(2), strict=True)",
    "m.func.stack_module_state([])",
    "m.func.stack_module_state([m.nn.Linear(2, 1), m.nn.ReLU()])",
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: str) -> None:
    found, expected = outcome(minigrad, call), outcome(torch, call)
    assert isinstance(expected, Exception), expected
    assert isinstance(found, type(expected)), (found, expected)
