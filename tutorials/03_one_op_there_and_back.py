# %% [markdown]
# # 3. One op, from `x @ w` to the kernel and back
#
# This lesson follows one line of a model, `x @ w + b`, through the whole framework: down to the
# loop that multiplies the numbers, and back up with the gradients. Nothing is pretended: all that
# is printed is read from the running program. Have the files open while you read.
#
#          x @ w                                          w.grad
#            |                                               ^
#            v                                               |
#          tensor.py           Tensor.__matmul__           engine.py   latest node first
#            |                                               ^
#            v                                               |
#          ops/linalg.py       checks, canonical form      the rule of w:   x.mT @ g
#            |                                               ^
#            v                                               |
#          autograd/           the primitive "matmul"  ---> the node, with what the rules need
#            |
#            v
#          backends/           the kernel "matmul": arrays in, an array out

# %%
import inspect
import textwrap

import minigrad
from minigrad.autograd.broadcast import sum_to
from minigrad.autograd.primitive import table
from minigrad.backends.base import Backend, Wrapper
from minigrad.backends.numpy_backend import NumpyBackend


def show(thing):
    """Prints the source of a function of minigrad."""
    print(textwrap.indent(textwrap.dedent(inspect.getsource(thing)), "    "))


x = minigrad.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
w = minigrad.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]], requires_grad=True)
b = minigrad.tensor([10.0, 20.0], requires_grad=True)
out = x @ w
print(out.tolist())
assert out.tolist() == [[7.0, 8.0], [16.0, 17.0]]

# %% [markdown]
# ## Down: the method, the function
#
# `x @ w` is Python for `x.__matmul__(w)`. Methods of Tensor are one-liners over the functions of
# `minigrad/ops`. Those do what concerns people: they check shapes and types, word the errors, and
# bring every form the arguments may have (vectors, batches) into the one form the primitive takes.

# %%
show(minigrad.Tensor.__matmul__)
try:
    x @ minigrad.ones(2, 3)
except RuntimeError as error:
    print("an error is worded here:", error)
else:
    raise AssertionError("these shapes do not fit")

# %% [markdown]
# ## The table: one line of mathematics
#
# Below the function lies a *primitive*. It says: there are two inputs `x` and `y`, and this is the
# gradient by each, if the gradient of the result is `g`. That is all that anybody ever wrote about
# the derivative of a matrix product.

# %%
op = table["matmul"]
print(op, "inputs", op.inputs, "outputs", op.outputs)
for rule in op.rules.values():
    show(rule)

# %% [markdown]
# Why is this right? An output is a sum of products, `out[r, c] = sum(x[r, k] * y[k, c] for k)`. So
# if `x[r, k]` grows by 1, then `out[r, c]` grows by `y[k, c]`, for each `c`, and the loss by
#
#         sum(g[r, c] * y[k, c] for c)
#
# which is element `[r, k]` of the product of `g` with the transpose of `y`. The rule for `y` is
# found in the same way.
#
# The names of a rule's parameters are read when the primitive is declared. They say what must be
# kept: the gradient by `x` needs `y`, and the gradient by `y` needs `x`.

# %%
print("kept for the rules:", op.kept)
assert set(op.kept) == {"x", "y"}
assert table["add"].kept == ()  # the rules of x + y need g only: nothing is kept
assert table["exp"].kept == ("out",)  # the derivative of e^x is e^x, which is there already

# %% [markdown]
# ## The bottom: the kernel
#
# A primitive computes by the backend's *kernel* of the same name. `backends/base.py` says what each
# kernel must compute. For every one there is a loop of a few lines that you can run in your head.

# %%
print("base.py: ", Backend.matmul.__doc__)


def matmul_by_loops(x, y):
    rows, inner, columns = len(x), len(y), len(y[0])
    return [
        [sum(x[r][k] * y[k][c] for k in range(inner)) for c in range(columns)]
        for r in range(rows)
    ]


assert matmul_by_loops(x.tolist(), w.tolist()) == out.tolist()
print("numpy_backend.py:")
show(NumpyBackend.matmul)

# %% [markdown]
# A kernel knows arrays and nothing else: no tensors, no gradients, no names of layers. A tensor
# holds an array and points to its device, the device to its backend. So this is the call that
# computed `out`:

# %%
array = x.device.backend.matmul(x.array, w.array)
print(type(array).__name__, array.tolist())
assert array.tolist() == out.tolist()

