"""One record for each primitive: what it computes, where to try it, and what is true of it.

Reference and inputs come from the kernel's row in kernels.py, since a primitive takes what its
kernel takes. What is said here is what only the derivatives and the callers see:

    linear    inputs in which the op is affine, the others fixed: it is held against its adjoint
    zero      inputs whose gradient is 0 by nature (floor): gradcheck must not ask for more
    flat      inputs whose second derivative is 0 by nature, the others fixed (sum, relu)
    points    gradients at kinks and ties, where no difference can tell
    errors    calls that must raise

An op of your own needs name, op, ref and samples; the rest has defaults: see the text of
minigrad.testing.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minigrad import nn, ops
from minigrad.autograd import batch
from minigrad.autograd.broadcast import reshape
from minigrad.autograd.primitive import Op
from minigrad.autograd.primitive import table as declared
from minigrad.backends import numpy_linalg
from minigrad.backends.numpy_backend import NumpyBackend
from minigrad.device import register_backend
from minigrad.testing import kernels
from minigrad.testing.draws import Draw, Seeded
from minigrad.testing.kernels import Inputs, spread

Positions = tuple[int, ...]


@dataclass(frozen=True)
class Point:
    """Arguments, and the gradient of the sum of the (first) output for each differentiable one."""

    args: tuple[Any, ...]
    gradients: tuple[Any, ...]


@dataclass(frozen=True)
class Failure:
    """A call that must raise `error` with a text that matches `pattern`. Arrays among args become
    tensors.
    """

    call: Callable[..., Any]
    args: tuple[Any, ...]
    error: type[Exception]
    pattern: str


@dataclass(frozen=True, repr=False)
class OpSpec:
    """What there is to know about an op in order to test it.

    name             for messages; a primitive's own name
    op, ref          the op on tensors, and on NumPy arrays (floats come as float64)
    samples          (draw) -> arguments, arrays for tensors
    smooth           the same for gradients, where `samples` has inputs at which they are 0 or
                     undefined
    kinds, half      the types of values: f(loat), i(nteger), b(ool); float16 too
    tolerance        in multiples of eps, for the values
    differentiable   positions of the arguments that have a gradient; by default all float arrays
    linear, zero, flat, points, errors    see the module's text
    numbers          positions of operands that may be a Python number instead
    to_float         integers become the default float type first
    composite        the same op in smaller ones: must agree in values and gradients
    """

    name: str
    op: Callable[..., Any]
    ref: Callable[..., Any]
    samples: Inputs
    smooth: Inputs | None = None
    kinds: str = "f"
    half: bool = False
    tolerance: float = 16.0
    differentiable: Positions | None = None
    linear: Positions = ()
    zero: Positions = ()
    flat: Positions = ()
    points: tuple[Point, ...] = ()
    errors: tuple[Failure, ...] = ()
    numbers: Positions = ()
    to_float: bool = False
    composite: Callable[..., Any] | None = None

    def dtypes(self) -> list[np.dtype]:
        """The types of values to try."""
        return kernels.Kernel(self.name, self.samples, self.kinds, half=self.half).dtypes()

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<OpSpec {self.name}>"


table: dict[str, OpSpec] = {}


@functools.cache
def primitives() -> dict[str, Callable[..., Any]]:
    """The functions that primitive() and elementwise() have made, by the primitive's name, wherever
    they are kept.
    """
    found: dict[str, Callable[..., Any]] = {}
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("minigrad.") and module is not None:
            for value in list(vars(module).values()):
                op = getattr(value, "op", None)
                if isinstance(op, Op):
                    found[op.name] = value
    return found


def missing() -> list[str]:
    """The primitives that no spec tests."""
    return [name for name in declared if name not in table]


def spec(*names: str, **facts: Any) -> None:
    """Registers specs for primitives: each is its kernel's row and these facts."""
    for name in names:
        assert name not in table, f"{name} has two specs"
        assert name in kernels.table, f"testing/kernels.py says nothing of the inputs of {name}"
        row = kernels.table[name]
        op = declared[name]
        given = {
            "kinds": row.kinds,
            "half": row.half,
            "tolerance": row.tolerance,
            "smooth": row.smooth,
            **facts,
        }
        if "differentiable" not in given:
            given["differentiable"] = tuple(op.inputs.index(n) for n in op.differentiable)
        if op.broadcast:
            may_be = [op.inputs.index(n) for n in op.numbers if n != "cond"]
            given["numbers"] = tuple(may_be) if len(op.inputs) > 1 else ()
            given["errors"] = (*given.get("errors", ()), *_elementwise_errors(name, len(op.inputs)))
        given.setdefault("op", primitives()[name])
        table[name] = OpSpec(name, ref=row.ref, samples=row.inputs, composite=op.composite, **given)


