"""Helpers for training loops: clipping gradients, parameters as one vector, packed sequences."""

from typing import TYPE_CHECKING, Any

from minigrad.names import missing
from minigrad.nn.utils import parametrizations, parametrize, rnn
from minigrad.nn.utils.clip_grad import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from minigrad.nn.utils.convert import parameters_to_vector, vector_to_parameters
from minigrad.nn.utils.init import skip_init

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm",
    "parameters_to_vector", "parametrizations", "parametrize", "rnn", "skip_init",
    "vector_to_parameters",
]  # fmt: skip


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("nn.utils", name, globals()))
