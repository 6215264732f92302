"""Convolutions in three dimensions, by way of those in two.

The taps along the depth become channels: with z the depth of a position and t that of a tap,

    out[n, o, z] = sum(conv2d(x[n, c, z * stride + t * dilation - low], w[o, c, t]) for c, t)

is a sum over pairs (c, t), as a convolution in two dimensions sums over its channels. So every z
becomes an image of its own, of which channel (c, t) is a slice of x. A backend that convolves
images fast convolves volumes fast.
"""

from __future__ import annotations

from .base import Array, Backend, Pads, Shape


def conv(backend: Backend, x: Array, w: Array, stride: Shape, padding: Pads, dilation: Shape,
         groups: int) -> Array:
    slices = _slices(backend, x, w.shape[2], stride, padding, dilation)
    out = backend.conv(slices, _flat(backend, w), stride[1:], padding[1:], dilation[1:], groups)
    return _as_volumes(backend, out, x.shape[0])


def conv_input(backend: Backend, g: Array, w: Array, x_shape: Shape, stride: Shape, padding: Pads,
               dilation: Shape, groups: int) -> Array:
    (n, c, depth, *plane), taps = x_shape, w.shape[2]
    shape = (n * g.shape[2], c * taps, *plane)
    slices = backend.conv_input(_as_images(backend, g), _flat(backend, w), shape, stride[1:],
                                padding[1:], dilation[1:], groups)
    windows = backend.view(slices, (n, g.shape[2], c, taps, *plane))
    windows = backend.permute(windows, (0, 2, 1, 4, 5, 3))
    span = dilation[0] * (taps - 1) + 1
    spread = windows.shape[:-1] + (span,)
    windows = backend.unslice(windows, spread, _last(spread, dilation[0]))
    low, high = padding[0]
    padded = backend.fold(windows, (n, c, low + depth + high, *plane), 2, span, stride[0])
    key = [slice(0, size, 1) for size in padded.shape]
    key[2] = slice(low, low + depth, 1)
    return backend.slice(padded, tuple(key))


def conv_weight(backend: Backend, g: Array, x: Array, w_shape: Shape, stride: Shape, padding: Pads,
                dilation: Shape, groups: int) -> Array:
    slices = _slices(backend, x, w_shape[2], stride, padding, dilation)
    o, c, taps, *window = w_shape
    out = backend.conv_weight(_as_images(backend, g), slices, (o, c * taps, *window), stride[1:],
                              padding[1:], dilation[1:], groups)
    return backend.view(out, w_shape)


def _slices(backend: Backend, x: Array, taps: int, stride: Shape, padding: Pads,
            dilation: Shape) -> Array:
    """The images (n, z) of channels (c, t)."""
    none = (0, 0)
    x = backend.pad(x, (none, none, padding[0], none, none), 0)
    windows = backend.unfold(x, 2, dilation[0] * (taps - 1) + 1, stride[0])
    windows = backend.slice(windows, _last(windows.shape, dilation[0]))
    n, c, positions, *plane, _ = windows.shape
    slices = backend.permute(windows, (0, 2, 1, 5, 3, 4))
    return backend._reshape(slices, (n * positions, c * taps, *plane))


def _last(shape: Shape, step: int) -> tuple[slice, ...]:
    """The key of every step-th element of the last axis."""
    return (*[slice(0, n, 1) for n in shape[:-1]], slice(0, shape[-1], step))


def _flat(backend: Backend, w: Array) -> Array:
    """The weights of channels (c, t)."""
    o, c, taps, *window = w.shape
    return backend._reshape(w, (o, c * taps, *window))


def _as_images(backend: Backend, x: Array) -> Array:
    n, c, depth, *plane = x.shape
    return backend._reshape(backend.permute(x, (0, 2, 1, 3, 4)), (n * depth, c, *plane))


def _as_volumes(backend: Backend, x: Array, n: int) -> Array:
    volumes = backend.view(x, (n, x.shape[0] // n if n else 0, *x.shape[1:]))
    return backend.permute(volumes, (0, 2, 1, 3, 4))
