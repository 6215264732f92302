"""Convolution and pooling on NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .base import Number, Pads, Shape, pool_counts
from .numpy_fused import half_in_float32
from .numpy_threads import CHUNK, in_chunks, threads, workers


def padded(x: np.ndarray, padding: Pads, value: Number = 0) -> np.ndarray:
    """x with its last axes padded; x itself where there is nothing to pad."""
    if not any(low or high for low, high in padding):
        return x
    first = x.ndim - len(padding)
    space = x.shape[first:]
    size = tuple(low + n + high for n, (low, high) in zip(space, padding, strict=True))
    out = np.full(x.shape[:first] + size, value, x.dtype)
    inside: list[Any] = [slice(low, low + n) for n, (low, _) in zip(space, padding, strict=True)]
    out[..., *inside] = x
    return out


def windows(x: np.ndarray, size: Shape, stride: Shape, dilation: Shape) -> np.ndarray:
    """A view: out[..., p, k] = x[..., p * stride + k * dilation] over the last len(size) axes."""
    first = x.ndim - len(size)
    steps = x.strides[first:]
    positions = tuple((n - gap * (k - 1) - 1) // step + 1 for n, k, step, gap in zip(
        x.shape[first:], size, stride, dilation, strict=True))
    return as_strided(
        x, x.shape[:first] + positions + tuple(size),
        x.strides[:first] + tuple(s * t for s, t in zip(steps, stride, strict=True))
        + tuple(s * t for s, t in zip(steps, dilation, strict=True)))


class Columns:
    """Lays out the windows of images as columns of matrices, so that matmul does the convolution.

    Note [Columns]. Every window becomes a column: row (c, k) of the matrix is channel c of the
    image moved by k. With a stride of 1 a moved plane is one run of memory, if the rows of the
    (padded) plane are kept at their full width: copying long runs is several times as fast as
    copying row by row. The last few columns of each row of positions, where a window would wrap
    around into the next row of the image, are computed in vain and left out of the result.
    """

    def __init__(self, x_shape: Shape, window: Shape, stride: Shape, padding: Pads,
                 dilation: Shape, groups: int) -> None:
        self.window, self.stride, self.padding, self.dilation = window, stride, padding, dilation
        self.groups, self.channels = groups, x_shape[1]
        self.padded = tuple(low + n + high for n, (low, high) in
                            zip(x_shape[2:], padding, strict=True))
        self.positions = tuple((n - gap * (k - 1) - 1) // step + 1 for n, k, step, gap in
                               zip(self.padded, window, stride, dilation, strict=True))
        self.runs = stride == (1, 1)
        self.pitch = self.padded[1] if self.runs else self.positions[1]
        self.length = self.positions[0] * self.pitch
        self.slack = dilation[1] * (window[1] - 1) if self.runs else 0
        self.depth = x_shape[1] // groups * math.prod(window)

    def plane(self, x: np.ndarray) -> np.ndarray:
        """x, padded, with flat planes and room for the last run at their end."""
        rows, width = self.padded
        out = np.zeros((*x.shape[:2], rows * width + self.slack), x.dtype)
        (top, _), (left, _) = self.padding
        image = out[:, :, :rows * width].reshape(*x.shape[:2], rows, width)
        image[:, :, top:top + x.shape[2], left:left + x.shape[3]] = x
        return out

    def shifted(self, plane: np.ndarray) -> np.ndarray:
        """A view of the moved planes: (N, C, *window, length), the last maybe as two axes."""
        n, c, item = plane.strides
        width = self.padded[1] * item
        moves = (n, c, width * self.dilation[0], item * self.dilation[1])
        shape = (*plane.shape[:2], *self.window)
        if self.runs:
            return as_strided(plane, (*shape, self.length), (*moves, item))
        steps = (width * self.stride[0], item * self.stride[1])
        return as_strided(plane, (*shape, *self.positions), (*moves, *steps))

    def of(self, x: np.ndarray) -> np.ndarray:
        """The matrices of some images: (N, groups, channels of a group * window, length)."""
        if math.prod(self.window) == 1 and self.runs and self.padded == x.shape[2:]:
            return x.reshape(x.shape[0], self.groups, self.depth, self.length)
        view = self.shifted(self.plane(x))
        return view.reshape(x.shape[0], self.groups, self.depth, self.length)

    def narrow(self, y: np.ndarray) -> np.ndarray:
        """(N, ..., length) as (N, C, *positions), without the columns computed in vain."""
        return y.reshape(y.shape[0], -1, self.positions[0], self.pitch)[..., :self.positions[1]]

    def widen(self, g: np.ndarray) -> np.ndarray:
        """The adjoint of narrow: (N, groups, channels of a group, length) with zeros put in."""
        shape = (g.shape[0], self.groups, g.shape[1] // self.groups, self.length)
        if self.pitch == self.positions[1]:
            return g.reshape(shape)
        out = np.zeros((*g.shape[:3], self.pitch), g.dtype)
        out[..., :self.positions[1]] = g
        return out.reshape(shape)

    def fold(self, columns: np.ndarray, out: np.ndarray) -> None:
        """The adjoint of `of`, written into out, the gradient of some images."""
        n = out.shape[0]
        rows, width = self.padded
        plane = np.zeros((n, self.channels, rows * width + self.slack), out.dtype)
        targets = self.shifted(plane)
        columns = columns.reshape(targets.shape)
        for i, j in np.ndindex(*self.window):
            target = targets[:, :, i, j]
            np.add(target, columns[:, :, i, j], target)
        (top, _), (left, _) = self.padding
        image = plane[:, :, :rows * width].reshape(n, self.channels, rows, width)
        out[...] = image[:, :, top:top + out.shape[2], left:left + out.shape[3]]

    def each(self, n: int, body: Callable[[slice], None]) -> None:
        """body(images) for pieces of n images, whose columns stay in the cache."""
        size = max(1, self.groups * self.depth * self.length)
        step = max(1, min(4 * CHUNK // size, -(-n // threads())))
        workers.run(lambda i: body(slice(i * step, min(n, (i + 1) * step))), -(-n // step))


@half_in_float32
def conv(x: np.ndarray, w: np.ndarray, stride: Shape, padding: Pads, dilation: Shape,
         groups: int) -> np.ndarray:
    if x.ndim == 3:
        return conv(*lifted(x, w), *lifted_params(stride, padding, dilation), groups)[:, :, 0]
    layout = Columns(x.shape, w.shape[2:], stride, padding, dilation, groups)
    out = np.empty((x.shape[0], w.shape[0], *layout.positions), x.dtype)
    depthwise = layout.runs and w.shape[:2] == (x.shape[1], 1)
    rows = w.reshape(groups, w.shape[0] // groups, layout.depth)

    def body(images: slice) -> None:
        if depthwise:
            out[images] = layout.narrow(weigh_runs(layout, x[images], w))
        else:
            out[images] = layout.narrow(np.matmul(rows, layout.of(x[images])))

    layout.each(x.shape[0], body)
    return out


def weigh_runs(layout: Columns, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A depthwise convolution: the sum of the moved planes, each times its weight."""
    moved = layout.shifted(layout.plane(x))
    total = np.zeros((*moved.shape[:2], layout.length), x.dtype)
    term = np.empty_like(total)
    for i, j in np.ndindex(*layout.window):
        np.multiply(moved[:, :, i, j], w[:, 0, i, j, None], term)
        np.add(total, term, total)
    return total


