"""Memory: copies between host and device, between layouts and between types. See copy.cl."""

from __future__ import annotations

import numpy as np

from ..base import Number, Shape
from .array import Array, HostCopy, contiguous_layout
from .device import OpenCLDevice
from .program import TYPES, device_failed
from .walk import SLOTS, overlap, plan

INT64 = np.dtype(np.int64)
LARGEST_HOST_COPY = 1 << 20  # elements; longer indices are checked on the device


class Memory(OpenCLDevice):
    """The kernels that make arrays and copy them."""

    def from_host(self, array: np.ndarray) -> Array:
        array = np.ascontiguousarray(array).reshape(array.shape)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        x = self.empty(array.shape, np.dtype(array.dtype.type))
        if x.dtype == INT64 and array.size <= LARGEST_HOST_COPY:
            x.host = HostCopy(array.copy())
        if array.size == 1:
            _fill(self, x, array.item())  # as a number: nothing to copy, and nothing to wait for
        elif array.size:
            self.uploads.start(x, array)
        return x

    def to_host(self, x: Array) -> np.ndarray:
        array = np.empty(x.shape, x.dtype)
        if array.size:
            x = self.contiguous(x)
            start = x.offset * x.dtype.itemsize
            try:
                event = self.cl.enqueue_copy(
                    self.queue, array, x.buffer, src_offset=start, is_blocking=True)
            except self.cl.Error as error:
                raise device_failed(self.queue, "copying to the host", error) from error
            self.programs.notes.add(event)
        self.errors.raise_if_any()
        return array

    def empty(self, shape: Shape, dtype: np.dtype) -> Array:
        self.check_type(dtype)
        kind = contiguous_layout(tuple(shape), dtype)
        return Array(self.allocate(kind.size * dtype.itemsize), 0, kind)

    def full(self, shape: Shape, value: Number, dtype: np.dtype) -> Array:
        return _fill(self, self.empty(shape, dtype), value)

    def arange(self, start: Number, step: Number, n: int, dtype: np.dtype) -> Array:
        out = self.empty((n,), dtype)
        if n:
            is_float, is_double = dtype.kind == "f", dtype == np.float64
            types = "*II" + ("dddd" if is_double else "ffff" if is_float else "qq")
            defines = _source(dtype, dtype)
            launch = self.programs.kernel("copy.cl", "arange", types, dtype, **defines)
            chunk, global_size, local_size = self.shares(n)
            numbers = (*_in_two(start), *_in_two(step)) if is_float else (int(start), int(step))
            launch(global_size, local_size, out.buffer, n, chunk, *numbers)
        return out

    def copy_(self, dst: Array, src: Array) -> Array:
        key = ("copy_", dst.layout, src.layout)
        made = self.plans.get(key)
        if made is None:
            defines = _source(src.dtype, dst.dtype)
            launch = self.programs.kernel("copy.cl", "copy", "**S", dst.dtype, **defines)
            made = plan(self, launch, dst.layout, [src.layout], 1, 1, SLOTS[dst.dtype.name])
            if made is None:
                return _copy_slices(self, dst, src)
            self.keep(key, made)
        if dst.host is not None:
            dst.host.values = None
        if overlap(src, dst):
            src = self.copy(src)
            return self.copy_(dst, src)
        if made.nbytes:
            made.run(dst, [src.buffer], [src.offset], [])
        return dst

    def copy(self, x: Array) -> Array:
        return self.copy_(self.empty(x.shape, x.dtype), x)

    def cast(self, x: Array, dtype: np.dtype) -> Array:
        return x if x.dtype == dtype else self.copy_(self.empty(x.shape, np.dtype(dtype)), x)

    def contiguous(self, x: Array) -> Array:
        return x if x.layout.is_contiguous else self.copy(x)

    def is_contiguous(self, x: Array) -> bool:
        return x.layout.is_contiguous

    def strides(self, x: Array) -> tuple[int, ...]:
        return x.strides


def _in_two(x: Number) -> tuple[float, float]:
    """x, to be rounded to float32 or not at all, and what float32 has no room for."""
    return x, x - float(np.float32(x))


def _fill(backend: OpenCLDevice, out: Array, value: Number) -> Array:
    key = ("fill", out.layout)
    made = backend.plans.get(key)
    if made is None:
        dtype = out.dtype
        launch = backend.programs.kernel("copy.cl", "fill", "*S", dtype, **_source(dtype, dtype))
        made = plan(backend, launch, out.layout, [None], 1, 0, SLOTS[dtype.name])
        assert made is not None  # a new array is one row
        backend.keep(key, made)
    if made.nbytes:
        made.run(out, [], [], [value])
    return out


def _copy_slices(backend: OpenCLDevice, dst: Array, src: Array) -> Array:
    """As walk._by_slices: the first of too many axes is a loop on the host."""
    axis = next(axis for axis, n in enumerate(dst.shape) if n > 1)
    src = backend.expand(src, dst.shape)
    rest = tuple(slice(0, n, 1) for n in dst.shape)
    for i in range(dst.shape[axis]):
        key = (*rest[:axis], i, *rest[axis + 1:])
        backend.copy_(backend.slice(dst, key), backend.slice(src, key))
    return dst


def _source(dtype: np.dtype, target: np.dtype) -> dict[str, object]:
    """The defines of copy.cl for a source of this type, which is cast to the type `target`."""
    memory, computed, *_, last = TYPES[dtype.name]
    flags = {"IS_HALF": "FROM_HALF", "IS_DOUBLE": "FROM_DOUBLE"}
    defines: dict[str, object] = {"S": memory, "SC": computed}
    if last in flags:
        defines[flags[last]] = True
    if dtype.kind == "f" and target.kind in "iu" and target.itemsize < 4:
        defines["VIA"] = "int"
    return defines
