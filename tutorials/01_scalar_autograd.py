# %% [markdown]
# # 1. A scalar autograd in a page, and where it breaks
#
# Training a network means asking one question many times: if I move this weight a little, how much
# does the loss move? The answer is the *gradient* of the loss with respect to the weight. This
# lesson writes a program that answers it for sums and products of single numbers. It takes a page.
# Then it breaks the program in four ways, because the rest of minigrad is what the repairs look
# like.
#
# ## The chain rule as bookkeeping
#
# Take `loss = a * b + a`. Nobody has to differentiate that as a whole. A product knows how to
# differentiate itself: if `out = x * y` and the loss moves by `g` per unit of `out`, then the loss
# moves by `g * y` per unit of `x`, and by `g * x` per unit of `y`. A sum passes `g` on unchanged.
#
#          a ----+---------------+
#                |               |
#                v               v
#                * ---> a*b ---> + ---> loss          forward: values
#                ^
#          b ----+
#                      <---------------- g = 1        backward: gradients
#
# So every result remembers two things: which numbers it came from, and how to pass its gradient
# back to them. Start at the loss with `g = 1`, walk backwards, and *add* what arrives at each
# number, since a number that was used twice (`a`) matters in two ways.

# %%


class Number:
    """A value, its gradient, and how to pass that gradient on to the numbers it was made of."""

    def __init__(self, value, inputs=()):
        self.value = value
        self.grad = 0.0
        self.inputs = inputs
        self.pass_back = None

    def __add__(self, other):
        out = Number(self.value + other.value, (self, other))

        def pass_back():
            self.grad += out.grad
            other.grad += out.grad

        out.pass_back = pass_back
        return out

    def __mul__(self, other):
        out = Number(self.value * other.value, (self, other))

        def pass_back():
            self.grad += out.grad * other.value
            other.grad += out.grad * self.value

        out.pass_back = pass_back
        return out

    def backward(self):
        self.grad = 1.0
        for number in reversed(in_order(self)):
            if number.pass_back:
                number.pass_back()


def in_order(number, found=None):
    """All numbers that `number` depends on, each after its own inputs, and `number` last."""
    found = {} if found is None else found
    for x in number.inputs:
        if x not in found:
            in_order(x, found)
    found[number] = True
    return list(found)


a, b = Number(3.0), Number(4.0)
loss = a * b + a
loss.backward()
print(f"loss {loss.value}, d loss / d a = {a.grad}, d loss / d b = {b.grad}")
assert (a.grad, b.grad) == (4.0 + 1.0, 3.0)

# %% [markdown]
# The order matters: a number may pass its gradient on only when all of it has arrived. `in_order`
# puts inputs before results, and `backward` walks that list from its end.
#
# ## It learns
#
# Four points lie on the line `y = 2 x - 1`. We start with a wrong line, `y = w x + c`, measure the
# squared error, and move `w` and `c` a little against their gradients, two hundred times.

# %%
points = [(-1.0, -3.0), (0.0, -1.0), (1.0, 1.0), (2.0, 3.0)]
w, c = Number(0.0), Number(0.0)
for _step in range(200):
    loss = Number(0.0)
    for x, y in points:
        error = w * Number(x) + c + Number(-y)
        loss = loss + error * error
    w.grad = c.grad = 0.0
    loss.backward()
    w.value -= 0.05 * w.grad
    c.value -= 0.05 * c.grad
print(f"y = {w.value:.4f} x + {c.value:.4f}")
assert abs(w.value - 2) < 1e-6 and abs(c.value + 1) < 1e-6

# %% [markdown]
# That is all of deep learning in principle. In practice it is slow (one Python object per number:
# lesson 2 puts many numbers in one tensor), and it breaks. Here is how, and what minigrad does.
#
# ## Break 1: a long computation
#
# `in_order` calls itself, once for each step back. Python stops at a depth of about a thousand
# calls. A recurrent network that reads a long text is deeper than that.

# %%
total = Number(0.0)
for _step in range(2000):
    total = total + Number(1.0)
try:
    total.backward()
except RecursionError as error:
    print("ours:    ", error)
else:
    raise AssertionError("this was meant to break")

# %% [markdown]
# minigrad numbers the results as they are made. Whatever used a result has a higher number than the
# result, so "take the highest number that waits" is a right order, found with a heap in a loop
# (`minigrad/autograd/engine.py`). Nothing calls itself.

