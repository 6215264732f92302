"""The walks of connectionist temporal classification on NumPy.

alpha is kept the other way round, (T + 1, L + 2, N): then the places that a step comes from, by
two, by one, or by staying, are three overlapping blocks of memory. One array of shape (3, L, N) is
a view of all three, and a step a few calls on that.
"""

from __future__ import annotations

import numpy as np

from .base import NEVER


def ctc(x: np.ndarray, skips: np.ndarray, frames: np.ndarray,
        last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    steps, batch, places = x.shape
    alpha = np.full((steps + 1, places + 2, batch), NEVER, x.dtype)
    alpha[0, 1] = 0
    emitted, ways = np.ascontiguousarray(x.transpose(0, 2, 1)), ways_of(skips, x.dtype)
    before, most = origins(alpha), np.empty((places, batch), x.dtype)
    powers = np.empty_like(ways)
    for t in range(steps):
        now = alpha[t + 1, 2:]
        relative_powers(before[t], ways, powers, most)
        np.add.reduce(powers, 0, out=now)
        np.log(now, now)
        np.add(now, most, now)
        np.add(now, emitted[t], now)
    return np.logaddexp(*alpha[ends(frames, last)]), alpha.transpose(0, 2, 1)


def ctc_grad(g: np.ndarray, alpha: np.ndarray, skips: np.ndarray, frames: np.ndarray,
             last: np.ndarray) -> np.ndarray:
    alpha = np.ascontiguousarray(alpha.transpose(0, 2, 1))
    out, ways = np.zeros_like(alpha), ways_of(skips, alpha.dtype)
    two = alpha[ends(frames, last)]
    two = np.exp(two - np.maximum.reduce(two, 0))
    out[ends(frames, last)] = two * (g / np.add.reduce(two, 0))
    before, to = origins(alpha), origins(out)
    shares, scratch = np.empty_like(ways), np.empty_like(ways[0])
    for t in reversed(range(len(alpha) - 1)):
        relative_powers(before[t], ways, shares, scratch)
        np.divide(out[t + 1, 2:], np.add.reduce(shares, 0, out=scratch), scratch)
        np.multiply(shares, scratch, shares)
        for target, share in zip(to[t], shares, strict=True):
            np.add(target, share, target)
    return out[1:, 2:].transpose(0, 2, 1)


def relative_powers(before: np.ndarray, ways: np.ndarray, out: np.ndarray,
                    most: np.ndarray) -> None:
    """most = the largest of the three of before + ways, out = e ** (before + ways - most)"""
    np.add(before, ways, out)
    np.maximum.reduce(out, 0, out=most)
    np.subtract(out, most, out)
    np.exp(out, out)


def ways_of(skips: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """(3, L, N): what to add for a step that goes on by two, by one, or stays."""
    ways = np.zeros((3, *skips.shape[::-1]), dtype)
    ways[0][~skips.T] = NEVER
    return ways


def origins(alpha: np.ndarray) -> np.ndarray:
    """(T + 1, 3, L, N), a view: the places two before, one before, and each place itself."""
    (steps, width, batch), (step, place, one) = alpha.shape, alpha.strides
    shape, strides = (steps, 3, width - 2, batch), (step, place, place, one)
    return np.ndarray(shape, alpha.dtype, alpha, strides=strides)


def ends(frames: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The index of alpha where the walks may end: two places for each sequence."""
    return frames, np.stack([last + 1, last + 2]), np.arange(len(last))
