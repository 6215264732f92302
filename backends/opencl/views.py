"""Views: another shape, other strides, another offset, the same buffer. No data moves."""

from __future__ import annotations

from ..base import Axes, Key, Shape
from .array import Array, strides_of_view
from .device import OpenCLDevice


class Views(OpenCLDevice):
    """The kernels of base.py whose result shares the memory of its operand."""

    def view(self, x: Array, shape: Shape) -> Array | None:
        strides = strides_of_view(x.shape, x.strides, tuple(shape))
        return None if strides is None else x.seen_as(tuple(shape), strides)

    def permute(self, x: Array, axes: Axes) -> Array:
        return x.seen_as(tuple([x.shape[a] for a in axes]), tuple([x.strides[a] for a in axes]))

    def expand(self, x: Array, shape: Shape) -> Array:
        new = len(shape) - len(x.shape)
        own = [0 if old != n else stride
               for old, n, stride in zip(x.shape, shape[new:], x.strides, strict=True)]
        return x.seen_as(tuple(shape), (0,) * new + tuple(own))

    def slice(self, x: Array, key: Key) -> Array:
        offset, shape, strides = x.offset, [], []
        for part, n, stride in zip(key, x.shape, x.strides, strict=True):
            if isinstance(part, slice):
                count = len(range(*part.indices(n)))
                if count:
                    offset += part.start * stride
                shape.append(count)
                strides.append(stride * part.step)
            else:
                offset += part * stride
        return x.seen_as(tuple(shape), tuple(strides), offset)

    def diagonal(self, x: Array, offset: int, axis1: int, axis2: int) -> Array:
        first, second = max(-offset, 0), max(offset, 0)
        count = max(min(x.shape[axis1] - first, x.shape[axis2] - second), 0)
        rest = [axis for axis in range(len(x.shape)) if axis not in (axis1, axis2)]
        along = x.strides[axis1] + x.strides[axis2]
        start = first * x.strides[axis1] + second * x.strides[axis2] if count else 0
        return x.seen_as((*[x.shape[a] for a in rest], count),
                         (*[x.strides[a] for a in rest], along), x.offset + start)

    def unfold(self, x: Array, axis: int, size: int, step: int) -> Array:
        if not x.shape:
            return x.seen_as((size,), (1,))
        shape, strides = list(x.shape), list(x.strides)
        shape[axis] = (shape[axis] - size) // step + 1
        strides[axis] *= step
        return x.seen_as((*shape, size), (*strides, x.strides[axis]))

    def flip(self, x: Array, axes: Axes) -> Array:
        offset, strides = x.offset, list(x.strides)
        for axis in axes if x.shape else ():
            offset += max(x.shape[axis] - 1, 0) * strides[axis]
            strides[axis] = -strides[axis]
        return self.copy(x.seen_as(x.shape, tuple(strides), offset))
