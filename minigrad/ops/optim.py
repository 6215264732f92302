"""The optimizers' steps: one kernel call for all parameters of one device and type, in place and
outside of the graph.

Step sizes and bias corrections change from step to step, so they reach the kernels as 0-d arrays: a
recorded step that is replayed sees them change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.tensor import Tensor

Tensors = Sequence[Tensor]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def sgd_(
    params: Tensors,
    grads: Tensors,
    buffers: Tensors | None,
    lr: float | Tensor,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """One step of SGD: b = momentum * b + (1 - dampening) * g; p -= lr * b, for each p, g, b (see
    optim.SGD).

    Without momentum `buffers` is None. A buffer's first step starts from zeros, with a dampening of
    0. The tensors of one call are of one device and type.
    """
    p = params[0]
    p.device.backend.sgd_(
        [x.array for x in params],
        [x.array for x in grads],
        None if buffers is None else [x.array for x in buffers],
        _scalar(lr, p),
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
    lr: float | Tensor,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    correction1: float | Tensor,
    correction2: float | Tensor,
    maximize: bool,
) -> None:
    """One step of Adam: p -= lr * (m / correction1) / (sqrt(v / correction2) + eps) (see
    optim.Adam, and kernel adam_).

    The corrections are 1 - beta ** step; with `decoupled` the weights decay on their own, as AdamW
    has it. The tensors of one call are of one device and type, and have taken equally many steps.
    """
    p = params[0]
    p.device.backend.adam_(
        [x.array for x in params],
        [x.array for x in grads],
        [x.array for x in exp_avgs],
        [x.array for x in exp_avg_sqs],
        _scalar(lr, p),
        beta1,
        beta2,
        eps,
        weight_decay,
        decoupled,
        _scalar(correction1, p),
        _scalar(correction2, p),
        maximize,
    )
    _written(params)
    _written(exp_avgs)
    _written(exp_avg_sqs)


def _scalar(value: float | Tensor, p: Tensor) -> Any:
    """A number as a 0-d array beside p, in float32 unless p has more."""
    if isinstance(value, Tensor):
        if value.device is p.device and not value.array.shape:
            return value.array
        value = value.item()
    return p.device.backend.from_host(
        np.array(value, FLOAT64 if p.array.dtype is FLOAT64 else FLOAT32)
    )


def _written(tensors: Tensors) -> None:
    for x in tensors:
        x.version.bump()


__all__ = ["sgd_", "adam_"]
