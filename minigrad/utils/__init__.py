"""Checkpointing and data loading."""

from typing import TYPE_CHECKING, Any

from minigrad.names import missing
from minigrad.utils import checkpoint, data

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("utils", name, globals()))
