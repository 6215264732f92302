"""The optimizers' steps: one kernel call for all parameters of one device and type, in place and
outside of the graph.

Note [Slots]. Step sizes and bias corrections change from step to step, so they reach the kernels as
0-d arrays, never as Python numbers. An optimizer keeps these arrays, its slots, and writes them
before it calls the kernel. A recorded step refers to the slots, and a replay finds in them what
`Optimizer.advance()` wrote last (device.py, Note [State]).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from minigrad.tensor import Tensor, wrap

Tensors = Sequence[Tensor]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Slots:
    """Numbers for the kernels that update x and its like: 0-d `tensors` on the device of x, in
    float32 unless x has more. See Note [Slots].
    """

    def __init__(self, x: Tensor, count: int) -> None:
        bare = x.device.bare
        self.device, self.x_dtype = x.device, x.array.dtype
        self.dtype = FLOAT64 if self.x_dtype is FLOAT64 else FLOAT32
        self.numbers = (0.0,) * count
        self.memory = bare.from_host(np.array(self.numbers, self.dtype))
        self.tensors = [wrap(bare.slice(self.memory, (i,)), x.device) for i in range(count)]

    def fit(self, x: Tensor) -> bool:
        """Whether x still is where it was, and of the type it was."""
        return self.device is x.device and self.x_dtype is x.array.dtype

    def write(self, numbers: tuple[float, ...]) -> None:
        """Puts the numbers into the tensors, all in one transfer."""
        bare = self.device.bare
        bare.copy_(self.memory, bare.from_host(np.array(numbers, self.dtype)))
        self.numbers = numbers


class Joined:
    """Memory in which tensors of one device and type lie end to end: as `whole`, and as a view for
    each, `parts`. What is computed with the whole takes a call where the parts take one each.

    With `stack` they are of one shape, and `whole` has a first dimension that numbers them.
    """

    def __init__(self, tensors: Tensors, stack: bool) -> None:
        first = tensors[0]
        self.device, bare = first.device, first.device.bare
        shapes = [x.array.shape for x in tensors]
        ends = list(accumulate(map(math.prod, shapes)))
        memory = bare.empty((ends[-1],), first.array.dtype)
        self.arrays = [
            bare.view(bare.slice(memory, (slice(end - math.prod(shape), end, 1),)), shape)
            for end, shape in zip(ends, shapes, strict=True)
        ]
        whole = bare.view(memory, (len(shapes), *shapes[0])) if stack else memory
        self.whole = wrap(whole, self.device)
        self.parts = [wrap(array, self.device) for array in self.arrays]
        for array, x in zip(self.arrays, tensors, strict=True):
            bare.copy_(array, x.array)

    def read(self, tensors: Tensors) -> Tensor:
        """Copies the tensors into the parts, and returns the whole."""
        copy_ = self.device.backend.copy_
        for array, x in zip(self.arrays, tensors, strict=True):
            copy_(array, x.array)
        return self.whole

    def write(self, tensors: Tensors) -> None:
        """Copies the parts into the tensors."""
        copy_ = self.device.backend.copy_
        for array, x in zip(self.arrays, tensors, strict=True):
            copy_(x.array, array)
        _written(tensors)


def full_beside(p: Tensor, value: float, shape: tuple[int, ...] | None = None) -> Tensor:
    """A number in the shape of p or in another, beside p: the state of an optimizer at its start
    (device.py, Note [State])."""
    shape = p.array.shape if shape is None else shape
    return wrap(p.device.bare.full(shape, value, p.array.dtype), p.device)


def zeros_beside(p: Tensor) -> Tensor:
    return full_beside(p, 0)


def sgd_(
    params: Tensors,
    grads: Tensors,
    buffers: Tensors | None,
    lr: Tensor,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """One step of SGD: b = momentum * b + (1 - dampening) * g; p -= lr * b, for each p, g, b (see
    optim.SGD).

    Without momentum `buffers` is None. A buffer's first step starts from zeros, with a dampening of
    0. The tensors of one call are of one device and type; lr is a 0-d one beside them.

    >>> import minigrad
    >>> p, g = minigrad.tensor([1.0]), minigrad.tensor([0.5])
    >>> minigrad.ops.sgd_([p], [g], None, minigrad.tensor(0.1), 0.0, 0.0, 0.0, False, False)
    >>> p
    tensor([0.9500])
    """
    own = [p.array for p in params]
    params[0].device.backend.sgd_(
        own,
        _beside("SGD", params, own, grads, "gradient"),
        None if buffers is None else _beside("SGD", params, own, buffers, "momentum_buffer"),
        lr.array,
        momentum,
        dampening,
        weight_decay,
        nesterov,
        maximize,
    )
    _written(params)
    if buffers is not None:
        _written(buffers)


def adam_(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    lr: Tensor,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    correction1: Tensor,
    correction2: Tensor,
    maximize: bool,
) -> None:
    """One step of Adam: p -= lr * (m / correction1) / (sqrt(v / correction2) + eps) (see
    optim.Adam, and kernel adam_).

    The corrections are 1 - beta ** step; with `decoupled` the weights decay on their own, as AdamW
    has it. The tensors of one call are of one device and type, and have taken equally many steps;
    lr and the corrections are 0-d ones beside them.

    >>> import minigrad
    >>> p, g = minigrad.tensor([1.0]), minigrad.tensor([0.5])
    >>> m, v = minigrad.zeros(1), minigrad.zeros(1)
    >>> lr, c1, c2 = minigrad.tensor(0.1), minigrad.tensor(1 - 0.9), minigrad.tensor(1 - 0.999)
    >>> minigrad.ops.adam_([p], [g], [m], [v], lr, 0.9, 0.999, 1e-8, 0.0, False, c1, c2, False)
    >>> p
    tensor([0.9000])
    """
    who = "AdamW" if decoupled else "Adam"
    own = [p.array for p in params]
    params[0].device.backend.adam_(
        own,
        _beside(who, params, own, grads, "gradient"),
        _beside(who, params, own, exp_avgs, "exp_avg"),
        _beside(who, params, own, exp_avg_sqs, "exp_avg_sq"),
        lr.array,
        beta1,
        beta2,
        eps,
        weight_decay,
        decoupled,
        correction1.array,
        correction2.array,
        maximize,
    )
    _written(params)
    _written(exp_avgs)
    _written(exp_avg_sqs)


def _beside(who: str, params: Tensors, own: list[Any], tensors: Tensors, name: str) -> list[Any]:
    """The arrays of what a step has beside each parameter. Kernels rely on it that these have the
    shapes and types of the parameters' `own`: here is where that is seen to, in as few words as it
    takes for steps of many small parameters.
    """
    arrays = [x.array for x in tensors]
    for like, array in zip(own, arrays, strict=True):
        if array.dtype is not like.dtype or array.shape != like.shape:
            break
    else:
        return arrays
    for p, x in zip(params, tensors, strict=True):
        check_beside(who, p, x, name)
        # Of a parameter that changed its type: what was kept for it follows.
        x.array = x.device.backend.cast(x.array, p.array.dtype)
    return [x.array for x in tensors]


def check_beside(who: str, p: Tensor, x: Tensor, name: str) -> None:
    """Raises RuntimeError unless x, what an optimizer has beside p, is of its shape."""
    if x.array.shape != p.array.shape:
        raise RuntimeError(
            f"{who}: a parameter of shape {list(p.shape)} has a {name} of shape {list(x.shape)}; "
            "was the state_dict of another model's optimizer loaded?"
        )


def _written(tensors: Tensors) -> None:
    for x in tensors:
        x.version.bump()


__all__ = ["sgd_", "adam_"]
