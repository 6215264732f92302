"""Data loading; checkpoints of training runs, and of activations."""

from typing import TYPE_CHECKING, Any

from minigrad.names import missing
from minigrad.utils import checkpoint, checkpoint_file, data
from minigrad.utils.checkpoint_file import CheckpointFile

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("utils", name, globals()))
