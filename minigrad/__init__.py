"""minigrad: a deep-learning framework to read. PyTorch's names, NumPy and OpenCL backends."""

import math
from importlib import import_module
from types import SimpleNamespace
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
from minigrad.dtype import (
    bfloat16,
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
from minigrad.dtype import bool_ as bool
from minigrad.layout import MemoryFormat as memory_format
from minigrad.layout import contiguous_format, preserve_format
from minigrad.tensor import Size, Tensor

if TYPE_CHECKING:
    from minigrad import (
        accelerator,
        amp,
        cuda,
        datasets,
        func,
        linalg,
        nn,
        optim,
        signal,
        special,
        testing,
        transforms,
        types,
        utils,
        watch,
    )
    from minigrad.amp import autocast, is_autocast_enabled
    from minigrad.func import vmap
    from minigrad.nn.functional import (
        bilinear,
        celu,
        channel_shuffle,
        cosine_similarity,
        group_norm,
        hardshrink,
        pairwise_distance,
        pdist,
        pixel_shuffle,
        pixel_unshuffle,
        prelu,
        rms_norm,
        selu,
        threshold,
    )
    from minigrad.serialization import load, save
    from minigrad.settings import *

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
version = SimpleNamespace(__version__=__version__, cuda=None, hip=None)

# Imported when first used, so that `import minigrad` is quick: modules, and names of modules.
_LAZY = """accelerator amp cuda datasets func linalg nn optim signal special testing transforms
types utils watch""".split()
_HOMES = {
    "amp": "autocast is_autocast_enabled",
    "func": "vmap",
    "nn.functional": """bilinear celu channel_shuffle cosine_similarity group_norm hardshrink
        pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu rms_norm selu threshold""",
    "serialization": "load save",
    "settings": """are_deterministic_algorithms_enabled compile get_float32_matmul_precision
        get_num_interop_threads get_num_threads set_float32_matmul_precision
        set_num_interop_threads set_num_threads use_deterministic_algorithms""",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return import_module(f"minigrad.{name}")
    if name == "random":
        return import_module("minigrad.ops.random")
    if name in _HOME_OF:
        return getattr(import_module(f"minigrad.{_HOME_OF[name]}"), name)
    if name.endswith("_") and not name.startswith("_") and hasattr(Tensor, name):
        return getattr(Tensor, name)  # exp_(x) is x.exp_()
    raise AttributeError(ops.missing("top level", name, [*globals(), *_LAZY, *_HOME_OF]))
