"""What it takes to property-test ops and backends: minigrad's own, and yours.

    gradcheck     gradients and second gradients against finite differences
    equality      minigrad.testing.assert_close: PyTorch's, for the tests of your programs
    close         the one comparison of the checks below, which raises
    draws         random shapes, parameters, values and memory layouts, from a seed or from
                  hypothesis
    strategies    the same as hypothesis strategies (needs hypothesis; nothing else here does)
    reference     what every kernel computes, in naive NumPy
    kernels       what to feed each kernel
    specs         OpSpec, and one for every primitive
    checks        what must hold for every op, derived from its spec
    conformance   what must hold for every backend: python -m minigrad.testing.conformance cpu

**An op of your own.** Say what it computes and on what to try it. Here a Function with a rule that
was written by hand, and then the same with a mistake in its second derivative:

>>> import minigrad
>>> from minigrad.testing import checks
>>> from minigrad.testing.specs import OpSpec
>>> class Cube(minigrad.autograd.Function):
...     @staticmethod
...     def forward(ctx, x):
...         ctx.save_for_backward(x)
...         return x * x * x
...     @staticmethod
...     def backward(ctx, g):
...         (x,) = ctx.saved_tensors
...         return 3 * x * x * g
>>> def spec_of(op):
...     return OpSpec(
...         "cube",
...         op=op,
...         ref=lambda x: x**3,
...         samples=lambda draw: (draw.values(draw.shape(), (0.5, 2.0)),),
...     )
>>> sorted(checks.run(spec_of(Cube.apply)))
['edges', 'forward', 'gradient', 'layouts', 'second', 'untouched']
>>> class Careless(Cube):
...     @staticmethod
...     def backward(ctx, g):
...         (x,) = ctx.saved_tensors
...         return 3 * x.detach() * x * g
>>> try:
...     checks.run(spec_of(Careless.apply))
... except AssertionError as error:
...     print(*error.__notes__)
cube fails the check 'second' with seed 0

In a test suite, `@pytest.mark.parametrize(("spec", "check"), checks.cases([my_spec]))` makes a test
of each: `checks.CHECKS[check](spec, Seeded(0), minigrad.device("cpu"))`. Lesson 4 of the tutorials
goes on from here.

**A backend of your own.** Hold it against the conformance suite: an object as here, or by the name
that it is registered under, `python -m minigrad.testing.conformance NAME` (which finds the entry
points of installed packages). A backend that does one thing in a way of its own, and wrong:

>>> import numpy as np
>>> from minigrad.backends.numpy_backend import NumpyBackend
>>> from minigrad.testing import conformance
>>> class Mine(NumpyBackend):
...     def relu(self, x, out=None):
...         return np.maximum(x, 0, out=... if out is None else out)
...     def fmod(self, x, y, out=None):
...         return super().remainder(x, y, out)
>>> report = conformance.check_backend(Mine(), only=["relu", "fmod"])
>>> str(report)
'48 passed, 28 failed, 0 skipped'
>>> sorted({case.split("-")[0] for case, message in report.failed})
['fmod']

In a test suite, `@pytest.mark.parametrize("case", conformance.cases(), ids=str)` and
`case.run(Mine())`. What each kernel must compute stands in minigrad/backends/base.py.
"""

from minigrad.testing.equality import assert_close
