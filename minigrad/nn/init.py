"""Initialisers: each fills a tensor in place, without a trace in the graph, and returns it."""

import math
import warnings
from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.autograd import no_grad
from minigrad.dtype import float64
from minigrad.names import missing
from minigrad.ops.random import Generator
from minigrad.tensor import Tensor

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that makes up for the standard deviation which `nonlinearity` takes away.

    `param` is the slope of "leaky_relu", 0.01 if None. ValueError for a name it does not know.

    >>> from minigrad import nn
    >>> nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"calculate_gain: negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1.0 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(
            f"calculate_gain: Unsupported nonlinearity {nonlinearity}; there are {known}"
        )
    return _GAINS[nonlinearity]


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Numbers evenly spread over [a, b).

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = nn.init.uniform_(minigrad.empty(100), 2.0, 3.0)
    >>> bool(((x >= 2) & (x <= 3)).all())
    True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Numbers with the normal distribution of this mean and standard deviation.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.init.normal_(minigrad.empty(2), mean=3.0, std=0.0)
    tensor([3., 3.])
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with the normal distribution given that they are in [a, b].

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = nn.init.trunc_normal_(minigrad.empty(100), std=5.0)
    >>> bool((x.abs() <= 2).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            f"trunc_normal_: mean {mean} is more than 2 std {std} from [{a}, {b}]; the "
            "distribution of the values may be incorrect",
            stacklevel=2,
        )
    # The inverse of the distribution function takes uniforms between its values at a and b to what
    # is wanted.
    normal = NormalDist(mean, std)
    low, high = normal.cdf(a), normal.cdf(b)
    u = (
        ops.rand(tensor.shape, generator=generator, dtype=float64, device=tensor.device)
        * (high - low)
        + low
    )
    inside = np.clip(u.cpu().numpy().ravel(), 1e-16, 1.0 - 1e-16).tolist()
    values = np.clip([normal.inv_cdf(p) for p in inside], a, b).reshape(tensor.shape)
    return _fill(tensor, ops.tensor(values, dtype=tensor.dtype, device=tensor.device))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.init.constant_(minigrad.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.init.ones_(minigrad.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.init.zeros_(minigrad.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix; ValueError for a tensor that is not 2-dimensional.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.init.eye_(minigrad.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ValueError(
            f"eye_: Only tensors with 2 dimensions are supported, got {tuple(tensor.shape)}"
        )
    return _fill(tensor, ops.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The weights (out, in, ...) of a convolution that changes nothing, in each of `groups`.

    ValueError unless there are 3 to 5 dimensions and `groups` divides the first.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.init.dirac_(minigrad.empty(2, 2, 1))[0]
    tensor([[1.],
            [0.]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(
            "dirac_: Only tensors with 3, 4, or 5 dimensions are supported, got "
            f"{tuple(tensor.shape)}"
        )
    n_out, n_in, *kernel = tensor.shape
    if n_out % groups:
        raise ValueError(
            f"dirac_: dim 0 of {tuple(tensor.shape)} must be divisible by groups {groups}"
        )
    values = np.zeros(tuple(tensor.shape))
    centre = tuple(size // 2 for size in kernel)
    for group in range(groups):
        for i in range(min(n_out // groups, n_in)):
            values[(group * (n_out // groups) + i, i, *centre)] = 1.0
    return _fill(tensor, ops.tensor(values, dtype=tensor.dtype, device=tensor.device))


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform with standard deviation gain * sqrt(2 / (fan_in + fan_out)), as xavier_normal_.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = nn.init.xavier_uniform_(minigrad.empty(4, 2))
    >>> bool((x.abs() <= 1).all())
    True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot, Bengio, 2010).

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = nn.init.xavier_normal_(minigrad.empty(100, 100))
    >>> round(x.std().item(), 2)
    0.1
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = fans(tensor)
    return gain * math.sqrt(2.0 / (fan_in + fan_out))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform with standard deviation gain / sqrt(fan) (He et al., 2015).

    `a` is the slope where `nonlinearity` is leaky_relu.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = nn.init.kaiming_uniform_(minigrad.empty(100, 6), nonlinearity="relu")
    >>> bool((x.abs() <= 1).all())
    True
    """
    if _is_empty("kaiming_uniform_", tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan) (He et al., 2015); `a` as there.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = nn.init.kaiming_normal_(minigrad.empty(400, 200), nonlinearity="relu")
    >>> round(x.std().item(), 2)
    0.1
    """
    if _is_empty("kaiming_normal_", tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _is_empty(op: str, tensor: Tensor) -> bool:
    if 0 not in tensor.shape:
        return False
    warnings.warn(f"{op}: Initializing zero-element tensors is a no-op", stacklevel=3)
    return True


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes = ("fan_in", "fan_out")
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans(tensor)[modes.index(mode)])


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """gain * Q with orthonormal rows or columns, whichever are fewer (Saxe et al., 2013).

    Dims after the first count as one. ValueError for fewer than 2 dims.

    >>> import minigrad
    >>> from minigrad import nn
    >>> q = nn.init.orthogonal_(minigrad.empty(2, 3))
    >>> (q @ q.T).round().abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.ndim < 2:
        raise ValueError(
            "orthogonal_: Only tensors with 2 or more dimensions are supported, got "
            f"{tuple(tensor.shape)}"
        )
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    tall = (max(rows, columns), min(rows, columns))
    random = ops.randn(tall, generator=generator, dtype=float64, device=tensor.device)
    q, r = np.linalg.qr(random.cpu().numpy())
    q = q * np.sign(np.diagonal(r))  # makes Q uniformly distributed
    q = (q if rows >= columns else q.T).reshape(tuple(tensor.shape)) * gain
    return _fill(tensor, ops.tensor(q, dtype=tensor.dtype, device=tensor.device))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Normal with deviation `std`, a share `sparsity` of each column 0 (Martens, 2010).

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = nn.init.sparse_(minigrad.empty(4, 3), sparsity=0.5)
    >>> (x == 0).sum(0)
    tensor([2, 2, 2])
    """
    if tensor.ndim != 2:
        raise ValueError(
            f"sparse_: Only tensors with 2 dimensions are supported, got {tuple(tensor.shape)}"
        )
    rows = tensor.shape[0]
    n_zeros = math.ceil(sparsity * rows)
    order = _random(ops.rand, tensor, generator).argsort(0).argsort(0)
    normal = _random(ops.randn, tensor, generator) * std
    return _fill(tensor, normal.masked_fill(order < n_zeros, 0.0))


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of weights (out, in, kernel ...): how many values make one, one makes.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.init.fans(minigrad.empty(8, 3, 5, 5))
    (75, 200)
    """
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got "
            f"shape {tuple(tensor.shape)}"
        )
    n_out, n_in, *kernel = tensor.shape
    field = math.prod(kernel)
    return n_in * field, n_out * field


def _random(draw: Callable[..., Tensor], tensor: Tensor, generator: Generator | None) -> Tensor:
    return draw(tensor.shape, generator=generator, dtype=tensor.dtype, device=tensor.device)


def _fill(tensor: Tensor, values: Tensor) -> Tensor:
    with no_grad():
        return tensor.copy_(values)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("nn.init", name, globals()))
