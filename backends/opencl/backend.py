"""The OpenCL backend: a file for each family of kernels, and a .cl file of the same name."""

from __future__ import annotations

from .. import volumes
from ..base import Pads, Shape
from .array import Array
from .conv import conv, conv_input, conv_weight
from .elementwise import Elementwise
from .index import Index
from .loss import Loss
from .matmul import matmul
from .memory import Memory
from .norm import Norm
from .optim import Optim
from .pool import Pool
from .random import Random
from .recurrent import Recurrent
from .reduce import Reduce
from .softmax import Softmax
from .sort import Sort
from .views import Views


class OpenCLBackend(
    Memory, Views, Elementwise, Reduce, Index, Sort, Softmax, Loss, Norm, Pool, Optim, Random,
    Recurrent
):
    """Kernels on `array.Array`, on the device `opencl:index`."""

    def matmul(self, x: Array, y: Array) -> Array:
        return matmul(self, x, y)

    def conv(self, x: Array, w: Array, stride: Shape, padding: Pads, dilation: Shape,
             groups: int) -> Array:
        if len(stride) == 3:
            return volumes.conv(self, x, w, stride, padding, dilation, groups)
        return conv(self, x, w, stride, padding, dilation, groups)

    def conv_input(self, g: Array, w: Array, x_shape: Shape, stride: Shape, padding: Pads,
                   dilation: Shape, groups: int) -> Array:
        if len(stride) == 3:
            return volumes.conv_input(self, g, w, x_shape, stride, padding, dilation, groups)
        return conv_input(self, g, w, x_shape, stride, padding, dilation, groups)

    def conv_weight(self, g: Array, x: Array, w_shape: Shape, stride: Shape, padding: Pads,
                    dilation: Shape, groups: int) -> Array:
        if len(stride) == 3:
            return volumes.conv_weight(self, g, x, w_shape, stride, padding, dilation, groups)
        return conv_weight(self, g, x, w_shape, stride, padding, dilation, groups)
