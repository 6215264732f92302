"""vmap, and derivatives of functions: vmap(f)(x)[i] is f(x[i]), for every kernel and every op."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import func, nn
from minigrad.autograd import batch
from minigrad.backends.base import kernel_names
from minigrad.backends.batch import BatchBackend, Batched
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.func import tree
from minigrad.nn import functional as F
from minigrad.testing import checks, conformance, specs
from minigrad.testing.gradcheck import gradcheck, gradgradcheck
from minigrad.testing.strategies import Drawn

CPU = minigrad.device("cpu")


# -- the backend: every kernel, on arrays that are the same for all examples, and that are not


class Same(BatchBackend):
    """Arrays from the host are held once. Those of two examples must be equal."""

    def to_host(self, x: Batched) -> np.ndarray:
        if not x.varies:
            return x.inner
        first, second = x.inner[0, ...], x.inner[1, ...]  # maybe added up in another order
        conformance.within_eps(second, first, x.dtype, 64, "the second example")
        return first


class Each(Same):
    """Arrays from the host are held once for each of two examples."""

    def from_host(self, array: np.ndarray) -> Batched:
        return self.each(np.stack([array, array]))

    def empty(self, shape: Any, dtype: Any) -> Batched:
        return self.each(np.zeros((2, *shape), dtype))

    def full(self, shape: Any, value: Any, dtype: Any) -> Batched:
        return self.each(np.full((2, *shape), value, dtype))


# Draws numbers: above the kernels, vmap draws them for all examples. Or changes lists in place.
NOT_HERE = {"random_bits", "uniform", "normal", "randint", "sgd_", "adam_", "backend"}
DEPENDS_ON_VALUES = {"nonzero", "unique"}
# What asserts that a kernel returns its operand, or shares its memory in the host's own way.
KERNELS = sorted({case.kernel for case in conformance.cases()} - NOT_HERE)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", [Same, Each])
def test_kernels(kernel: str, kind: Any) -> None:
    if kind is Each and kernel in DEPENDS_ON_VALUES:
        return
    report = conformance.check_backend(kind(NumpyBackend(), 2), [kernel])
    failed = [case for case in report.failed if "impossible" not in case[0]]  # it names examples
    assert report.passed > 0 and failed == []


def test_every_kernel_has_a_rule_or_a_default() -> None:
    own = {name for name in kernel_names() if name in vars(BatchBackend)}
    core = {name for name in kernel_names() if hasattr(getattr(BatchBackend, name), "is_core")}
    assert core == {"random_bits"}
    assert {"sum", "exp", "matmul", "conv", "index_put"} <= own


# -- the ops: vmap(f)(x)[i] is f(x[i]), whichever arguments differ between the examples

OPS = [
    spec for name, spec in specs.table.items()
    if name not in {"moved", "replaced", "nonzero", "unique", "batched", "unbatched", "shared"}
]  # fmt: skip
SIZE = 3


def _examples(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Arrays like x: for values others near by, for indices and bools the same in another order."""
    found = [x]
    for _ in range(SIZE - 1):
        if x.dtype.kind == "f":
            found.append(np.asarray(x * rng.uniform(0.99, 1.0, x.shape), x.dtype))
        else:
            found.append(rng.permutation(x.ravel()).reshape(x.shape))
    return np.stack(found)


def _slices_of(spec: specs.OpSpec, draw: Any) -> tuple[Any, Any]:
    """The op's arguments with a first dimension more in some arrays, and in_dims that say which."""
    draw.dtype = spec.dtypes()[0]
    rng = draw.generator()

    def with_examples(x: Any) -> Any:
        if isinstance(x, list):
            return [with_examples(y) for y in x]
        if isinstance(x, np.ndarray) and draw.boolean():
            return minigrad.tensor(_examples(x, rng)), 0
        return (minigrad.tensor(x) if isinstance(x, np.ndarray) else x), None

    pairs = [with_examples(x) for x in (spec.smooth or spec.samples)(draw)]

    def part(pair: Any, k: int) -> Any:
        return [part(p, k) for p in pair] if isinstance(pair, list) else pair[k]

    return [part(pair, 0) for pair in pairs], [part(pair, 1) for pair in pairs]


