"""Random kernels on NumPy: Philox words and what base.py's Note [Randomness] makes of them."""

from __future__ import annotations

import math

import numpy as np

from .base import Shape

WORD = 2**64


def philox(seed: np.ndarray, offset: np.ndarray) -> np.random.Philox:
    return np.random.Philox(key=int(seed) % WORD, counter=int(offset) % WORD)


def random_bits(seed: np.ndarray, offset: np.ndarray, n: int) -> np.ndarray:
    return philox(seed, offset).random_raw(n).view(np.int64)


def halves(seed: np.ndarray, offset: np.ndarray, n: int) -> np.ndarray:
    """The first n 32-bit halves of the words, low one first, as uint32."""
    words = philox(seed, offset).random_raw((n + 1) // 2)
    return words.astype("<u8", copy=False).view("<u4")[:n]


def uniform(seed: np.ndarray, offset: np.ndarray, shape: Shape, dtype: np.dtype) -> np.ndarray:
    if dtype == np.float16:
        bits = halves(seed, offset, math.prod(shape)) >> 21
        return (bits.astype(np.float16) * np.float16(2.0**-11)).reshape(shape)
    # NumPy's Generator makes its floats from the words by the same rule.
    out = np.empty(shape, dtype)
    np.random.Generator(philox(seed, offset)).random(dtype=dtype, out=out)
    return out


def normal(seed: np.ndarray, offset: np.ndarray, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """Box-Muller: two uniform numbers are the radius and the angle of a point in the plane."""
    n = math.prod(shape)
    pairs = (n + 1) // 2
    if dtype == np.float64:
        words = philox(seed, offset).random_raw(2 * pairs) >> 11
        u = (words[0::2] + 1) * 2.0**-53
        angle = words[1::2] * 2.0**-53
    else:
        bits = halves(seed, offset, 2 * pairs)
        # In float64 first, as a + 1 may be 2 ** 32; the rounding to float32 is the only one.
        u = (bits[0::2] + 1.0).astype(np.float32)
        u *= np.float32(2.0**-32)
        angle = (bits[1::2] >> 8).astype(np.float32)
        angle *= np.float32(2.0**-24)
    angle *= 2 * math.pi
    np.log(u, u)
    u *= -2.0
    radius = np.sqrt(u, u)
    out = np.empty(2 * pairs, u.dtype)
    np.multiply(radius, np.cos(angle), out[0::2])
    np.multiply(radius, np.sin(angle), out[1::2])
    return out[:n].astype(dtype, copy=False).reshape(shape)


def randint(seed: np.ndarray, offset: np.ndarray, shape: Shape, low: int, high: int,
            dtype: np.dtype) -> np.ndarray:
    words = philox(seed, offset).random_raw(math.prod(shape))
    values = high_product(words, high - low)
    values += np.uint64(low % WORD)
    return values.view(np.int64).astype(dtype, copy=False).reshape(shape)


def high_product(words: np.ndarray, span: int) -> np.ndarray:
    """words * span >> 64, by multiplication of 32-bit halves as on paper."""
    low, high = words & 0xFFFFFFFF, words >> 32
    span_high, span_low = divmod(span, 1 << 32)
    middle = high * span_low + (low * span_low >> 32)
    if span_high == 0:
        return middle >> 32
    other = low * span_high + (middle & 0xFFFFFFFF)
    return high * span_high + (middle >> 32) + (other >> 32)
