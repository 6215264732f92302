"""Convolution and its gradients: the tables that conv.cl works with, and what is launched.

Everything here is written for two spatial axes; a 1d convolution has a first one of size 1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import Pads, Shape
from .array import Array, Layout, contiguous_layout
from .device import OpenCLDevice
from .matmul import SHORTEST_SLICE, SIDE, TILE, ceil_div, sums_of, tile

PAIRS = 4            # of the tiles of `conv_weight`
FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
L1_BYTES = 24 * 1024  # of the first cache, what one tile of `conv_weight` may take
Run = Callable[[Array, Array], Array]


class Window(NamedTuple):
    """What stride, padding, dilation and groups a convolution has."""

    stride: Shape
    low: Shape
    dilation: Shape
    groups: int


def conv(backend: OpenCLDevice, x: Array, w: Array, stride: Shape, padding: Pads, dilation: Shape,
         groups: int) -> Array:
    """out[n, o, p] = sum(w[o, c, k] * x[n, c, p * stride + k * dilation - low] for c, k)"""
    space = tuple(
        (size + low + high - gap * (k - 1) - 1) // step + 1 for size, k, step, (low, high), gap
        in zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True))
    shape = (x.shape[0], w.shape[0], *space)
    return _run(backend, plan_conv, x, w, shape, stride, padding, dilation, groups)


def conv_input(backend: OpenCLDevice, g: Array, w: Array, x_shape: Shape, stride: Shape,
               padding: Pads, dilation: Shape, groups: int) -> Array:
    """for n, o, c, p, k: out[n, c, p * stride + k * dilation - low] += w[o, c, k] * g[n, o, p]"""
    return _run(backend, plan_conv_input, g, w, x_shape, stride, padding, dilation, groups)


def conv_weight(backend: OpenCLDevice, g: Array, x: Array, w_shape: Shape, stride: Shape,
                padding: Pads, dilation: Shape, groups: int) -> Array:
    """out[o, c, k] = sum(g[n, o, p] * x[n, c, p * stride + k * dilation - low] for n, p)"""
    return _run(backend, plan_conv_weight, g, x, w_shape, stride, padding, dilation, groups)


def _run(backend: OpenCLDevice, plan: Callable[..., Run], x: Array, y: Array, shape: Shape,
         stride: Shape, padding: Pads, dilation: Shape, groups: int) -> Array:
    """The result of this shape, by a plan that is made once for every combination of layouts."""
    if x.dtype == FLOAT16:
        x, y = backend.cast(x, FLOAT32), backend.cast(y, FLOAT32)
        out = _run(backend, plan, x, y, shape, stride, padding, dilation, groups)
        return backend.cast(out, FLOAT16)
    key = (plan, x.layout, y.layout, shape, stride, padding, dilation, groups)
    run = backend.plans.get(key)
    if run is None:
        one = (1,) * (2 - len(stride))
        low = (0,) * len(one) + tuple(low for low, _ in padding)
        window = Window(one + stride, low, one + dilation, groups)
        result = contiguous_layout(shape, x.dtype)
        if 0 in (result.size, x.layout.size, y.layout.size):
            run = lambda x, y: backend.full(shape, 0, x.dtype)
        else:
            run = plan(backend, _planar(x.layout), _planar(y.layout), result, window)
        backend.keep(key, run)
    return run(x, y)


def on_vectors(backend: OpenCLDevice, dtype: np.dtype) -> bool:
    """Whether the kernels for CPUs run, and not `gathered`."""
    return backend.is_cpu and backend.programs.vector_width(dtype) > 2


def _planar(x: Layout) -> Layout:
    """x with two spatial axes."""
    if len(x.shape) == 4:
        return x
    n, c, width = x.shape
    return Layout((n, c, 1, width), (*x.strides[:2], 0, x.strides[2]), x.dtype)


# --- the image --------------------------------------------------------------------------------


class Image:
    """x laid out as conv.cl says: zeros around it, and pixels `step` apart next to each other."""

    def __init__(self, backend: OpenCLDevice, x: Layout, low: Shape, step: Shape, parts: Shape,
                 cells: Shape) -> None:
        """parts: into how many a plane is taken apart; cells: the rows and columns of each."""
        self.backend = backend
        self.cells = cells
        self.parts = parts
        self.plane = math.prod(parts) * math.prod(cells)
        self.images, self.channels = x.shape[:2]
        count = self.images * self.channels * math.prod(parts)
        # The last vector of positions may reach beyond the last row.
        self.layout = contiguous_layout((count * math.prod(cells) + 16,), x.dtype)
        self.nbytes = self.layout.size * x.dtype.itemsize
        block = ceil_div(count, 8 * backend.compute_units)
        self.arguments = struct.pack(
            "<17q", *x.shape[1:], *x.strides, *low, *step, *parts, *cells, count, block)
        self.size = (ceil_div(count, block),) if backend.is_cpu else (cells[1], cells[0], count)
        self.launch = _kernel(backend, "lay_out", "**Sq", x.dtype)

    def lay_out(self, x: Array) -> Array:
        """The copy. What is behind its last row is not written."""
        out = Array(self.backend.allocate(self.nbytes), 0, self.layout)
        local = (1,) if self.backend.is_cpu else None
        self.launch(self.size, local, out.buffer, x.buffer, self.arguments, x.offset)
        return out

    def at(self, channel: Any, part: Sequence[Any], cell: Sequence[Any]) -> Any:
        """How far from the first element of an image this one is."""
        (rows, columns), (i, j) = self.cells, part
        return (channel * self.plane + (i * self.parts[1] + j) * rows * columns
                + cell[0] * columns + cell[1])


def _image_and_taps(backend: OpenCLDevice, x: Layout, taps: Shape, positions: Shape,
                    window: Window) -> tuple[Image, np.ndarray]:
    """x laid out for a convolution, and what the taps (c, k, l) of a group add in it."""
    c, k, l = _grid(*taps)
    moves = k * window.dilation[0], l * window.dilation[1]
    part = tuple(m % s for m, s in zip(moves, window.stride, strict=True))
    cell = tuple(m // s for m, s in zip(moves, window.stride, strict=True))
    cells = tuple(n + int(m.max()) for n, m in zip(positions, cell, strict=True))
    parts = tuple(int(m.max()) + 1 for m in part)
    image = Image(backend, x, window.low, window.stride, parts, cells)
    return image, image.at(c, part, cell)


def _kernel(backend: OpenCLDevice, name: str, types: str, dtype: np.dtype) -> Any:
    """The launcher of a kernel of conv.cl."""
    defines = {"ROWS": tile(backend, dtype)["ROWS"]} if backend.is_cpu else {}
    return backend.programs.kernel("conv.cl", name, types, dtype, **defines)


def _grid(*sizes: int) -> list[np.ndarray]:
    """The indices of an array of this shape, each flat."""
    return [index.ravel() for index in np.indices(sizes)]


def _table(backend: OpenCLDevice, *columns: np.ndarray) -> Array:
    """Columns of numbers on the device, as a table of int, int2 ..."""
    table = np.stack(columns, axis=-1)
    assert abs(table).max(initial=0) < 2**31, "an image is too large for tables of int"
    return backend.from_host(np.ascontiguousarray(table, np.int32))


# --- conv and conv_input ----------------------------------------------------------------------


class Implicit(NamedTuple):
    """A product: out[n, r, position] = sum(w[r, tap] * image[n, tap + position] for tap).

    For every group: the groups share the tables of taps and positions.
    """

    image: Image
    taps: tuple[np.ndarray, np.ndarray]             # what each adds in the image and in w
    rows: int                                       # output channels of a group
    w_row: int
    w_group: int
    channels: int                                   # input channels of a group
    groups: int
    out: Layout
    positions: Shape                                # down and across
    first: Shape                                    # where in a plane of out the first one is
    step: Shape                                     # and how far apart they are


def plan_conv(backend: OpenCLDevice, x: Layout, w: Layout, out: Layout, window: Window) -> Run:
    """How to convolve arrays of these layouts."""
    flat, out = out, _planar(out)
    image, taps = _image_and_taps(backend, x, w.shape[1:], out.shape[2:], window)
    c, k, l = _grid(*w.shape[1:])
    w_taps = c * w.strides[1] + k * w.strides[2] + l * w.strides[3]
    rows = w.shape[0] // window.groups
    step = _multiply(backend, Implicit(
        image, (taps, w_taps), rows, w.strides[0], rows * w.strides[0], w.shape[1],
        window.groups, out, out.shape[2:], (0, 0), (1, 1)))
    return _steps(backend, image, flat, [step])


def plan_conv_input(backend: OpenCLDevice, g: Layout, w: Layout, out: Layout,
                    window: Window) -> Run:
    """How to compute the gradient by x.

    Note [Phases]. With a stride s, pixel i is reached by those taps k alone for which
    i + low - k * dilation is a multiple of s: by other taps for each i + low modulo s. The pixels
    of one such phase are a convolution of g, of stride 1, with the taps that reach them.
    """
    flat, out = out, _planar(out)
    phases = [_phases(*axis) for axis in zip(
        out.shape[2:], w.shape[2:], window.stride, window.low, window.dilation, strict=True)]
    low = tuple(max(phase.before for phase in axis) for axis in phases)
    cells = tuple(
        max(low[i] + phase.after for phase in axis) for i, axis in enumerate(phases))
    image = Image(backend, g, low, (1, 1), (1, 1), cells)
    channels, rows = w.shape[0] // window.groups, w.shape[1]
    steps = []
    for down in phases[0]:
        for across in phases[1]:
            o, i, j = _grid(channels, len(down.taps), len(across.taps))
            k, l = down.taps[i], across.taps[j]
            cell = low[0] + down.starts[i], low[1] + across.starts[j]
            taps = image.at(o, (0, 0), cell), (
                o * w.strides[0] + k * w.strides[2] + l * w.strides[3])
            steps.append(_multiply(backend, Implicit(
                image, taps, rows, w.strides[1], channels * w.strides[0], channels,
                window.groups, out, (down.pixels, across.pixels), (down.first, across.first),
                window.stride)))
    return _steps(backend, image, flat, steps)


class Phase(NamedTuple):
    """The pixels first, first + stride ... of an axis, and what they are sums of.

    Pixel number i of these is the sum over taps of w[tap] * g[i + start of that tap].
    """

    first: int
    pixels: int
    taps: np.ndarray
    starts: np.ndarray
    before: int  # how far before the first and behind element 0 of g the sums reach
    after: int


def _phases(size: int, window: int, stride: int, low: int, dilation: int) -> list[Phase]:
    """The phases of an axis of x, of this size."""
    found = []
    for first in range(min(stride, size)):
        count = ceil_div(size - first, stride)
        moved = first + low - np.arange(window) * dilation
        taps = np.flatnonzero(moved % stride == 0)
        starts = moved[taps] // stride
        found.append(Phase(first, count, taps, starts, int(-starts.min(initial=0)),
                           int(starts.max(initial=0)) + count))
    return found


def _steps(backend: OpenCLDevice, image: Image, out: Layout,
           steps: list[Callable[[Array, Array, Array], None]]) -> Run:
    """The function that lays out x and takes the steps."""
    nbytes = out.size * out.dtype.itemsize
    out = contiguous_layout(out.shape, out.dtype)

    def run(x: Array, w: Array) -> Array:
        laid_out = image.lay_out(x)
        result = Array(backend.allocate(nbytes), 0, out)
        for step in steps:
            step(result, laid_out, w)
        return result

    return run


def _multiply(backend: OpenCLDevice, p: Implicit) -> Callable[[Array, Array, Array], None]:
    """What launches the kernel for this product, given out, the image and w."""
    vectors = on_vectors(backend, p.out.dtype)
    width = backend.programs.vector_width(p.out.dtype)
    begins, ends, lanes = _units(p, width // 2 if vectors else 1)
    units = _table(backend, begins, ends)
    if vectors:
        name, taps = "conv", _table(backend, *p.taps)
        size, local, arguments = _vector_work(backend, p, len(begins), lanes)
    else:
        name, taps = "gathered", _table(backend, *reversed(p.taps))
        size, local, arguments = _gather_work(p, len(begins))
    launch = _kernel(backend, name, "*****Sq", p.out.dtype)

    def step(out: Array, image: Array, w: Array) -> None:
        first, second = (image, w) if vectors else (w, image)
        launch(size, local, out.buffer, first.buffer, second.buffer, taps.buffer, units.buffer,
               arguments, w.offset)

    return step


def _units(p: Implicit, unit: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Where the units of positions begin, in the image and in out, and the positions in each."""
    rows, columns = p.positions
    lanes = min(unit, columns)
    i, j = _grid(rows, ceil_div(columns, unit))
    j = np.minimum(j * unit, columns - lanes)
    down, across = p.first[0] + i * p.step[0], p.first[1] + j * p.step[1]
    return i * p.image.cells[1] + j, down * p.out.shape[3] + across, lanes


