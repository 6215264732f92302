"""The sum over all walks of connectionist temporal classification: see nn/functional/ctc.py.

As small ops a walk takes seven a frame. Fused, a frame is a few calls on all sequences and places,
and the way back needs nothing but the sums themselves.
"""

from __future__ import annotations

from typing import Any

from minigrad.autograd.primitive import primitive
from minigrad.backends.base import NEVER
from minigrad.ops.create import arange, zeros_like
from minigrad.ops.elementwise import where
from minigrad.ops.shape import pad
from minigrad.tensor import Tensor


def _ctc_composite(x: Tensor, skips: Tensor, frames: Tensor, last: Tensor) -> Tensor:
    """alpha[-1, last place or the one before it], each sequence after its own number of frames."""
    none = zeros_like(skips, dtype=x.dtype).unsqueeze(2)
    ways = pad(where(skips.unsqueeze(2), none, NEVER), (0, 2))
    alpha = pad(none[:, :1, 0], (1, x.shape[2]), value=NEVER)
    for t in range(x.shape[0]):
        step = (alpha.unfold(1, 3, 1) + ways).logsumexp(2) + x[t]
        alpha = where(frames.unsqueeze(1) > t, pad(step, (2, 0), value=NEVER), alpha)
    ends = last.unsqueeze(1) + arange(1, 3, device=last.device)
    return alpha.gather(1, ends).logsumexp(1)


def _ctc_rule(
    g: Tensor, needs: Any, alpha: Tensor, skips: Tensor, frames: Tensor, last: Tensor
) -> Any:
    return _ctc_grad(g, alpha, skips, frames, last), None, None, None


_ctc_grad = primitive("ctc_grad", "g alpha skips frames last -> gx")
_ctc = primitive(
    "ctc", "x skips frames last -> out (alpha)", grads=_ctc_rule, composite=_ctc_composite
)


def log_of_walks(x: Tensor, skips: Tensor, frames: Tensor, last: Tensor) -> Tensor:
    """log(sum over all walks of e^(sum of x where it goes)) for each of N sequences.

    x (T, N, L), float32 or float64, has a number for each of L places, at each of T steps. A walk
    begins in front of place 0. A step stays, goes on by one, or by two, where skips (N, L) allows
    that of the place it comes to. After frames[n] steps it is at the place last[n], or at the one
    before. Where there is no such walk, the logarithm is about -1e30.

    >>> import minigrad
    >>> skips = minigrad.tensor([[False, True, False]])  # walks in 2 steps: 0 1, 1 1, 1 2
    >>> frames, last = minigrad.tensor([2]), minigrad.tensor([2])
    >>> minigrad.ops.log_of_walks(minigrad.zeros(2, 1, 3), skips, frames, last).exp()
    tensor([3.])
    """
    out: Tensor = _ctc(x, skips, frames, last)
    return out


__all__ = ["log_of_walks"]
