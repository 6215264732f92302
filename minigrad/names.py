"""NumPy's names of arguments, which PyTorch takes beside its own; and names that are missing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from difflib import get_close_matches
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


def missing(where: str, name: str, known: Iterable[str]) -> str:
    """The text of an AttributeError, for a name that PyTorch may have: names what comes nearest."""
    near = get_close_matches(name, [n for n in known if not n.startswith("_")], n=3)
    hint = f"; what comes nearest: {', '.join(near)}" if near else ""
    return (
        f"minigrad's {where} has no attribute '{name}' (minigrad has part of PyTorch's names){hint}"
    )