def _sliced(x: Any, dim: Any, i: int) -> Any:
    if isinstance(x, list) and isinstance(dim, list):
        return [_sliced(y, d, i) for y, d in zip(x, dim, strict=True)]
    return x if dim is None else x[i]


@pytest.mark.parametrize("spec", OPS, ids=str)
@given(data=st.data())
def test_ops(spec: specs.OpSpec, data: Any) -> None:
    args, dims = _slices_of(spec, Drawn(data.draw))
    if all(dim is None for dim in tree.leaves(dims)):
        return

    def op(*xs: Any) -> Any:
        found = spec.op(*xs)
        found = found if isinstance(found, tuple) else (found,)
        return tuple(y for y in found if y is not None and y.array is not None)

    def gradient(*xs: Any) -> Any:
        """The gradients of the sum of the outputs by the float arguments."""
        chosen = tuple(
            i for i in checks._differentiable(spec, [_host(x) for x in xs])
            if isinstance(xs[i], minigrad.Tensor)
        )  # fmt: skip

        def total(*ys: Any) -> Any:
            outs = [y for y in op(*ys) if y.dtype.is_floating_point]
            return sum((y.sum() for y in outs), minigrad.zeros((), dtype=minigrad.float64))

        return func.grad(total, chosen)(*xs) if chosen else ()

    for function in (op, gradient):
        together = func.vmap(function, in_dims=tuple(_as_tuple(d) for d in dims))(*args)
        for i in range(SIZE):
            alone = function(*[_sliced(x, d, i) for x, d in zip(args, dims, strict=True)])
            for found, expected in zip(together, alone, strict=True):
                np.testing.assert_allclose(
                    found[i].detach().numpy(), expected.detach().numpy(), 1e-9, 1e-9
                )


def _host(x: Any) -> Any:
    return np.zeros(1) if isinstance(x, minigrad.Tensor) and x.dtype.is_floating_point else 0


def _as_tuple(dim: Any) -> Any:
    return None if isinstance(dim, list) and all(d is None for d in dim) else dim


# -- programs


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(
        found.detach().numpy(), expected.detach().numpy(), 1e-5, 1e-5
    )


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.norm = nn.GroupNorm(1, 3)
        self.head = nn.Linear(3 * 9, 4)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.head(x.flatten(1))