def _vector_work(backend: OpenCLDevice, p: Implicit, units: int,
                 lanes: int) -> tuple[Shape, Shape, bytes]:
    """Global and local size, and the struct Convolution.

    An item takes all units of an image, unless there are too few images to share out.
    """
    images = p.image.images * p.groups
    block = ceil_div(units, ceil_div(4 * backend.compute_units, images) * 4) * 4
    out_plane = math.prod(p.out.shape[2:])
    arguments = struct.pack(
        "<14q", p.rows, len(p.taps[0]), units, p.image.channels * p.image.plane,
        p.channels * p.image.plane, p.w_row, p.w_group, p.groups * p.rows * out_plane,
        p.rows * out_plane, out_plane, p.step[1], lanes, p.groups, block)
    return (ceil_div(units, block), images), (1, 1), arguments


def _gather_work(p: Implicit, units: int) -> tuple[Shape, Shape, bytes]:
    """Global and local size, and the struct Gather."""
    columns, depth = p.image.images * units, len(p.taps[0])
    out_plane = math.prod(p.out.shape[2:])
    arguments = struct.pack(
        "<17q", p.rows, columns, depth, p.w_row, out_plane, max(depth, 1), 0, 0, units,
        p.image.channels * p.image.plane, p.groups * p.rows * out_plane, p.w_group,
        p.channels * p.image.plane, p.rows * out_plane, p.groups, depth, 0)
    size = (ceil_div(columns, SIDE) * TILE, ceil_div(p.rows, SIDE) * TILE, p.groups)
    return size, (TILE, TILE, 1), arguments


