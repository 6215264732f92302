"""The steps of an LSTM as one op: what a layer does after its projection of the inputs.

A step takes some twenty small ops. Fused, the results of all steps lie in the arrays of one node,
and the gradients by the weights of all steps are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.autograd.primitive import primitive
from minigrad.ops.create import zeros_like
from minigrad.ops.linalg import linear
from minigrad.ops.shape import chunk, stack, unbind
from minigrad.tensor import Tensor

State = tuple[Tensor, ...]


def lstm_step(x: Tensor, h: Tensor, c: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """i, f, g, o = x + W h;  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c').
    Returns (h', c')."""
    i, f, g, o = chunk(x + linear(h, w), 4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def scan(step: Callable[..., State], x: Tensor, state: State, reverse: bool) -> Any:
    """Takes the step (x[t], state) -> state for each t, from the end with `reverse`. Returns the
    first parts of the states, (T, N, H), and the last state."""
    inputs, outs = unbind(x), []
    for part in reversed(inputs) if reverse else inputs:
        state = step(part, state)
        outs.append(state[0])
    return stack(outs[::-1] if reverse else outs), state


def _lstm_composite(x: Tensor, w: Tensor, h: Tensor, c: Tensor, reverse: bool) -> Any:
    out, (_, c) = scan(lambda x, state: lstm_step(x, state[0], state[1], w), x, (h, c), reverse)
    return out, c


def _lstm_rule(
    gs: Any, needs: Any, w: Any, h: Any, c: Any, out: Any, cells: Any, gates: Any, reverse: Any
) -> Any:
    g = zeros_like(out) if gs[0] is None else gs[0]
    g_last = zeros_like(c) if gs[1] is None else gs[1]
    return _lstm_grad(g, g_last, w, h, c, out, cells, gates, reverse)


_lstm_grad = primitive("lstm_grad", "g g_last w h c out cells gates | reverse -> gx gw gh gc")
_lstm = primitive(
    "lstm", "x w h c | reverse -> out last (cells gates)",
    grads=_lstm_rule,
    composite=_lstm_composite,
)  # fmt: skip


def lstm(
    x: Tensor, w: Tensor, h: Tensor, c: Tensor, reverse: bool = False
) -> tuple[Tensor, Tensor]:
    """All steps of an LSTM, from projected inputs x (T, N, 4 H), weights w (4 H, H) of the state,
    and the states h and c (N, H) at its start: see lstm_step. With `reverse` it begins at the end.

    Returns the states of all steps (T, N, H), and the last cell (N, H).

    >>> import minigrad
    >>> x, w = minigrad.zeros(5, 2, 12), minigrad.zeros(12, 3)
    >>> out, c = minigrad.ops.lstm(x, w, minigrad.zeros(2, 3), minigrad.ones(2, 3))
    >>> out.shape, c[0]
    (minigrad.Size([5, 2, 3]), tensor([0.0312, 0.0312, 0.0312]))
    """
    out: tuple[Tensor, Tensor] = _lstm(x, w, h, c, reverse)
    return out


__all__ = ["lstm", "lstm_step"]
