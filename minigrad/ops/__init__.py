"""The ops: the table of primitives and the torch-named functions over them, one family a file.

    elementwise   arithmetic, exponentials, comparison, activations
    reduce        sum, mean, max, var ... over dimensions
    statistics    median, quantile, cummax, histograms, differences
    special       special functions, and elementwise ops beyond arithmetic
    shape         reshape, permute, cat, pad ...
    arrange       stacks, splits, grids, scattered slices
    index         x[...], gather, scatter, sort ...
    place         scatter_reduce, masked_scatter, take, isin ...
    linalg        matmul, einsum, linear ...
    products      addmv, kron, cross, cdist, cov ...
    decompose     inverses and decompositions of matrices; elimination: LU;
                  matrix, norms: what follows from them
    conv, pool    convolutions and pooling
    recurrent     the steps of an LSTM
    ctc           the walks of connectionist temporal classification
    fused         softmax, losses, normalisation, attention: composites with a kernel of their own
    create        making tensors, changing type and device
    random        random numbers and the generator
    optim         the optimizers' steps
"""

from minigrad.ops import (  # isort: skip
    arrange,
    conv,
    create,
    ctc,
    decompose,
    elementwise,
    elimination,
    fused,
    index,
    linalg,
    matrix,
    norms,
    optim,
    place,
    pool,
    printing,
    products,
    random,
    recurrent,
    reduce,
    shape,
    special,
    statistics,
)
from minigrad.autograd.inplace import copy_, fill, inplace, overwriting
from minigrad.names import missing
from minigrad.ops.arrange import *
from minigrad.ops.axes import one_axis
from minigrad.ops.conv import *
from minigrad.ops.create import *
from minigrad.ops.create import type_
from minigrad.ops.ctc import log_of_walks
from minigrad.ops.decompose import *
from minigrad.ops.elementwise import *
from minigrad.ops.elementwise import scaled
from minigrad.ops.elimination import lu, lu_unpack
from minigrad.ops.elimination import old_lu_solve as lu_solve
from minigrad.ops.fused import *
from minigrad.ops.index import *
from minigrad.ops.index import index_put_inplace
from minigrad.ops.linalg import *
from minigrad.ops.matrix import *
from minigrad.ops.norms import *
from minigrad.ops.optim import *
from minigrad.ops.place import *
from minigrad.ops.pool import *
from minigrad.ops.printing import format_tensor, set_printoptions
from minigrad.ops.products import *
from minigrad.ops.random import *
from minigrad.ops.recurrent import lstm, lstm_step
from minigrad.ops.reduce import *
from minigrad.ops.shape import *
from minigrad.ops.special import *
from minigrad.ops.statistics import *

# `from minigrad.ops import *` gives the ops and not the modules: minigrad.optim is another one.
# mypy understands this form.
__all__: list[str] = []
__all__ += arrange.__all__
__all__ += conv.__all__
__all__ += create.__all__
__all__ += decompose.__all__
__all__ += elementwise.__all__
__all__ += fused.__all__
__all__ += ["fill"]
__all__ += index.__all__
__all__ += linalg.__all__
__all__ += ["lu", "lu_solve", "lu_unpack"]
__all__ += matrix.__all__
__all__ += norms.__all__
__all__ += optim.__all__
__all__ += place.__all__
__all__ += pool.__all__
__all__ += printing.__all__
__all__ += products.__all__
__all__ += random.__all__
__all__ += reduce.__all__
__all__ += shape.__all__
__all__ += special.__all__
__all__ += statistics.__all__