def test_gradients_of_each_sample() -> None:
    net, x, y = Net(), minigrad.randn(4, 1, 6, 6), minigrad.tensor([0, 3, 1, 2])
    params = dict(net.named_parameters())

    def loss(params: Any, x: Any, y: Any) -> Any:
        return F.cross_entropy(func.functional_call(net, params, x[None]), y[None])

    found = func.vmap(func.grad(loss), in_dims=(None, 0, 0))(params, x, y)
    for i in range(4):
        net.zero_grad()
        F.cross_entropy(net(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in net.named_parameters():
            close(found[name][i], p.grad)


def test_an_ensemble_of_recurrent_networks() -> None:
    nets = [nn.GRU(2, 3) for _ in range(4)]
    params, buffers = func.stack_module_state(nets)
    x = minigrad.randn(5, 1, 2)
    found, _ = func.vmap(
        lambda p, b: func.functional_call(nets[0], (p, b), x), randomness="same"
    )(params, buffers)
    for i, net in enumerate(nets):
        close(found[i], net(x)[0])


def test_an_attention_layer() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    x = minigrad.randn(3, 2, 5, 4)
    found = func.vmap(layer)(x)
    for i in range(3):
        close(found[i], layer(x[i]))


def test_a_function_of_the_users() -> None:
    class Cube(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            out = x**3
            ctx.save_for_backward(x, out)
            return out

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, _ = ctx.saved_tensors
            return g * 3 * x**2

    x = minigrad.tensor([1.0, 2.0, 3.0])
    assert func.vmap(func.grad(Cube.apply))(x).tolist() == [3.0, 12.0, 27.0]
    assert func.jacrev(Cube.apply)(x).diagonal().tolist() == [3.0, 12.0, 27.0]


def test_checkpoint() -> None:
    def f(x: Any) -> Any:
        return minigrad.utils.checkpoint.checkpoint(lambda y: y.exp().sin(), x).sum()

    x = minigrad.randn(3, 2)
    close(func.vmap(func.grad(f))(x), x.exp().cos() * x.exp())
    names = [str(place) for place in minigrad.random._generators]
    assert len(set(names)) == len(names), "a generator for a device that is gone"


def test_higher_derivatives() -> None:
    x = minigrad.tensor([0.5, 2.0], dtype=minigrad.float64, requires_grad=True)
    for f in (
        func.vmap(lambda x: x**3),
        func.vmap(func.grad(lambda x: x**3)),
        func.jacrev(lambda x: x**3),
        func.jacfwd(lambda x: x**2 * x.sum()),
        func.vmap(func.hessian(lambda x: x**4)),
        lambda x: func.jvp(lambda x: x**3, (x,), (x,))[1],
    ):
        gradcheck(f, x)
        gradgradcheck(f, x)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3))
def test_dims(in_dim: int, out_dim: int, n: int, m: int) -> None:
    shape = [2, 3, n, m]
    x = minigrad.arange(6 * n * m).reshape(*shape)
    found = func.vmap(lambda x: x + x[0], in_dim, out_dim)(x)
    slices = [y + y[0] for y in x.unbind(in_dim)]
    assert minigrad.equal(found, minigrad.stack(slices, out_dim))
    assert minigrad.equal(found, func.vmap(lambda x: x + x[0], in_dim - 4, out_dim - 4)(x))
    assert minigrad.equal(found, func.vmap(lambda x: x + x[0], in_dim, out_dim, chunk_size=2)(x))


def test_random_numbers() -> None:
    x = minigrad.zeros(3, 2)
    for draw in (minigrad.rand_like, lambda x: minigrad.rand(2) + x, lambda x: F.dropout(x + 1)):
        with pytest.raises(RuntimeError, match="randomness error mode"):
            func.vmap(draw)(x)
        a, b, c = func.vmap(draw, randomness="same")(x)
        assert minigrad.equal(a, b) and minigrad.equal(b, c)
    a, b, c = func.vmap(minigrad.rand_like, randomness="different")(x)
    assert len({*a.tolist(), *b.tolist(), *c.tolist()}) == 6
    minigrad.manual_seed(0)
    first = func.vmap(lambda x: minigrad.randn(4) + x.sum(), randomness="different")(x)
    second = minigrad.randn(4)
    minigrad.manual_seed(0)
    assert minigrad.equal(first, minigrad.randn(3, 4))
    assert minigrad.equal(second, minigrad.randn(4))
    nested = func.vmap(func.vmap(minigrad.rand_like, randomness="same"), randomness="different")(x)
    assert len(set(nested[:, 0].tolist())) == 3 and minigrad.equal(nested[:, 0], nested[:, 1])
    for randomness in ("same", "different"):
        function = func.vmap(lambda x: minigrad.randperm(3) + x.sum(), randomness=randomness)
        if randomness == "same":
            assert function(x).shape == (3, 3)
        else:
            with pytest.raises(NotImplementedError, match="randperm"):
                function(x)


def test_no_examples() -> None:
    assert func.vmap(lambda x: x.sum())(minigrad.ones(0, 3)).shape == (0,)


def test_results_are_memory_of_their_own() -> None:
    out = func.vmap(lambda x: minigrad.ones(2))(minigrad.ones(3))
    out[0] = 7
    assert out.tolist() == [[7.0, 7.0], [1.0, 1.0], [1.0, 1.0]]


def test_writes_inside() -> None:
    """To what differs between the examples, of anything; not to what comes from outside."""
    w = minigrad.ones(2, requires_grad=True)

    def assigned(x: Any) -> Any:
        y = x * 1
        y[0] = w[1] * 3
        y[1:].mul_(x[0])
        return y

    x = minigrad.tensor([[2.0, 5.0], [3.0, 7.0]])
    out = func.vmap(assigned)(x)
    assert out.tolist() == [[3.0, 10.0], [3.0, 21.0]]
    out.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [0.0, 6.0]
    outside = minigrad.zeros(2)
    for write in (lambda x: outside.add_(x), lambda x: outside.copy_(x),
                  lambda x: outside.__setitem__(0, x[0])):  # fmt: skip
        with pytest.raises(RuntimeError, match="vmap: "):
            func.vmap(write)(x)
    assert outside.tolist() == [0.0, 0.0]


def test_each_example_has_an_index_of_its_own() -> None:
    x, at = minigrad.arange(12.0).reshape(3, 4), minigrad.tensor([0, -1, 1])
    assert func.vmap(lambda x, i: x[i])(x, at).tolist() == [0, 7, 9]
    assert func.vmap(lambda i: x[0][i])(at).tolist() == [0, 3, 1]
    nested = func.vmap(lambda x: func.vmap(lambda i: x[i])(at))
    assert nested(x).tolist() == [[0, 3, 1], [4, 7, 5], [8, 11, 9]]
    slopes = func.vmap(func.grad(lambda x, i: x[i] ** 2))(x, at)
    assert slopes.tolist() == [[0, 0, 0, 0], [0, 0, 0, 14], [0, 18, 0, 0]]
    hot = func.vmap(lambda i: F.one_hot(i + 1, 3))(at)
    assert hot.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        func.vmap(lambda x, i: x[i])(x, minigrad.tensor([0, 9, 1]))


def test_tensors_made_inside_can_be_written_to() -> None:
    def cumulated(x: Any, y: Any) -> Any:
        y[0] = x[0]
        y[1:] += x[1:]
        return y

    x = minigrad.arange(6.0).reshape(2, 3)
    makers = [minigrad.zeros_like, lambda x: x.new_zeros(3), lambda x: minigrad.full_like(x, 0)]
    for make in makers:
        found = func.vmap(lambda x, make=make: cumulated(x, make(x)))(x)
        assert found.tolist() == x.tolist()
        square = func.vmap(func.vmap(lambda x, make=make: make(x[None].expand(3)).add_(x) ** 2))(x)
        assert square[1, 2].tolist() == [25, 25, 25]


def test_errors_name_what_cannot_be() -> None:
    x = minigrad.ones(3, 2)
    for call, text in (
        (lambda x: x.nonzero(), "nonzero gives a result whose shape depends on the values"),
        (lambda x: x.unique(), "unique gives"),
        (lambda x: x.sum().item(), "a value is asked for"),
        (lambda x: F.one_hot(x.long()), "one_hot.. needs num_classes"),
        (lambda x: x if x.sum() > 0 else -x, "use where"),
    ):
        with pytest.raises(RuntimeError, match=f"vmap: {text}|vmap: .*{text}"):
            func.vmap(call)(x)
    leaked: list[Any] = []
    func.vmap(lambda x: leaked.append(x) or x)(x)
    with pytest.raises(RuntimeError, match="same device"):
        minigrad.register_backend("pretend", lambda index: NumpyBackend())
        leaked[0] + minigrad.ones(2, device="pretend")


@pytest.mark.cpu
def test_devices_inside() -> None:
    def f(x: Any) -> Any:
        assert x.device.type == "cpu" and x.is_cpu
        y = minigrad.arange(2, device=x.device) + minigrad.zeros(2).to(x.device)
        return x.to("cpu").cpu().double() + y.to(x)

    assert func.vmap(f)(minigrad.ones(3, 2)).dtype is minigrad.float64


def test_a_vmap_leaves_nothing_behind() -> None:
    gc.collect()
    before = len(batch._devices)
    x = minigrad.ones(3, 2, requires_grad=True)
    out = func.vmap(func.grad(lambda x: (x**2).sum()))(x)
    ref = weakref.ref(out.node)
    del out
    assert ref() is None
    gc.collect()
    assert len(batch._devices) == before and batch.active() == []


def test_the_pass_is_recorded_where_somebody_could_ask() -> None:
    w = minigrad.tensor(2.0, requires_grad=True)
    x = minigrad.tensor(3.0)
    assert not func.grad(lambda x: x**2)(x).requires_grad
    assert func.grad(lambda x: w * x**2)(x).requires_grad
    assert func.vjp(lambda x: w * x**2, x)[1](x)[0].requires_grad
    assert func.jacrev(lambda x: w * x**2)(x).requires_grad
    gradient, value = func.grad_and_value(lambda x: w * x**2)(x)
    (gradient + value).backward()
    assert w.grad is not None and w.grad.item() == 2 * 3 + 9
    with minigrad.no_grad():
        assert func.grad(lambda x: x**2)(x).item() == 6.0


def test_is_grads_batched() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    units = minigrad.eye(2)
    (found,) = minigrad.autograd.grad(x**2, x, units, is_grads_batched=True)
    assert found.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    with pytest.raises(RuntimeError, match="same first dimension"):
        minigrad.autograd.grad(x.sum(), x, minigrad.tensor(1.0), is_grads_batched=True)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1000))