# %%
import minigrad

x = minigrad.tensor(1.0, requires_grad=True)
total = x
for _step in range(20_000):
    total = total + x
total.backward()
print("minigrad:", x.grad.item(), "after 20,000 steps")
assert x.grad.item() == 20_001

# %% [markdown]
# ## Break 2: memory that does not come back
#
# `out.pass_back` is a function that mentions `out`: a circle. Python frees an object as soon as
# nobody refers to it, but the objects of a circle refer to each other. They wait for the cycle
# collector, which comes by at some later time. With big arrays inside, that time is too late.
#
#          out ----> pass_back ----> out ----> ...

# %%
import gc
import weakref

gc.disable()  # so that we see what goes without the collector
product = Number(2.0) * Number(3.0)
alive = weakref.ref(product)
del product
print("ours:     still in memory:", alive() is not None)
assert alive() is not None

# %% [markdown]
# In minigrad a tensor refers to its node, the node to the nodes of its inputs, and no node refers
# to a tensor that was computed by it. All arrows point back in time, so there is no circle, and
# the whole graph goes in the moment the loss goes.

# %%
x = minigrad.tensor(2.0, requires_grad=True)
product = x * 3
result = product * product
alive, node = weakref.ref(product), weakref.ref(product.node)
del product, result
gc.enable()
print("minigrad: still in memory:", alive() is not None)
assert alive() is None and node() is None

# %% [markdown]
# ## Break 3: no second derivative
#
# The gradient of `x * x * x` is `3 x²`, and the gradient of that is `6 x`. Physics needs such
# second derivatives, and so do some optimizers. Ours cannot: `grad` is a plain float, made by plain
# float arithmetic. Nothing remembers where it came from.

# %%
x = Number(2.0)
(x * x * x).backward()
print("ours:    ", x.grad, type(x.grad))
assert x.grad == 12.0 and not hasattr(x.grad, "backward")

# %% [markdown]
# In minigrad the rule of the product is `g * y` where `g` and `y` are *tensors*. A gradient is
# computed with the same ops as everything else, so it can be recorded, and differentiated, again.

# %%
x = minigrad.tensor(2.0, requires_grad=True)
y = x * x * x
(first,) = minigrad.autograd.grad(y, x, create_graph=True)
(second,) = minigrad.autograd.grad(first, x, create_graph=True)
(third,) = minigrad.autograd.grad(second, x)
print("minigrad:", y.item(), first.item(), second.item(), third.item())
assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)

# %% [markdown]
# ## Break 4: a wrong gradient, and no word about it
#
# The rule of a product needs the values that were multiplied. Our `pass_back` reads them when the
# gradient is passed back, which is late: somebody may have changed them. The result is wrong, and
# nothing says so. Of the four this is the worst.

# %%
a, b = Number(3.0), Number(4.0)
product = a * b
b.value = 1000.0  # too late: the product was made with 4
product.backward()
print("ours:     d product / d a =", a.grad, "and should be 4.0")
assert a.grad == 1000.0  # wrong!

# %% [markdown]
# Copying every value would be safe and would need twice the memory. minigrad counts instead: each
# piece of memory has a version, which every in-place write raises, and a node remembers when it
# saved a value. If the value was written to since, the backward pass raises. It never returns a
# wrong gradient.

# %%
a = minigrad.tensor(3.0, requires_grad=True)
b = minigrad.tensor(4.0)
product = a * b
b.fill_(1000.0)
try:
    product.backward()
except RuntimeError as error:
    print("minigrad:", str(error)[:105], "...")
    assert "modified by an inplace operation" in str(error)
else:
    raise AssertionError("a wrong gradient went unnoticed")

# A write that no rule minds is fine: a sum needs no values, so there is nothing to spoil.
b = minigrad.tensor(4.0)
total = a + b
b.fill_(1000.0)
total.backward()
assert a.grad.item() == 1.0

# %% [markdown]
# ## What to take along
#
# - Every op knows its own derivative; the chain rule connects them. Gradients *add up*.
# - A loop over numbered nodes instead of recursion: depth is no problem.
# - Arrows only point back in time: memory comes back at once.
# - Rules are written in ops: derivatives of any order.
# - Versions are counted: a value that was overwritten is noticed.
#
# Try: give `Number` a `tanh`, and train a network of three of them. Then make `w.value -= ...`
# above a break of its own: what happens if you forget `w.grad = 0.0`?
