"""The graph and the engine: who computed what, and how gradients flow back."""

from importlib import import_module
from typing import Any

from minigrad.autograd import functional
from minigrad.autograd.anomaly import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from minigrad.autograd.engine import backward, grad
from minigrad.autograd.function import Function, once_differentiable
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
from minigrad.autograd.variable import Variable
from minigrad.names import missing

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "elementwise",
    "enable_grad",
    "functional",
    "grad",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "once_differentiable",
    "primitive",
    "register_hook",
    "register_post_accumulate_grad_hook",
    "retain_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    # Part of the testing kit, which stands above this layer; PyTorch has them here.
    if name in ("gradcheck", "gradgradcheck"):
        return getattr(import_module("minigrad.testing.gradcheck"), name)
    raise AttributeError(missing("autograd", name, __all__))