def _elementwise_errors(name: str, operands: int) -> tuple[Failure, ...]:
    op, dtype = primitives()[name], kernels.table[name].dtypes()[0]
    x, y = np.ones(2, dtype), np.ones(3, dtype)
    params = kernels.table[name].inputs(Seeded(0))[operands:]
    failures = [Failure(op, ("text", *[x] * (operands - 1), *params), TypeError, rf"{name}.*str")]
    if operands > 1:
        shapes = (x > 0 if name == "where" else x, y, *[x] * (operands - 2), *params)
        pattern = rf"{name}.*(2|3).*must match.*(2|3)"
        failures.append(Failure(op, shapes, RuntimeError, pattern))
    return tuple(failures)


def point(*args: Any, gives: list[Any]) -> Point:
    """Arguments, lists for arrays, and the gradients that they give."""
    arrays = tuple(np.array(x, np.float64) if isinstance(x, list) else x for x in args)
    return Point(arrays, tuple(np.array(g, np.float64) for g in gives))


def fails(call: Callable[..., Any], *args: Any, error: type[Exception], text: str) -> Failure:
    """A failure whose arguments are arrays of ones where a shape is given in a list: [2, 3]."""
    arrays = tuple(np.ones(x) if isinstance(x, list) else x for x in args)
    return Failure(call, arrays, error, text)


inf, nan = math.inf, math.nan

# -- elementwise

