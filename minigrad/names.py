"""NumPy's names of two arguments, which PyTorch takes beside its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def numpy_names(function: Callable[..., Result]) -> Callable[..., Result]:
    """The function, which then takes axis= for dim= and keepdims= for keepdim= as well.

    sum and mean, where 60 ns count, have these arguments written out instead.
    """

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Result:
        if kwargs:
            for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
                if theirs in kwargs:
                    if ours in kwargs:
                        raise TypeError(
                            f"{function.__name__}(): {ours} and {theirs} are two names of one "
                            "argument; pass one"
                        )
                    kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return renamed
