"""The graph and the engine: who computed what, and how gradients flow back."""

from minigrad.autograd.engine import backward, grad
from minigrad.autograd.hooks import register_hook, register_post_accumulate_grad_hook, retain_grad
from minigrad.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minigrad.autograd.primitive import elementwise, primitive

__all__ = [
    "backward",
    "elementwise",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "primitive",
    "register_hook",
    "register_post_accumulate_grad_hook",
    "retain_grad",
    "set_grad_enabled",
]
