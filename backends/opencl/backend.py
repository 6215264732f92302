"""The OpenCL backend: a file for each family of kernels, and a .cl file of the same name."""

from __future__ import annotations

from .array import Array
from .elementwise import Elementwise
from .index import Index
from .loss import Loss
from .matmul import matmul
from .memory import Memory
from .norm import Norm
from .optim import Optim
from .pool import Pool
from .random import Random
from .reduce import Reduce
from .softmax import Softmax
from .sort import Sort
from .views import Views


class OpenCLBackend(
    Memory, Views, Elementwise, Reduce, Index, Sort, Softmax, Loss, Norm, Pool, Optim, Random
):
    """Kernels on `array.Array`, on the device `opencl:index`."""

    def matmul(self, x: Array, y: Array) -> Array:
        return matmul(self, x, y)
