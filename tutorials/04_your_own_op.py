# %% [markdown]
# # 4. Write an op of your own, and property-test it
#
# Our op is `logcosh(x) = log(cosh(x))`, a popular loss: like `x² / 2` near 0, like `|x|` far away,
# and smooth in between.
#
#              \                 /
#               \               /             logcosh(x) -> |x| - log 2
#                \             /
#                 `.         .'
#                   `-.___.-'                 logcosh(x) ~ x² / 2
#
# We write it three times: as a function of other ops, as a `Function`, and as a primitive with a
# kernel of its own. And we test each as minigrad tests its own ops. Not on the two examples that
# come to mind, but on inputs that a machine chooses: random shapes, empty ones, odd memory
# layouts, large numbers. A statement that must hold for *all* inputs is called a *property*.

# %%
import numpy as np
from hypothesis import given, settings

import minigrad
from minigrad.autograd import Function
from minigrad.testing import strategies
from minigrad.testing.gradcheck import gradcheck, gradgradcheck

# %% [markdown]
# ## First form: a function of ops
#
# Nothing is simpler, and it is often enough. All gradients come by themselves. `gradcheck`
# compares them with differences, `(f(x + h) - f(x - h)) / 2h`, in double precision, and raises if
# they differ.

# %%


def simple_logcosh(x):
    return x.cosh().log()


x = minigrad.linspace(-3, 3, 7, dtype=minigrad.float64, requires_grad=True)
gradcheck(simple_logcosh, x)
gradgradcheck(simple_logcosh, x)
print("logcosh of", x.tolist(), "is", [round(value, 4) for value in simple_logcosh(x).tolist()])
expected = np.log(np.cosh(x.detach().numpy()))
assert minigrad.allclose(simple_logcosh(x), minigrad.from_numpy(expected))

# %% [markdown]
# It looks done. Now a property: for every x, logcosh(x) lies between |x| - log 2 and |x|.
# Hypothesis (a library that minigrad's tests are built on) looks for an x that breaks it.
# `strategies.tensors` tells it what to try.

# %%


def lies_between(op):
    """Tests the property for an op: raises if hypothesis finds a tensor that breaks it."""

    @settings(max_examples=100, derandomize=True, database=None, deadline=None)
    @given(strategies.tensors(dtype=minigrad.float32, domain=(-500.0, 500.0)))
    def check(x):
        out = op(x)
        slack = 1e-5 * (1 + x.abs())
        assert ((out <= x.abs() + slack) & (out >= x.abs() - np.log(2) - slack)).all()

    check()


try:
    lies_between(simple_logcosh)
except AssertionError as error:
    print(*error.__notes__, sep="\n")
else:
    raise AssertionError("simple_logcosh was meant to fail")

# %% [markdown]
# It found an x beyond 89: there `cosh(x)` is larger than the largest float32, and the result is
# infinite, though log(cosh(100)) is just 99.3. Far away the answer is easy; it is the way through
# `cosh` that is long. So we rewrite the mathematics, with no large number anywhere:
#
#         log((e^x + e^-x) / 2)  =  |x| + log(1 + e^(-2|x|)) - log 2

# %%


def stable_logcosh(x):
    x = x.abs()
    return x + (-2 * x).exp().log1p() - float(np.log(2))


lies_between(stable_logcosh)
print("logcosh(100) =", stable_logcosh(minigrad.tensor(100.0)).item())
assert simple_logcosh(minigrad.tensor(100.0)).item() == float("inf")
assert abs(stable_logcosh(minigrad.tensor(100.0)).item() - (100 - np.log(2))) < 1e-5

# %% [markdown]
# ## Second form: a Function
#
# The gradient of logcosh is tanh, one op, where the machine above finds it by way of six. A
# `Function` holds a forward and a backward, as in PyTorch. Its forward may compute with anything,
# NumPy for instance; its backward is written in tensor ops, and so has gradients itself.

# %%


