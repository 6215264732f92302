"""What to say when a name of PyTorch's is asked for that minigrad has not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def missing(where: str, name: str, known: Iterable[str]) -> str:
    """The text of an AttributeError that names what comes nearest."""
    near = get_close_matches(name, [n for n in known if not n.startswith("_")], n=3)
    hint = f"; what comes nearest: {', '.join(near)}" if near else ""
    return (
        f"minigrad's {where} has no attribute '{name}' (minigrad has part of PyTorch's names){hint}"
    )