# --- conv_weight ------------------------------------------------------------------------------


def plan_conv_weight(backend: OpenCLDevice, g: Layout, x: Layout, out: Layout,
                     window: Window) -> Run:
    """How to compute the gradient by w: part of the positions each, and the sum of the parts."""
    image, taps = _image_and_taps(backend, x, _planar(out).shape[1:], g.shape[2:], window)
    table = _table(backend, taps, np.arange(len(taps)))
    correlate = _on_cpu if on_vectors(backend, g.dtype) else _on_gpu
    launch, parts = correlate(backend, image, table, g, out.shape[0], window.groups)
    sums, finish = sums_of(backend, out, parts)
    nbytes = sums.size * sums.dtype.itemsize

    def run(g: Array, x: Array) -> Array:
        result = Array(backend.allocate(nbytes), 0, sums)
        launch(result, g, image.lay_out(x))
        return finish(result)

    return run


def _on_cpu(backend: OpenCLDevice, image: Image, taps: Array, g: Layout, channels: int,
            groups: int) -> tuple[Callable[[Array, Array, Array], None], int]:
    """What launches the kernel `conv_weight`, given out, g and the image; and its number of parts.

    Images are shared out, and where there are few, the channels of each.
    """
    enough, rows = 4 * backend.compute_units, channels // groups
    height, columns = g.shape[2:]
    width = backend.programs.vector_width(g.dtype)
    pitch = ceil_div(columns, width) * width
    if image.cells[1] < pitch:  # all of a plane as one row
        pitch = image.cells[1]
        places = np.arange(ceil_div(height * pitch, width) * width)
        mask = (places % pitch < columns) & (places < height * pitch)
        height = 1
    else:
        mask = np.arange(pitch) < columns
    g_rows = ceil_div(height * len(mask), pitch)
    g_image = Image(backend, g, (0, 0), (1, 1), (1, 1), (g_rows, pitch))
    masks = backend.from_host(-mask.astype(f"i{g.dtype.itemsize}"))
    slice = ceil_div(image.images, min(enough, image.images))
    parts = ceil_div(image.images, slice)
    block = ceil_div(rows, ceil_div(enough, parts * groups) * PAIRS) * PAIRS
    run = max(1, L1_BYTES // ((PAIRS * g_image.plane + image.plane) * g.dtype.itemsize))
    arguments = struct.pack(
        "<15q", rows, taps.shape[0], height, len(mask), image.channels * image.plane,
        image.channels // groups * image.plane, image.cells[1], channels * g_image.plane,
        g_image.plane, pitch, image.images, slice, run, groups, block)
    size = ceil_div(rows, block), groups, parts
    launch = _kernel(backend, "conv_weight", "*****Sq", g.dtype)

    as_it_is = g.is_contiguous and g_image.plane == math.prod(g.shape[2:])

    def step(out: Array, g: Array, laid_out: Array) -> None:
        rows = g if as_it_is else g_image.lay_out(g)
        launch(size, (1, 1, 1), out.buffer, laid_out.buffer, rows.buffer, taps.buffer,
               masks.buffer, arguments, rows.offset)

    return step, parts


def _on_gpu(backend: OpenCLDevice, image: Image, taps: Array, g: Layout, channels: int,
            groups: int) -> tuple[Callable[[Array, Array, Array], None], int]:
    """The same with the kernel `gathered`. The positions are shared out."""
    rows, columns = channels // groups, taps.shape[0]
    i, j = _grid(*g.shape[2:])
    positions = _table(
        backend, i * g.strides[2] + j * g.strides[3], i * image.cells[1] + j)
    depth = image.images * len(i)
    tiles = ceil_div(columns, SIDE), ceil_div(rows, SIDE)
    parts = ceil_div(2 * backend.compute_units, tiles[0] * tiles[1] * groups)
    slice = ceil_div(depth, max(1, min(parts, depth // SHORTEST_SLICE)))
    parts = ceil_div(depth, slice)
    arguments = struct.pack(
        "<17q", rows, columns, depth, g.strides[1], columns, len(i), g.strides[0],
        image.channels * image.plane, columns, 0, 0, rows * g.strides[1],
        image.channels // groups * image.plane, rows * columns, groups, slice,
        channels * columns)
    size = (tiles[0] * TILE, tiles[1] * TILE, groups * parts)
    launch = _kernel(backend, "gathered", "*****Sq", g.dtype)

    def step(out: Array, g: Array, laid_out: Array) -> None:
        launch(size, (TILE, TILE, 1), out.buffer, g.buffer, laid_out.buffer, positions.buffer,
               taps.buffer, arguments, g.offset)

    return step, parts