spec("add", "sub", linear=(0, 1), flat=(0, 1))
spec("mul", linear=(0, 1))
spec("div", linear=(0,), kinds="fi", to_float=True)
spec("floor_divide", zero=(0, 1))
spec("fmod", "remainder", flat=(0, 1))
spec("neg", linear=(0,), flat=(0,))
spec("abs", flat=(0,), points=(point([0.0, -2.0], gives=[[0, -1]]),))
spec("sign", "floor", "ceil", "trunc", "round", zero=(0,))
spec("square", points=(point([0.0], gives=[[0]]),))
spec("sqrt", kinds="fi", to_float=True, points=(point([0.0, 4.0], gives=[[inf, 0.25]]),))
spec("rsqrt", "reciprocal", "log", "log2", "log10", "log1p", kinds="fi", to_float=True)
spec("exp", "exp2", "expm1", "erf", "sin", "cos", "atan", "sinh", "cosh", kinds="fi", to_float=True)
spec("tan", "tanh", "sigmoid", kinds="fi", to_float=True, tolerance=64)
spec("asin", "acos")
spec("asinh", "erfc", "i0", kinds="fi", to_float=True)
spec("i0e", "erfcx", kinds="fi", to_float=True)
spec("i1e", kinds="fi", to_float=True, points=(point([0.0], gives=[[0.5]]),))
spec("i1", kinds="fi", to_float=True, points=(point([0.0], gives=[[0.5]]),))
spec("acosh", "atanh", "erfinv", "lgamma", "polygamma")
spec("logaddexp", "logaddexp2")
spec("signbit")
stays = point([1.0, 1], [1.0, 2], gives=[[0, 1], [0, 0]])
spec("nextafter", flat=(0, 1), zero=(1,), points=(stays,))
spec("atan2", points=(point([0.0, 0, 2], [0.0, 2, 0], gives=[[0, 0.5, 0], [0, 0, -0.5]]),))
spec("hypot")
smooth_power = point([0.0, 0, 0, 2], [0.0, 1, 2, 0], gives=[[0, 1, 0, 0], [0, 0, 0, math.log(2)]])
steep_power = point([0.0], [-1.0], gives=[[-inf], [-inf]])
of_zero = point(0.0, [-1.0, 0, 2], gives=[[-inf, 0, 0]])
of_negative = point(-0.5, [2.0], gives=[[nan]])
spec("pow", points=(smooth_power, steep_power, of_zero, of_negative))
spec("maximum", flat=(0, 1), points=(point([1.0, 0], [1.0, 2], gives=[[0.5, 0], [0.5, 1]]),))
spec("minimum", flat=(0, 1), points=(point([1.0, 0], [1.0, 2], gives=[[0.5, 1], [0.5, 0]]),))
first_of_ties = point([1.0, 2, nan], [1.0, nan, 2], gives=[[1, 1, 0], [0, 0, 1]])
spec("fmax", "fmin", flat=(0, 1), points=(first_of_ties,))
bounds = (
    point([-1.0, 1, -2, nan], -1.0, 1.0, gives=[[1, 1, 0, 0]]),
    point([-1.0, 1, 2, nan], None, 1.0, gives=[[1, 1, 0, 0]]),
    point([-1.0, 1, -2, nan], -1.0, None, gives=[[1, 1, 0, 0]]),
)
spec("clamp", flat=(0,), points=bounds)
spec("eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite")
spec("logical_and", "logical_or", "logical_xor", "logical_not")
spec("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not")
spec("bitwise_left_shift", "bitwise_right_shift", "gcd")
spec("relu", flat=(0,), points=(point([0.0, -1, 1], gives=[[0, 0, 1]]),))
spec("leaky_relu", flat=(0,), points=(point([0.0], 0.25, gives=[[0.25]]),))
spec("elu", points=(point([0.0], 2.0, gives=[[2]]),))
spec("softplus", points=(point([0.0], 1.0, 0.0, gives=[[0.5]]),))
spec("gelu", "gelu_tanh", "silu")
through = point([2.0, 2, 2], [0.0, -1, 1], gives=[[0, 0, 1]])
spec("relu_grad", linear=(0,), flat=(0,), points=(through,))
spec("gelu_grad", "gelu_tanh_grad", "silu_grad")
unselected = point(np.array([True, False]), [1.0, inf], [inf, 1.0], gives=[[1, 0], [0, 1]])
spec("where", linear=(1, 2), flat=(1, 2), points=(unselected,))

# -- memory, shape


def _write_through_view(root: Any, value: Any) -> Any:
    """root with value written into its even rows, by way of a view: what the primitive "replaced"
    records.
    """
    out = root.clone()
    out[::2].copy_(value)
    return out


def _written(root: np.ndarray, value: np.ndarray) -> np.ndarray:
    out = root.copy()
    out[::2] = value
    return out


def _root_and_value(draw: Draw) -> tuple[Any, ...]:
    root = draw.values(draw.shape(1, 3, 1))
    return root, draw.values(root[::2].shape)


def _splits(draw: Draw) -> tuple[Any, ...]:
    x = draw.values(draw.shape(1))
    axis = draw.axis(x.ndim)
    first = draw.integer(0, x.shape[axis])
    return x, [first, x.shape[axis] - first], axis


def _split(x: np.ndarray, sizes: list[int], axis: int) -> Any:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


def _there_and_back(x: Any) -> Any:
    """x moved to a second device and back, which records "moved" twice."""
    register_backend("second", lambda index: NumpyBackend())
    return x.to("second").to(x.device)


