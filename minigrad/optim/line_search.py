"""A line search for the strong Wolfe conditions (Nocedal and Wright, 2006, algorithms 3.5, 3.6).

Along a direction of descent d, with f(t) = f(x + t d) and its slope f'(t) = grad f . d, it looks
for a t with

    f(t) <= f(0) + c1 * t * f'(0)         it goes down enough
    |f'(t)| <= -c2 * f'(0)                and is nearly level there

The first part makes t larger until an interval must hold such a point: because f has gone up, or
the slope has. The second part makes the interval smaller, by the minimum of the cubic that has the
values and the slopes at its ends.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from minigrad.tensor import Tensor

C1, C2 = 1e-4, 0.9
SMALLEST_CHANGE = 1e-9


class Point(NamedTuple):
    """What is known at t: the value f, the gradient g, the slope along the line."""

    t: float
    f: float
    g: Tensor
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, longest: float, limit: int
) -> tuple[Point, int]:
    """The point found, and how often f was evaluated, at most limit + 1 times.

    `start` is the point at 0, t the first to try, `longest` the largest number of |d|.
    """

    def too_high(x: Point) -> bool:
        return x.f > start.f + C1 * x.t * start.slope

    def is_level(x: Point) -> bool:
        return abs(x.slope) <= -C2 * start.slope

    before, now = start, evaluate(t)
    for i in range(limit):
        evaluations = i + 1
        if too_high(now) or (i > 1 and now.f >= before.f):
            break
        if is_level(now):
            return now, evaluations
        if now.slope >= 0.0:
            break
        t = cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), 10.0 * now.t)
        before, now = now, evaluate(t)
    else:
        ends = [start, now]
        return ends[_lower(ends)], max(limit, 0) + 1

    ends = [before, now]
    low = _lower(ends)
    was_near_an_end = False
    while evaluations <= limit and not abs(before.t - now.t) * longest < SMALLEST_CHANGE:
        t, was_near_an_end = _inside(ends[0], ends[1], was_near_an_end)
        new = evaluate(t)
        evaluations += 1
        if too_high(new) or new.f >= ends[low].f:
            ends[1 - low] = new
            low = _lower(ends)
        else:
            if is_level(new):
                return new, evaluations
            if new.slope * (ends[1 - low].t - ends[low].t) >= 0.0:
                ends[1 - low] = ends[low]
            ends[low] = new
        before, now = ends
    return ends[low], evaluations


def _lower(ends: list[Point]) -> int:
    return 0 if ends[0].f <= ends[1].f else 1


def _inside(x: Point, y: Point, was_near_an_end: bool) -> tuple[float, bool]:
    """The next t to try between two points, and whether it is near one of them.

    Twice near an end in turn, or on it, and it moves a tenth of the interval away.
    """
    left, right = sorted((x.t, y.t))
    t = cubic_minimum(x, y, left, right)
    margin = 0.1 * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if was_near_an_end or t >= right or t <= left:
        return right - margin if abs(t - right) < abs(t - left) else left + margin, False
    return t, True


def cubic_minimum(x: Point, y: Point, low: float, high: float) -> float:
    """Where the cubic with these values and slopes has its minimum, kept within [low, high]; their
    middle where it has none.
    """
    left, right = (x, y) if x.t <= y.t else (y, x)
    width = right.t - left.t
    a = left.slope + right.slope - 3.0 * (right.f - left.f) / width
    square = a * a - left.slope * right.slope
    if not square >= 0.0:
        return (low + high) / 2.0
    b = math.sqrt(square)
    curvature = right.slope - left.slope + 2.0 * b
    if curvature == 0.0:  # a straight line
        return high if right.slope < 0.0 else low
    t = right.t - width * ((right.slope + b - a) / curvature)
    return min(max(t, low), high)
