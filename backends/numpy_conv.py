"""Convolution and pooling on NumPy."""

from __future__ import annotations

import math

import numpy as np

from .base import Number, Pads, Shape, pool_counts


def padded(x: np.ndarray, padding: Pads, value: Number = 0) -> np.ndarray:
    """x with its last axes padded; x itself where there is nothing to pad."""
    if not any(low or high for low, high in padding):
        return x
    first = x.ndim - len(padding)
    space = x.shape[first:]
    size = tuple(low + n + high for n, (low, high) in zip(space, padding, strict=True))
    out = np.full(x.shape[:first] + size, value, x.dtype)
    inside = tuple(slice(low, low + n) for n, (low, _) in zip(space, padding, strict=True))
    out[(..., *inside)] = x
    return out


def windows(x: np.ndarray, size: Shape, stride: Shape, dilation: Shape) -> np.ndarray:
    """A view: out[..., p, k] = x[..., p * stride + k * dilation] over the last len(size) axes."""
    first = x.ndim - len(size)
    steps = x.strides[first:]
    positions = tuple((n - gap * (k - 1) - 1) // step + 1 for n, k, step, gap in zip(
        x.shape[first:], size, stride, dilation, strict=True))
    return np.lib.stride_tricks.as_strided(
        x, x.shape[:first] + positions + tuple(size),
        x.strides[:first] + tuple(s * t for s, t in zip(steps, stride, strict=True))
        + tuple(s * t for s, t in zip(steps, dilation, strict=True)))


