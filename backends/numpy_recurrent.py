"""The steps of an LSTM on NumPy.

All is kept the other way round, (T, 4 H, N): then w @ h multiplies many rows by few columns, which
takes OpenBLAS half the time, and the gates i, f, g, o of a step are pieces of memory that lie
together. A sigmoid is a tanh: sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, so one call serves all gates.
"""

from __future__ import annotations

import numpy as np

from .numpy_fused import half_in_float32
from .numpy_threads import copied

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@half_in_float32
def lstm(x: np.ndarray, w: np.ndarray, h: np.ndarray, c: np.ndarray, reverse: bool) -> Arrays:
    steps, size = x.shape[0], h.shape[1]
    gates = copied(turned(x))
    out, cells = (np.empty((steps, *h.T.shape), x.dtype) for _ in range(2))
    h, c = copied(h.T), copied(c.T)
    z, half = np.empty_like(gates[0]), np.asarray(0.5, x.dtype)
    for t in reversed(range(steps)) if reverse else range(steps):
        gate = gates[t]
        np.matmul(w, h, z)
        np.add(gate, z, gate)
        i, f, g, o = quarters(gate, size)
        sigmoids = gate[:2 * size], o
        for part in sigmoids:
            np.multiply(part, half, part)
        np.tanh(gate, gate)
        for part in sigmoids:
            np.multiply(part, half, part)
            np.add(part, half, part)
        c, scratch = np.multiply(f, c, cells[t]), z[:size]
        np.add(c, np.multiply(i, g, scratch), c)
        h = np.multiply(o, np.tanh(c, scratch), out[t])
    return copied(turned(out)), copied(c.T), turned(cells), turned(gates)


@half_in_float32
def lstm_grad(g: np.ndarray, g_last: np.ndarray, w: np.ndarray, h: np.ndarray, c: np.ndarray,
              out: np.ndarray, cells: np.ndarray, gates: np.ndarray, reverse: bool) -> Arrays:
    steps, _, size = out.shape
    g, cells, gates = (np.ascontiguousarray(turned(v)) for v in (g, cells, gates))
    before = shifted(cells, c.T, reverse)
    slopes, cell_slopes = slopes_of(gates, cells, before)
    gx, wT = np.empty_like(gates), np.ascontiguousarray(w.T)
    gh, gc = np.zeros_like(g[0]), copied(g_last.T)
    scratch = np.empty_like(gh)
    for t in range(steps) if reverse else range(steps - 1, -1, -1):
        np.add(gh, g[t], gh)
        np.add(gc, np.multiply(gh, cell_slopes[t], scratch), gc)
        three = gx[t, :3 * size].reshape(3, *gc.shape)
        np.multiply(slopes[t, :3 * size].reshape(three.shape), gc, three)
        np.multiply(slopes[t, 3 * size:], gh, gx[t, 3 * size:])
        np.matmul(wT, gx[t], gh)
        np.multiply(gc, gates[t, size:2 * size], gc)
    rows = copied(turned(gx))
    gw = rows.reshape(-1, 4 * size).T @ shifted(out, h, reverse).reshape(-1, size)
    return rows, gw, copied(gh.T), copied(gc.T)


def slopes_of(gates: np.ndarray, cells: np.ndarray,
              before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a step multiplies gc by to get its gradients of i, f and g, and gh for that of o; and
    what it multiplies gh by to get its part of gc."""
    size = cells.shape[1]
    i, _, g, o = (gates[:, k * size:(k + 1) * size] for k in range(4))
    level = np.tanh(cells)
    slopes = np.subtract(1, gates)
    np.multiply(slopes, gates, slopes)
    for part, factor in ((0, g), (1, before), (3, level)):
        target = slopes[:, part * size:(part + 1) * size]
        np.multiply(target, factor, target)
    of_g = slopes[:, 2 * size:3 * size]
    np.multiply(g, g, of_g)
    np.multiply(np.subtract(1, of_g, of_g), i, of_g)
    np.multiply(level, level, level)
    return slopes, np.multiply(np.subtract(1, level, level), o, level)


def turned(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 2, 1)


def quarters(x: np.ndarray, size: int) -> list[np.ndarray]:
    return [x[k * size:(k + 1) * size] for k in range(4)]


def shifted(x: np.ndarray, start: np.ndarray, reverse: bool) -> np.ndarray:
    """What x was before each step."""
    out = np.empty_like(x)
    if reverse:
        out[:-1], out[-1] = x[1:], start
    else:
        out[1:], out[0] = x[:-1], start
    return out
