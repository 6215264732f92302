"""Optimizers and learning-rate schedules, under PyTorch's names."""

from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.optim import lr_scheduler
from minigrad.optim.adam import Adam
from minigrad.optim.adamw import AdamW
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(ops.missing("optim", name, __all__))