def columns(x: np.ndarray, window: Shape, stride: Shape, padding: Pads, dilation: Shape,
            groups: int) -> tuple[np.ndarray, Shape]:
    """The matrices (n, group) of shape (channels of a group * window, positions)."""
    d = len(window)
    view = windows(padded(x, padding), window, stride, dilation)
    positions = view.shape[2:2 + d]
    view = view.transpose(0, 1, *range(2 + d, 2 + 2 * d), *range(2, 2 + d))
    n, c = x.shape[:2]
    return view.reshape(
        n, groups, c // groups * math.prod(window), math.prod(positions)), positions


def conv(x: np.ndarray, w: np.ndarray, stride: Shape, padding: Pads, dilation: Shape,
         groups: int) -> np.ndarray:
    cols, positions = columns(x, w.shape[2:], stride, padding, dilation, groups)
    rows = w.reshape(groups, w.shape[0] // groups, cols.shape[2])
    return np.matmul(rows, cols).reshape(x.shape[0], w.shape[0], *positions)


def conv_input(g: np.ndarray, w: np.ndarray, x_shape: Shape, stride: Shape, padding: Pads,
               dilation: Shape, groups: int) -> np.ndarray:
    n, o = g.shape[:2]
    positions, window = g.shape[2:], w.shape[2:]
    rows = w.reshape(groups, o // groups, w.shape[1] * math.prod(window))
    matrix = g.reshape(n, groups, o // groups, math.prod(positions))
    cols = np.matmul(rows.transpose(0, 2, 1), matrix)
    cols = cols.reshape(*x_shape[:2], *window, *positions)
    size = tuple(low + s + high for s, (low, high) in zip(x_shape[2:], padding, strict=True))
    out = np.zeros(x_shape[:2] + size, g.dtype)
    targets = windows(out, window, stride, dilation)
    for k in np.ndindex(*window):
        targets[(..., *k)] += cols[(slice(None), slice(None), *k)]
    inside = tuple(slice(low, low + s) for s, (low, _) in zip(x_shape[2:], padding, strict=True))
    return np.ascontiguousarray(out[(..., *inside)])


def conv_weight(g: np.ndarray, x: np.ndarray, w_shape: Shape, stride: Shape, padding: Pads,
                dilation: Shape, groups: int) -> np.ndarray:
    cols, positions = columns(x, w_shape[2:], stride, padding, dilation, groups)
    # Where floor(...) dropped positions at the end, x offers as many as g has.
    matrix = g.reshape(g.shape[0], groups, w_shape[0] // groups, math.prod(positions))
    out = np.matmul(matrix, cols.transpose(0, 1, 3, 2))
    return np.add.reduce(out, 0).reshape(w_shape)


def pool_windows(x: np.ndarray, size: Shape, stride: Shape, padding: Pads, dilation: Shape,
                 out_shape: Shape, outside: Number) -> np.ndarray:
    """A view of the windows of x, with padding for exactly the positions of out_shape."""
    needed = tuple(
        (low, max(0, (p - 1) * step + gap * (k - 1) + 1 - n - low))
        for n, p, k, step, (low, _), gap in zip(
            x.shape[2:], out_shape[2:], size, stride, padding, dilation, strict=True))
    view = windows(padded(x, needed, outside), size, stride, dilation)
    return view[(slice(None), slice(None), *(slice(0, p) for p in out_shape[2:]))]


def max_pool(x: np.ndarray, size: Shape, stride: Shape, padding: Pads, dilation: Shape,
             out_shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    plane = x.shape[2:]
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    numbers = np.arange(math.prod(plane)).reshape(1, 1, *plane)
    view = pool_windows(x, size, stride, padding, dilation, out_shape, lowest)
    numbers = pool_windows(numbers, size, stride, padding, dilation, (1, 1, *out_shape[2:]), -1)
    values = np.full(out_shape, lowest, x.dtype)
    indices = np.full(out_shape, -1)
    for k in np.ndindex(*size):
        value, number = view[(..., *k)], numbers[(..., *k)]
        better = (value > values) | (value != value) & (values == values)
        better |= (indices < 0) & (number >= 0)
        np.copyto(values, value, where=better)
        np.copyto(indices, number, where=better)
    return values, indices


def max_pool_input(g: np.ndarray, indices: np.ndarray, x_shape: Shape) -> np.ndarray:
    planes = math.prod(x_shape[:2])
    plane = math.prod(x_shape[2:])
    first = np.arange(planes).reshape(*x_shape[:2], *(1,) * (len(x_shape) - 2)) * plane
    out = np.zeros(planes * plane, g.dtype)
    np.add.at(out, (indices + first).ravel(), g.ravel())
    return out.reshape(x_shape)


def avg_pool(x: np.ndarray, size: Shape, stride: Shape, padding: Pads, out_shape: Shape,
             count_include_pad: bool, divisor: Number | None) -> np.ndarray:
    view = pool_windows(x, size, stride, padding, (1,) * len(size), out_shape, 0)
    total = np.zeros(out_shape, x.dtype)
    for k in np.ndindex(*size):
        total += view[(..., *k)]
    counts = pool_counts(x.shape, size, stride, padding, out_shape, count_include_pad, divisor)
    total /= counts.astype(x.dtype)
    return total


def avg_pool_input(g: np.ndarray, x_shape: Shape, size: Shape, stride: Shape, padding: Pads,
                   count_include_pad: bool, divisor: Number | None) -> np.ndarray:
    counts = pool_counts(x_shape, size, stride, padding, g.shape, count_include_pad, divisor)
    share = g / counts.astype(g.dtype)
    reach = tuple((p - 1) * step + k for p, step, k in zip(g.shape[2:], stride, size, strict=True))
    sides = zip(x_shape[2:], reach, padding, strict=True)
    full = tuple(max(low + n, r) for n, r, (low, _) in sides)
    out = np.zeros(x_shape[:2] + full, g.dtype)
    targets = windows(out, size, stride, (1,) * len(size))
    targets = targets[(slice(None), slice(None), *(slice(0, p) for p in g.shape[2:]))]
    for k in np.ndindex(*size):
        targets[(..., *k)] += share
    inside = tuple(slice(low, low + n) for n, (low, _) in zip(x_shape[2:], padding, strict=True))
    return np.ascontiguousarray(out[(..., *inside)])
