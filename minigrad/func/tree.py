"""Arguments and results as trees: tensors in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """What is in a tree, in order."""
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in leaves(branch)]
    if isinstance(tree, tuple | list):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [tree]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with function(leaf) for each leaf."""
    if isinstance(tree, dict):
        return type(tree)((key, mapped(function, branch)) for key, branch in tree.items())
    if isinstance(tree, tuple | list):
        branches = [mapped(function, branch) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
    return function(tree)


def rebuilt(tree: Any, values: Sequence[Any]) -> Any:
    """The tree with these values for its leaves."""
    rest = iter(values)
    return mapped(lambda _: next(rest), tree)


def matched(prefix: Any, tree: Any) -> list[Any] | None:
    """For each leaf of the tree what `prefix` has in its place, or above it; None where it does
    not fit.
    """
    if isinstance(prefix, int) or prefix is None:
        return [prefix] * len(leaves(tree))
    if isinstance(prefix, dict) and isinstance(tree, dict) and prefix.keys() == tree.keys():
        pairs = [(prefix[key], branch) for key, branch in tree.items()]
    elif isinstance(prefix, tuple | list) and isinstance(tree, tuple | list):
        if len(prefix) != len(tree):
            return None
        pairs = list(zip(prefix, tree, strict=True))
    else:
        return None
    found: list[Any] = []
    for above, branch in pairs:
        below = matched(above, branch)
        if below is None:
            return None
        found += below
    return found