def _through_batch(x: Any) -> Any:
    """x taken apart into examples and put together, in the inner of two levels."""
    outer, inner = batch.Level(x.shape[0]), batch.Level(x.shape[1])
    apart = batch.batched(batch.batched(x, outer), inner)
    return batch.unbatched(batch.unbatched(apart, outer), inner).swapaxes(0, 1)


def _repeated(x: Any) -> Any:
    """x for each of three examples."""
    level = batch.Level(3)
    device = batch.device_of(x.device, [level])
    return batch.unbatched(device.taken_in(x), level)


linear: dict[str, Any] = {"linear": (0,), "flat": (0,)}
to_half = point([1.0, 2], np.dtype(np.float16), gives=[[1, 1]])
spec(
    "cast",
    smooth=lambda draw: (draw.values(draw.shape()), np.dtype(np.float64)),
    points=(to_half,),
    **linear,
)
spec("view", op=reshape, **linear)  # the primitive itself gives None where there is no view
spec(
    "copy",
    "contiguous",
    "permute",
    "expand",
    "slice",
    "unslice",
    "diagonal",
    "undiagonal",
    **linear,
)
spec("unfold", "fold", "pad", "flip", "roll", "tril", "triu", **linear)
join = fails(
    lambda x, y: ops.cat([x, y], 0), [2, 3], [2, 4], error=RuntimeError, text="(?i)size.*3.*4|4.*3"
)
spec("cat", **linear, errors=(join,))
table["replaced"] = OpSpec(
    "replaced", _write_through_view, _written, _root_and_value, linear=(0, 1), flat=(0, 1)
)
table["split"] = OpSpec("split", ops.split, _split, _splits, kinds="fib", **linear)
table["moved"] = OpSpec(
    "moved", _there_and_back, kernels.reference.copy, kernels.table["copy"].inputs, **linear
)

table["batched"] = OpSpec(
    "batched", _through_batch, np.copy, lambda draw: (draw.values(draw.shape(2)),), **linear
)
table["unbatched"] = replace(table["batched"], name="unbatched")
table["shared"] = OpSpec(
    "shared", _repeated, lambda x: np.stack([x, x, x]), kernels.table["copy"].inputs, **linear
)

# -- reductions

spec("sum", **linear)
zeros_among = [[2.0, 0, 3], [0.0, 0, 5]]
spec("prod", points=(point(zeros_among, (1,), False, gives=[[[0, 6, 0], [0, 0, 0]]]),))
tie = point([[1.0, 3, 3]], (1,), False, gives=[[[0, 0.5, 0.5]]])
first_tie = point([[1.0, 3, 3]], 1, False, gives=[[[0, 1, 0]]])
spec("max", flat=(0,), points=(tie,))
spec("min", flat=(0,), points=(point([[3.0, 1, 1]], (1,), False, gives=[[[0, 0.5, 0.5]]]),))
spec("max_with_indices", flat=(0,), points=(first_tie,))
spec("min_with_indices", flat=(0,), points=(point([[3.0, 1, 1]], 1, False, gives=[[[0, 1, 0]]]),))
spec("any", "all", "argmax", "argmin")
spec("cumsum", **linear)
spec("cumprod", points=(point([2.0, 0, 3], 0, gives=[[1, 8, 0]]),))
last_tie = point([1.0, 3, 3, 2], 0, gives=[[1, 1, 2, 0]])
spec("cummax", flat=(0,), points=(last_tie,))
no_freedom = point([[3.0, 1.0]], (1,), 2, False, gives=[[[inf, -inf]]])
spec("var", points=(no_freedom,))
spec("logsumexp")

# -- indexing

