"""The ops: the table of primitives and the torch-named functions over them, one family a file.

    elementwise   arithmetic, exponentials, comparison, activations
    reduce        sum, mean, max, var ... over dimensions
    shape         reshape, permute, cat, pad ...
    index         x[...], gather, scatter, sort ...
    linalg        matmul, einsum, linear ...
    conv, pool    convolutions and pooling
    fused         softmax, losses, normalisation, attention: composites with a kernel and a rule of their own
    create        making tensors, changing type and device
    random        random numbers and the generator
    optim         the optimizers' steps
"""

from minigrad.autograd.inplace import copy_, fill, inplace
from minigrad.ops.axes import one_axis
from minigrad.ops.conv import *
from minigrad.ops.create import *
from minigrad.ops.elementwise import *
from minigrad.ops.fused import *
from minigrad.ops.index import *
from minigrad.ops.linalg import *
from minigrad.ops.missing import missing
from minigrad.ops.optim import *
from minigrad.ops.pool import *
from minigrad.ops.printing import format_tensor, set_printoptions
from minigrad.ops.random import *
from minigrad.ops.reduce import *
from minigrad.ops.shape import *