@half_in_float32
def conv_input(g: np.ndarray, w: np.ndarray, x_shape: Shape, stride: Shape, padding: Pads,
               dilation: Shape, groups: int) -> np.ndarray:
    if g.ndim == 3:
        return conv_input(*lifted(g, w), (*x_shape[:2], 1, x_shape[2]),
                          *lifted_params(stride, padding, dilation), groups)[:, :, 0]
    mirrored = mirrored_padding(g.shape, w.shape, x_shape, padding, dilation)
    possible = stride == (1, 1) and all(low >= 0 and high >= 0 for low, high in mirrored)
    if possible and w.shape[0] <= x_shape[1]:  # else columns of g would be more than those of x
        return conv(g, mirror(w, groups), stride, mirrored, dilation, groups)
    layout = Columns(x_shape, w.shape[2:], stride, padding, dilation, groups)
    out = np.empty(x_shape, g.dtype)
    rows = w.reshape(groups, w.shape[0] // groups, layout.depth).transpose(0, 2, 1)

    def body(images: slice) -> None:
        layout.fold(np.matmul(rows, layout.widen(g[images])), out[images])

    layout.each(x_shape[0], body)
    return out


def mirror(w: np.ndarray, groups: int) -> np.ndarray:
    """The weights that carry the gradient back: windows reversed, channels in and out swapped."""
    o, c, *window = w.shape
    w = w.reshape(groups, o // groups, c, *window)[..., ::-1, ::-1].swapaxes(1, 2)
    return w.reshape(groups * c, o // groups, *window)


def mirrored_padding(g_shape: Shape, w_shape: Shape, x_shape: Shape, padding: Pads,
                     dilation: Shape) -> Pads:
    """The padding with which conv(g, mirror(w)) has the shape of x."""
    reach = [gap * (k - 1) for k, gap in zip(w_shape[2:], dilation, strict=True)]
    lows = [r - low for r, (low, _) in zip(reach, padding, strict=True)]
    return tuple((low, n + r - m - low) for low, n, r, m in
                 zip(lows, x_shape[2:], reach, g_shape[2:], strict=True))


@half_in_float32
def conv_weight(g: np.ndarray, x: np.ndarray, w_shape: Shape, stride: Shape, padding: Pads,
                dilation: Shape, groups: int) -> np.ndarray:
    if g.ndim == 3:
        return conv_weight(*lifted(g, x), (*w_shape[:2], 1, w_shape[2]),
                           *lifted_params(stride, padding, dilation), groups)[:, :, 0]
    layout = Columns(x.shape, w_shape[2:], stride, padding, dilation, groups)
    out = np.empty((x.shape[0], groups, layout.depth, w_shape[0] // groups), g.dtype)
    depthwise = layout.runs and w_shape[:2] == (x.shape[1], 1)
    windows = out.reshape(x.shape[0], groups, *w_shape[2:]) if depthwise else out

    def body(images: slice) -> None:
        if depthwise:
            moved = layout.shifted(layout.plane(x[images]))
            np.vecdot(moved, layout.widen(g[images])[:, :, None], out=windows[images])
        else:
            # This way round the BLAS takes half of the time that g times columns.mT takes.
            g_columns = layout.widen(g[images]).transpose(0, 1, 3, 2)
            np.matmul(layout.of(x[images]), g_columns, out[images])

    layout.each(x.shape[0], body)
    return np.add.reduce(out, 0).transpose(0, 2, 1).reshape(w_shape)


def lifted(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The operands of a convolution along one axis as those of one in a plane of height 1."""
    return x[:, :, None], y[:, :, None]


def lifted_params(stride: Shape, padding: Pads, dilation: Shape) -> tuple[Shape, Pads, Shape]:
    return (1, *stride), ((0, 0), *padding), (1, *dilation)


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
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    values = np.empty(out_shape, x.dtype)
    indices = np.empty(out_shape, np.int64)
    origin, offsets = plane_numbers(x.shape[2:], out_shape[2:], size, stride, padding, dilation)

    def body(x: np.ndarray, values: np.ndarray, indices: np.ndarray) -> None:
        view = pool_windows(x, size, stride, padding, dilation, out_shape, lowest)
        offsets.take(largest_(view, size, values), out=indices, mode="clip")
        np.add(indices, origin, indices)

    in_chunks(body, x, values, indices)
    if np.any(np.not_equal(values, values) | np.equal(values, lowest)):
        max_pool_careful_(x, size, stride, padding, dilation, values, indices)
    return values, indices


def largest_(view: np.ndarray, size: Shape, values: np.ndarray) -> np.ndarray:
    """Writes the maximum of each window into values and returns the number of its (first) place."""
    places = list(np.ndindex(*size))
    best = np.zeros(values.shape, np.uint8 if len(places) <= 256 else np.int64)
    values[...] = view[(..., *places[0])]
    for number, place in enumerate(places[1:], start=1):
        candidate = view[(..., *place)].copy()  # or each of the next two would pick it together
        better = np.greater(candidate, values).view(np.uint8)
        np.maximum(values, candidate, out=values)
        np.maximum(best, better * best.dtype.type(number), out=best)
    return best


def plane_numbers(plane: Shape, positions: Shape, size: Shape, stride: Shape, padding: Pads,
                  dilation: Shape) -> tuple[np.ndarray, np.ndarray]:
    """The row-major index in the plane of the first element of each window, and how much further
    each place of a window is."""
    origin, offsets = np.zeros((), np.int64), np.zeros((), np.int64)
    axes = zip(plane, positions, size, stride, padding, dilation, strict=True)
    for n, p, k, step, (low, _), gap in axes:
        origin = origin[..., None] * n + (np.arange(p) * step - low)
        offsets = offsets[..., None] * n + np.arange(k) * gap
    return origin, offsets.reshape(-1)


def max_pool_careful_(x: np.ndarray, size: Shape, stride: Shape, padding: Pads, dilation: Shape,
                      values: np.ndarray, indices: np.ndarray) -> None:
    """max_pool where NaN, or padding that is as low as the elements, makes indices delicate."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    plane = x.shape[2:]
    numbers = np.arange(math.prod(plane)).reshape(1, 1, *plane)
    view = pool_windows(x, size, stride, padding, dilation, values.shape, lowest)
    shape = (1, 1, *values.shape[2:])
    numbers = pool_windows(numbers, size, stride, padding, dilation, shape, -1)
    values.fill(lowest)
    indices.fill(-1)
    for place in np.ndindex(*size):
        value, number = view[(..., *place)], numbers[(..., *place)]
        better = (value > values) | (value != value) & (values == values)
        better |= (indices < 0) & (number >= 0)
        np.copyto(values, value, where=better)
        np.copyto(indices, number, where=better)


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
    inside: list[Any] = [
        slice(low, low + n) for n, (low, _) in zip(x_shape[2:], padding, strict=True)]
    return np.ascontiguousarray(out[..., *inside])