beyond = np.array([0, 3])
out_of_range: dict[str, Any] = {"error": IndexError, "text": "3"}
out_of_bounds: dict[str, Any] = {"error": RuntimeError, "text": "index 3 is out of bounds.*3"}
spec("gather", **linear, errors=(fails(ops.gather, [3], 0, beyond, **out_of_bounds),))
spec(
    "scatter",
    linear=(0, 3),
    flat=(0, 3),
    errors=(fails(ops.scatter, [3], 0, beyond, [2], **out_of_bounds),),
)
spec(
    "scatter_add",
    linear=(0, 3),
    flat=(0, 3),
    errors=(fails(ops.scatter_add, [3], 0, beyond, [2], **out_of_bounds),),
)
twice, third = np.array([0, 0, 1, 1]), 1 / 3
shared = point([3.0, 1, 5], 0, twice, [3.0, 3, 7, 6], gives=[[third, 0, 1], [third, third, 1, 0]])
spec(
    "scatter_max",
    flat=(0, 3),
    points=(shared,),
    errors=(fails(ops.scatter_reduce, [3], 0, beyond, [2], "amax", **out_of_bounds),),
)
spec("index_select", **linear, errors=(fails(ops.index_select, [3], 0, beyond, **out_of_range),))
spec(
    "index_add",
    linear=(0, 3),
    flat=(0, 3),
    errors=(fails(ops.index_add, [3], 0, beyond, [2], **out_of_bounds),),
)
spec("index", **linear, errors=(fails(lambda x, i: x[i], [3], beyond, **out_of_range),))


def _full_values(draw: Draw) -> tuple[Any, ...]:
    """What the op passes to the kernel: values already broadcast, so that their gradient has their
    shape.
    """
    x, indices, values, accumulate = kernels.table["index_put"].inputs(draw)
    shape = kernels.reference.index(x, indices).shape
    return x, indices, np.broadcast_to(values, shape).copy(), accumulate


spec("index_put", smooth=_full_values, linear=(0, 2), flat=(0, 2))
spec("sort", "topk", flat=(0,))
spec("nonzero", "searchsorted", "unique")

# -- contractions, convolution, pooling


def _same_batch(draw: Draw) -> tuple[Any, ...]:
    batch, (n, k, m) = draw.shape(0, 2), (draw.side(1, 3) for _ in range(3))
    return draw.values((*batch, n, k)), draw.values((*batch, k, m))


inner = fails(ops.matmul, [2, 3], [4, 5], error=RuntimeError, text="2.*3.*4.*5")
spec("matmul", smooth=_same_batch, linear=(0, 1), errors=(inner,))
spec("linear", linear=(0, 1, 2), flat=(2,))
# -- inverses and decompositions. Tried at spread(x), which has what they need in any layout of x


def _batch_of(square: bool = False, **parameters: Any) -> Inputs:
    def inputs(draw: Draw) -> tuple[Any, ...]:
        m, n = draw.side(0, 3), draw.side(0, 3)
        x = draw.values((*draw.shape(0, 2), m, m if square else n))
        return (x, *(draw.boolean() for _ in parameters))

    return inputs


def _matrices(name: str, call: Any, ref: Any, inputs: Inputs, **facts: Any) -> None:
    """A spec of call(primitive, x, ...), whose results may not depend on the signs of vectors."""
    op = primitives()[name]
    table[name] = OpSpec(name, lambda x, *rest: call(op, spread(x), *rest),
                         lambda x, *rest: ref(spread(x), *rest), inputs, tolerance=256, **facts)


def _system(draw: Draw) -> tuple[Any, ...]:
    n, k = draw.side(0, 3), draw.side(0, 2)
    batch = draw.shape(0, 2)
    return draw.values((*batch, n, n)), draw.values((*batch, n, k))


def _triangular_system(draw: Draw) -> tuple[Any, ...]:
    return (*_system(draw), draw.boolean(), draw.boolean())


