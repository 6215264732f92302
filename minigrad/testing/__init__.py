"""What it takes to property-test ops and backends: minigrad's own, and yours.

    gradcheck     gradients and second gradients against finite differences
    close         assert_close: the one comparison, which raises
    draws         random shapes, parameters, values and memory layouts, from a seed or from
                  hypothesis
    strategies    the same as hypothesis strategies (needs hypothesis; nothing else here does)
    reference     what every kernel computes, in naive NumPy
    kernels       what to feed each kernel
    specs         OpSpec, and one for every primitive
    checks        what must hold for every op, derived from its spec
    conformance   what must hold for every backend: python -m minigrad.testing.conformance cpu

To test an op of your own, say what it computes and on what to try it:

>>> import numpy as np
>>> import minigrad
>>> from minigrad.testing import checks
>>> from minigrad.testing.specs import OpSpec
>>> spec = OpSpec(
...     "cube",
...     op=lambda x: x * x * x,
...     ref=lambda x: x**3,
...     samples=lambda draw: (draw.values(draw.shape(), (0.5, 2.0)),),
... )
>>> sorted(checks.run(spec))
['edges', 'forward', 'gradient', 'layouts', 'second', 'untouched']

To test a backend of your own, hold it against the conformance suite:

>>> from minigrad.backends.numpy_backend import NumpyBackend
>>> from minigrad.testing import conformance
>>> report = conformance.check_backend(NumpyBackend(), only=["add", "matmul"])
>>> report.failed
[]
"""