# %% [markdown]
# ## The node: what is remembered
#
# `w` wants a gradient, so the call was recorded: `out.node` holds the primitive, an *edge* to
# where each input came from, and the saved values. Note what is not there. `x` wants no gradient,
# so there is no edge for it, and so its rule will not be called, and so `w`, which only that rule
# needs, was not saved.

# %%
node = out.node
print("node", node, "number", node.seq)
print("edges", node.edges)
print("saved", dict(zip(op.kept, node.saved, strict=True)))
assert node.edges[0] is None and node.edges[1] is w.node
saved = dict(zip(op.kept, node.saved, strict=True))
assert saved["x"] is x and saved["y"] is None

# %% [markdown]
# ## Back: the rule is called
#
# Suppose the loss is the sum of `out`. Then `g`, the gradient of `out`, is all ones. We call the
# rule of `w` by hand, then let the engine do it.

# %%
g = minigrad.ones(2, 2)
by_hand = op.rules["y"](g, x)
by_node = op.gradients(node, g, node.edges)
out.sum().backward()
print("by hand:      ", by_hand.tolist())
print("by the node:  ", [None if gx is None else gx.tolist() for gx in by_node])
print("by the engine:", w.grad.tolist())
assert by_hand.tolist() == by_node[1].tolist() == w.grad.tolist()
assert w.grad.tolist() == [[5.0, 5.0], [7.0, 7.0], [9.0, 9.0]]
assert by_node[0] is None

# %% [markdown]
# The engine is a loop: take the waiting node with the highest number, call its rules, send each
# result along its edge, add where two meet. When a node is done its saved values are dropped, which
# is why a second `backward` says that they are gone.

# %%
try:
    out.sum().backward()
except RuntimeError as error:
    print(str(error)[:99], "...")
else:
    raise AssertionError("the saved values were freed")

# %% [markdown]
# ## Back through broadcasting
#
# In `out + b` the shapes differ, (2, 2) and (2,): `b` was used for each row. The rule of `add` is
# `lambda g: g`, with no word about shapes; and yet `b.grad` must have the shape of `b`. The node
# remembers the two shapes, and the engine sums the gradient over the dimensions that broadcasting
# had added or stretched. Here is that step, in ours and in minigrad's form.

# %%


def undo_broadcast(g, shape):
    """Sums g over every dimension that `shape` does not have, or has with size 1."""
    while g.dim() > len(shape):
        g = g.sum(0)
    for dim, n in enumerate(shape):
        if n == 1:
            g = g.sum(dim, keepdim=True)
    return g


moved = x @ w + b
print("node", moved.node, "shapes", moved.node.shapes)
g = minigrad.tensor([[1.0, 2.0], [30.0, 40.0]])
assert undo_broadcast(g, (2,)).tolist() == sum_to(g, (2,)).tolist() == [31.0, 42.0]
assert undo_broadcast(g, (2, 1)).tolist() == sum_to(g, (2, 1)).tolist() == [[3.0], [70.0]]

w.grad = None
moved.backward(g)
print("b.grad", b.grad.tolist())
assert b.grad.tolist() == [31.0, 42.0]
show(sum_to)

# %% [markdown]
# It is written once, for all elementwise ops. And as it is made of ops itself, it is
# differentiable.
#
# ## The whole trip, seen from below
#
# Every computation ends in a kernel, so whoever stands in front of the backend sees everything. The
# class below does, and prints the names of the kernels that go by. (Lesson 5 is about this.)

# %%


class Spy(Wrapper):
    def wrap_kernel(self, name, kernel):
        def told(*args):
            seen.append(name)
            return kernel(*args)

        return told


seen = []
x.device.wrap(Spy)
loss = (x @ w + b).sum()
forward = tuple(seen)
seen.clear()
loss.backward()
backward = tuple(seen)
x.device.unwrap(Spy)
print("forward: ", *forward)
print("backward:", *backward)
assert forward.count("matmul") == 1 and "add" in forward and "sum" in forward
assert backward.count("matmul") == 1  # for w; x wants no gradient
assert "sum" in backward  # for b: broadcasting undone

# %% [markdown]
# ## What to take along
#
# - Method, function, primitive, kernel: each knows only what lies below it.
# - A rule is mathematics on tensors; its parameters' names are the list of what to save.
# - A kernel is arithmetic on arrays, defined by a loop.
# - Broadcasting is undone in one place.
#
# To find all there is to know about an op, search for its name:
# `grep -rn "\bmatmul\b" minigrad backends kernels tests`.
#
# Try: follow `x.exp()` in the same way. What does its node save? What does the node of `x ** 2`
# save?