def _solve_triangular(x: np.ndarray, y: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    t = np.triu(x) if upper else np.tril(x)
    if unit:
        t = np.where(np.eye(x.shape[-1]) == 1, 1.0, t)
    return np.linalg.solve(t, y)


def _positive_r(q: Any, r: Any) -> tuple[Any, Any]:
    """q and r with positive numbers on the diagonal of r, which makes them unique."""
    k = min(r.shape[-2:])
    r = r[..., :k, :]
    eye = (np.eye(k) if isinstance(r, np.ndarray) else ops.eye(k, dtype=r.dtype, device=r.device))
    sign = (r[..., :k] * eye).sum(-1)
    sign = np.sign(sign) if isinstance(r, np.ndarray) else sign.sign()
    return q[..., :k] * sign[..., None, :], r * sign[..., :, None]


def _unsigned_svd(u: Any, s: Any, vh: Any) -> tuple[Any, ...]:
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    return s, u * u, vh * vh, u @ vh


def _unsigned_eigh(w: Any, v: Any) -> tuple[Any, ...]:
    vt = v.swapaxes(-1, -2)
    return w, v * v, (v * (w * w)[..., None, :]) @ vt


def _symmetric(x: Any) -> Any:
    return x + x.swapaxes(-1, -2)


_matrices("inv", lambda op, x: op(x), np.linalg.inv, _batch_of(square=True))
_matrices(
    "solve", lambda op, x, y: op(x, y), np.linalg.solve, _system, linear=(1,), flat=(1,)
)
_matrices(
    "solve_triangular", lambda op, *args: op(*args), _solve_triangular, _triangular_system,
    linear=(1,), flat=(1,),
)
_matrices(
    "cholesky", lambda op, x: op(_symmetric(x)), lambda x: np.linalg.cholesky(_symmetric(x)),
    _batch_of(square=True),
)
_matrices("qr", lambda op, x: _positive_r(*op(x, False)),
          lambda x: _positive_r(*np.linalg.qr(x)), _batch_of())
_matrices("svd", lambda op, x, full: _unsigned_svd(*op(x, full)),
          lambda x, full: _unsigned_svd(*np.linalg.svd(x, full)), _batch_of(full=bool))
_matrices("pinv", lambda op, x: op(x, 0.0, 1e-6), np.linalg.pinv, _batch_of())
_matrices("eigh", lambda op, x, lower: _unsigned_eigh(*op(_symmetric(x), lower)),
          lambda x, lower: _unsigned_eigh(*np.linalg.eigh(_symmetric(x))),
          _batch_of(square=True, lower=bool))
_matrices("det", lambda op, x: op(x), np.linalg.det, _batch_of(square=True))
_matrices("lu", lambda op, x: op(x), numpy_linalg.lu, _batch_of())
_matrices("slogdet", lambda op, x: op(x), lambda x: tuple(np.linalg.slogdet(x)),
          _batch_of(square=True))

channels = fails(
    nn.functional.conv2d, [1, 3, 5, 5], [2, 4, 3, 3], error=RuntimeError, text="(?i)channels|groups"
)
spec("conv", linear=(0, 1), errors=(channels,))
spec("conv_input", "conv_weight", linear=(0, 1))
spec("max_pool", flat=(0,))
spec("max_pool_input", "avg_pool", "avg_pool_input", **linear)

# -- fused

spec("softmax", "log_softmax")
spec("softmax_grad", "log_softmax_grad", linear=(0,))
spec("layer_norm", linear=(1, 2), flat=(2,))
# The statistics are for the running averages, and have no gradient.
spec("batch_norm", op=lambda *args: primitives()["batch_norm"](*args)[0], linear=(1, 2), flat=(2,))
spec("cross_entropy", differentiable=(0,))
# scaled_dot_product_attention takes the composite where a mask wants a gradient: the primitive
# gives it none.
spec("attention", differentiable=(0, 1, 2), linear=(2,))
spec("lstm")
spec("ctc", differentiable=(0,))
spec("ctc_grad")
spec("layer_norm_grad", "batch_norm_grad", "cross_entropy_grad", "attention_grad", "lstm_grad")