class LogCosh(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        array = x.numpy()
        return minigrad.as_tensor(np.logaddexp(array, -array) - array.dtype.type(np.log(2)))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.tanh()


lies_between(LogCosh.apply)
gradcheck(LogCosh.apply, x)
gradgradcheck(LogCosh.apply, x)

# %% [markdown]
# ## Third form: a primitive
#
# So minigrad's own ops are made: a kernel in the backend, and one line in the table. The kernel
# comes first, with the loop it must equal as its docstring. It is written in terms of other
# kernels, so that every backend has it at once; each may override it with a faster one. In
# minigrad itself this would stand in `backends/base.py`. From outside, Python lets us add it to
# the class.

# %%
from minigrad.autograd import elementwise
from minigrad.backends.base import Backend


def logcosh_kernel(self, x, out=None):
    """out[i] = log(cosh(x[i]))"""
    x = self.abs(x)
    decay = self.log1p(self.exp(self.mul(x, -2)))
    return self.add(x, self.sub(decay, float(np.log(2))), out)


Backend.logcosh = logcosh_kernel
logcosh = elementwise("logcosh", "x", to_float=True, x=lambda g, x: g * x.tanh())

# %% [markdown]
# The last line is the whole op. It promotes integers, records, keeps `x` for its rule, and has
# derivatives of every order, because its rule is made of ops.

# %%
print(logcosh(minigrad.tensor([0, 1, 100])))
assert logcosh(x).grad_fn.name() == "LogcoshBackward0"
lies_between(logcosh)
gradcheck(logcosh, x)
gradgradcheck(logcosh, x)

# %% [markdown]
# ## A spec, and the tests that follow from it
#
# An `OpSpec` says two things about an op: what it computes (a reference, in plain NumPy, by
# another way if there is one), and on what to try it (`samples` draws inputs: of any shape, from
# an interval where the function varies). All else follows, and is the same for every op:
#
#         forward      values, shapes and types are the reference's, in float64 and float32
#         edges        ... for empty tensors, and for tensors without dimensions
#         layouts      ... however the inputs lie in memory
#         untouched    no input is changed, forward or backward
#         gradient     gradients agree with differences
#         second       and so do their own gradients

# %%
from minigrad.testing import checks
from minigrad.testing.specs import OpSpec


def spec_of(op):
    return OpSpec(
        "logcosh",
        op=op,
        ref=lambda x: np.logaddexp(x, -x) - np.log(2),
        samples=lambda draw: (draw.values(draw.shape(), ((-2.0, -0.3), (0.3, 2.0))),),
    )


report = checks.run(spec_of(logcosh))
print("passed:", report)
assert {"forward", "edges", "layouts", "untouched", "gradient", "second"} <= set(report)

# %% [markdown]
# ## Who tests the tests?
#
# A test that never fails proves little. So we plant mistakes, of the kind that people make, and
# look whether they are caught, and by which check. (minigrad's own checks are tested in this way.)

# %%


def with_rule(rule):
    """logcosh with another rule."""

    class Planted(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return logcosh(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return rule(g, x)

    return Planted.apply


def overwrites_its_input(x):
    """To save memory, |x| is written where x was: the result is the same."""
    x.device.backend.abs(x.array, x.array)
    return logcosh(x)


planted = {
    "off by a ten thousandth": with_rule(lambda g, x: g * x.tanh() * 1.0001),
    "wrong where x < 0": with_rule(lambda g, x: g * x.abs().tanh()),
    "g forgotten": with_rule(lambda g, x: x.tanh()),
    "second derivative lost": with_rule(lambda g, x: g * x.detach().tanh()),
    "wrong value": lambda x: logcosh(x) + 1e-9,
    "input overwritten": overwrites_its_input,
}
caught = []
for mistake, op in planted.items():
    try:
        checks.run(spec_of(op))
    except AssertionError as error:
        caught.append(mistake)
        print(f"{mistake:24} caught: {str(error)[:90]}")
assert caught == list(planted), f"nobody noticed: {set(planted) - set(caught)}"

# %% [markdown]
# ## What to take along
#
# - Start with a function of ops. Give it a rule of its own when that is more exact or faster.
# - Properties on random inputs find what examples do not: overflow, empty tensors, odd layouts.
# - A spec is a reference and a domain; the tests are derived.
# - Plant mistakes. A check that has caught none has not been tested.
#
# Try: write `softsign(x) = x / (1 + |x|)` in all three forms. Its gradient has a corner in its own
# derivative: at which x should `samples` not look, and which check complains if it does?
