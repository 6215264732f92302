"""minigrad: a deep-learning framework to read. PyTorch's names, NumPy and OpenCL backends."""

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

from minigrad import autograd  # isort: skip  (first: it ties tensor and graph together)
from minigrad import ops
from minigrad import tensor as _tensor_module
from minigrad.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minigrad.device import Device as device
from minigrad.device import default_device as get_default_device
from minigrad.device import register_backend, set_default_device
from minigrad.dtype import DType as dtype
from minigrad.dtype import bool_ as bool
from minigrad.dtype import (
    can_cast,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from minigrad.tensor import Size, Tensor

if TYPE_CHECKING:
    from minigrad import (
        cuda,
        datasets,
        linalg,
        nn,
        optim,
        special,
        testing,
        transforms,
        utils,
        watch,
    )
    from minigrad.serialization import load, save

# Tensor's methods call what is built upon it. See Note [Tensor and the layers above it].
_tensor_module.ops = ops
_tensor_module.autograd = autograd

from minigrad.ops import *  # noqa: E402  # isort: skip

# Methods are a line each: what they do is said at the op.
for _name, _method in vars(Tensor).items():
    if callable(_method) and not _method.__doc__ and hasattr(ops, _name.rstrip("_")):
        _text = getattr(ops, _name.rstrip("_")).__doc__
        _method.__doc__ = f"In place: {_text}" if _name.endswith("_") else _text

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
pi, e, inf, nan, newaxis = math.pi, math.e, math.inf, math.nan, None
__version__ = "0.1.0"

_LAZY = (
    "cuda",
    "datasets",
    "linalg",
    "nn",
    "optim",
    "special",
    "testing",
    "transforms",
    "utils",
    "watch",
)


def __getattr__(name: str) -> Any:
    # Imported when first used, so that `import minigrad` is quick.
    if name in _LAZY:
        return import_module(f"minigrad.{name}")
    if name in ("load", "save"):
        return getattr(import_module("minigrad.serialization"), name)
    if name.endswith("_") and not name.startswith("_") and hasattr(Tensor, name):
        return getattr(Tensor, name)  # exp_(x) is x.exp_()
    raise AttributeError(ops.missing("top level", name, globals()))
