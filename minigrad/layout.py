"""Memory formats, which programs for PyTorch name: `zeros_like(p, memory_format=preserve_format)`.

New memory is always contiguous here, so both formats ask for what is done anyway.
"""

from __future__ import annotations

from typing import Any


class MemoryFormat:
    """In which order the elements of a new tensor lie: `minigrad.memory_format`.

    >>> import minigrad
    >>> x = minigrad.ones(2, 3).t()
    >>> minigrad.zeros_like(x, memory_format=minigrad.contiguous_format).is_contiguous()
    True
    """

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"

    def __reduce__(self) -> str:
        return self.name


preserve_format = MemoryFormat("preserve_format")
contiguous_format = MemoryFormat("contiguous_format")


def check_format(op: str, memory_format: Any) -> None:
    """Raises TypeError unless this is one of the two, or None, which stands for the default."""
    if not (memory_format is None or isinstance(memory_format, MemoryFormat)):
        raise TypeError(
            f"{op}(): memory_format must be minigrad.preserve_format or contiguous_format, got "
            f"{memory_format!r}"
        )
