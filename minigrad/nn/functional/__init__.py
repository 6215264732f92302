"""torch.nn.functional's functions.

Those with a gradient rule or a kernel of their own come from minigrad.ops and are only given their
names here. The rest are composites, a few lines of ops each, whose gradients follow: a file here
for each family.
"""

from typing import TYPE_CHECKING, Any

from minigrad.names import missing
from minigrad.nn.functional import (
    activation,
    ctc,
    distance,
    drop,
    embed,
    fractional,
    grid,
    loss,
    normalization,
    resize,
    windows,
)
from minigrad.nn.functional.activation import *
from minigrad.nn.functional.ctc import *
from minigrad.nn.functional.distance import *
from minigrad.nn.functional.drop import *
from minigrad.nn.functional.embed import *
from minigrad.nn.functional.fractional import *
from minigrad.nn.functional.grid import *
from minigrad.nn.functional.loss import *
from minigrad.nn.functional.normalization import *
from minigrad.nn.functional.resize import *
from minigrad.nn.functional.windows import *
from minigrad.ops import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    batch_norm,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    cross_entropy,
    dropout,
    elu,
    embedding,
    gelu,
    layer_norm,
    leaky_relu,
    linear,
    log_softmax,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
    nll_loss,
    one_hot,
    pad,
    scaled_dot_product_attention,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "batch_norm", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "cross_entropy", "dropout", "elu", "embedding", "gelu", "layer_norm",
    "leaky_relu", "linear", "log_softmax", "max_pool1d", "max_pool2d", "max_pool3d",
    "max_unpool1d", "max_unpool2d", "max_unpool3d", "nll_loss", "one_hot", "pad",
    "scaled_dot_product_attention", "sigmoid", "silu", "softmax", "softplus", "tanh",
]  # fmt: skip
__all__ += activation.__all__
__all__ += ctc.__all__
__all__ += distance.__all__
__all__ += drop.__all__
__all__ += embed.__all__
__all__ += fractional.__all__
__all__ += grid.__all__
__all__ += loss.__all__
__all__ += normalization.__all__
__all__ += resize.__all__
__all__ += windows.__all__

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("nn.functional", name, __all__))