def test_the_vectorised_jacobian_is_the_jacobian(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, x = minigrad.tensor(rng.normal(size=(m, n))), minigrad.tensor(rng.normal(size=n))

    def f(w: Any, x: Any) -> Any:
        return (w @ x).tanh(), x.sum(), w

    expected = minigrad.autograd.functional.jacobian(f, (w, x))
    found = minigrad.autograd.functional.jacobian(f, (w, x), vectorize=True)
    for a, b in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-12, 1e-12)
    for a, b in zip(tree.leaves(func.jacfwd(f, (0, 1))(w, x)), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-12, 1e-12)


def test_functional_call_replaces_and_restores() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.b = nn.Linear(2, 2)
            self.b.weight = self.a.weight
            self.register_buffer("scale", minigrad.ones(()))

        def forward(self, x: Any, *, twice: bool = False) -> Any:
            out = self.b(self.a(x)) * self.scale
            return 2 * out if twice else out

    net, x = Tied(), minigrad.ones(2)
    before = dict(net.state_dict())
    zero = minigrad.zeros(2, 2)
    state = {"a.weight": zero, "a.bias": zero[0], "b.bias": zero[0] + 3}
    assert func.functional_call(net, state, x).tolist() == [3.0, 3.0]
    both = [state, {"scale": minigrad.tensor(2.0)}]
    assert func.functional_call(net, both, (x,), {"twice": True}).tolist() == [12.0, 12.0]
    alone = func.functional_call(net, state, x, tie_weights=False)
    assert alone.tolist() == [3.0, 3.0]
    assert all(minigrad.equal(before[key], value) for key, value in net.state_dict().items())
    with pytest.raises(ValueError, match=r"a\.weight appears in several"):
        func.functional_call(net, [state, state], x)
    with pytest.raises(RuntimeError, match=r"Unexpected: \['c'\]; missing: \['b.we"):
        func.functional_call(net, {**state, "c": x}, x, strict=True)
    with pytest.raises(RuntimeError, match="shapes"):
        func.functional_call(net, {"a.weight": minigrad.ones(5, 5)}, x)
    assert net.a.weight is net.b.weight


def test_stack_module_state_checks() -> None:
    a, b = nn.Linear(2, 1), nn.Linear(2, 1)
    params, _ = func.stack_module_state([a, b])
    assert params["weight"].is_leaf and params["weight"].requires_grad
    b.eval()
    with pytest.raises(RuntimeError, match="training/eval"):
        func.stack_module_state([a, b])
    b.train()
    b.weight.requires_grad_(False)
    with pytest.raises(RuntimeError, match="requires_grad"):
        func.stack_module_state([a, b])


def test_a_planted_fault_is_caught() -> None:
    """A rule that forgets to count the axis of the examples."""

    class Wrong(Each):
        def cumsum(self, x: Any, axis: int) -> Any:  # type: ignore[override]
            return self.each(np.cumsum(x.inner, axis))

    report = conformance.check_backend(Wrong(NumpyBackend(), 2), ["cumsum"])
    assert report.failed
