# %% [markdown]
# # 2. Tensors, views and strides
#
# A tensor looks like a table of numbers with any number of dimensions. In memory there are no
# tables: memory is one long row of cells. This lesson is about the few integers that lie between
# the two, the *strides*, because they explain what otherwise looks like a list of odd rules: why a
# transpose costs nothing, why `view` sometimes refuses, why a write to one tensor changes another,
# and how a row of three numbers can be added to a table of a million rows without being copied.
#
# ## One row of cells, and a way to walk it
#
#         x, shape (2, 3)               memory
#
#         +---+---+---+                 +---+---+---+---+---+---+
#         | 0 | 1 | 2 |                 | 0 | 1 | 2 | 3 | 4 | 5 |
#         +---+---+---+                 +---+---+---+---+---+---+
#         | 3 | 4 | 5 |                   one column on: 1 cell  ->
#         +---+---+---+                   one row down:  3 cells ----------->
#
# The strides of `x` are `(3, 1)`: to go down one row, move 3 cells; to go one column to the right,
# move 1. So element `[i, j]` lies in cell `start + 3 * i + 1 * j`. That is the whole idea. Here it
# is as a class, for two dimensions.

# %%


class Table:
    """Cells in a list, and the strides that find the one at [i, j]."""

    def __init__(self, cells, shape, strides, start=0):
        self.cells, self.shape, self.strides, self.start = cells, shape, strides, start

    def cell(self, i, j):
        return self.start + i * self.strides[0] + j * self.strides[1]

    def rows(self):
        rows, columns = self.shape
        return [[self.cells[self.cell(i, j)] for j in range(columns)] for i in range(rows)]

    def transposed(self):
        return Table(self.cells, self.shape[::-1], self.strides[::-1], self.start)

    def without_first_column(self):
        rows, columns = self.shape
        return Table(self.cells, (rows, columns - 1), self.strides, self.start + self.strides[1])

    def every_second_column(self):
        rows, columns = self.shape
        strides = (self.strides[0], 2 * self.strides[1])
        return Table(self.cells, (rows, (columns + 1) // 2), strides, self.start)


x = Table([0, 1, 2, 3, 4, 5], (2, 3), (3, 1))
print("x                    ", x.rows())
print("transposed           ", x.transposed().rows())
print("without first column ", x.without_first_column().rows())
print("every second column  ", x.every_second_column().rows())
assert x.transposed().rows() == [[0, 3], [1, 4], [2, 5]]
assert x.without_first_column().transposed().rows() == [[1, 4], [2, 5]]
assert x.every_second_column().rows() == [[0, 2], [3, 5]]

# %% [markdown]
# No method of `Table` touches a cell. Each makes a new way to look at the same cells: a *view*. A
# view of a million numbers costs as little as a view of six.
#
# minigrad's tensors are the same thing. On the CPU the strides are NumPy's, on a GPU they are
# minigrad's own, and `stride()` shows them, counted in elements.

# %%
import minigrad

x = minigrad.arange(6).reshape(2, 3)
for name, tensor in {
    "x": x,
    "x.T": x.T,
    "x[:, 1:]": x[:, 1:],
    "x[:, ::2]": x[:, ::2],
    "x[1]": x[1],
    "x.reshape(3, 2)": x.reshape(3, 2),
}.items():
    shape, strides = str(tuple(tensor.shape)), str(tensor.stride())
    print(f"{name:16} shape {shape:7} strides {strides:7} {tensor.tolist()}")
assert x.stride() == (3, 1) and x.T.stride() == (1, 3)
assert x[:, 1:].stride() == (3, 1) and x[:, ::2].stride() == (3, 2) and x[1].stride() == (1,)
assert x.reshape(3, 2).stride() == (2, 1)

# %% [markdown]
# ## Aliasing: two tensors, one memory
#
# All of the above share the six cells of `x`. Whoever writes through one of them writes for all.
#
#         x        0  1  2  3  4  5
#                  ^  |  |  ^  |  |
#         x[:, 0] -+--|--|--+  |  |         cells 0 and 3
#         x.T[1]  ----+--|-----+  |         cells 1 and 4

# %%
column = x[:, 0]
column.fill_(10)
x.T[1, 0] = 20
print(x.tolist(), column.tolist())
assert x.tolist() == [[10, 20, 2], [10, 4, 5]] and column.tolist() == [10, 10]

# A copy has cells of its own. `clone()` always copies, `detach()` and slicing never do.
copy = x.clone()
copy.fill_(0)
assert x[0, 0].item() == 10

# %% [markdown]
# ## Contiguous, and when `view` refuses
#
# A tensor is *contiguous* when walking its elements in order (along the last dimension first) walks
# its cells in order, without gaps. `x` is; `x.T` is not, its walk goes 0, 3, 1, 4, 2, 5.
#
# `x.view(6)` wants strides for another shape over the same cells. For `x` that is one stride of 1.
# For `x.T` there is none: the walk 0, 3, 1, 4, 2, 5 has no single step. So `view` refuses, rather
# than make a copy behind your back whose writes `x` would not see. `reshape` makes a view where
# there is one and a copy where there is none.

# %%
x = minigrad.arange(6).reshape(2, 3)
assert x.is_contiguous() and not x.T.is_contiguous()
try:
    x.T.view(6)
except RuntimeError as error:
    print("view refuses:", error)
else:
    raise AssertionError("there is no such view")

flat = x.view(6)
copied = x.T.reshape(6)
x[0, 1] = 100
print("a view sees the write:  ", flat.tolist())
print("a copy does not:        ", copied.tolist())
assert flat[1].item() == 100 and copied.tolist() == [0, 3, 1, 4, 2, 5]

# `contiguous` gives the same tensor back, or a copy whose cells are in order.
assert x.contiguous() is x
assert x.T.contiguous().stride() == (2, 1) and x.T.stride() == (1, 3)

# %% [markdown]
# ## Broadcasting is a stride of 0
#
# A stride says how far to move for one step. What if it is 0? Then the step stays where it is, and
# one cell serves a whole dimension:
#
#         row, shape (3,), strides (1,)          row.expand(4, 3), strides (0, 1)
#
#                                                +---+---+---+
#         +---+---+---+                          | 7 | 8 | 9 |  <- all four rows are the same
#         | 7 | 8 | 9 |                          | 7 | 8 | 9 |     three cells
#         +---+---+---+                          | 7 | 8 | 9 |
#                                                | 7 | 8 | 9 |
#                                                +---+---+---+
#
# That is what happens in `table + row`. Shapes are matched from the last dimension on; where one
# tensor has size 1, or has no such dimension, it gets stride 0 there.

# %%
row = minigrad.tensor([7.0, 8.0, 9.0], requires_grad=True)
table = minigrad.zeros(4, 3)
wide = row.expand(4, 3)
print("strides of the expanded row:", wide.stride())
assert wide.stride() == (0, 1) and wide.shape == (4, 3)
assert (table + row).tolist() == (table + wide).tolist() == [[7.0, 8.0, 9.0]] * 4

# One cell at four places: an in-place write there would mean four things at once, so it is refused.
try:
    wide.detach().add_(1)
except RuntimeError as error:
    print("refused:", str(error)[:96], "...")
else:
    raise AssertionError("a write to an expanded tensor went through")

# %% [markdown]
# Now the gradient. Each number of `row` was used four times, in four rows, and gradients add up
# (lesson 1). So what goes back to `row` is the *sum* over the dimension it was expanded along.
# Expanding and summing are each other's gradient; lesson 3 shows the place where it happens.

# %%
weights = minigrad.arange(12.0).reshape(4, 3)
((table + row) * weights).sum().backward()
print("gradient of the row:", row.grad.tolist(), "= the column sums of the weights")
assert row.grad.tolist() == weights.sum(0).tolist() == [18.0, 22.0, 26.0]

# %% [markdown]
# ## Versions: one counter for one memory
#
# A write through any view changes all others. So the counter of in-place writes from lesson 1
# belongs to the memory, and a tensor and its views share it. That is how a write to a *slice* is
# noticed by a node that saved the *whole*.

# %%
x = minigrad.ones(2, 3)
corner = x[0, :2]
print("versions:", x._version, corner._version)
corner.fill_(5)
print("versions:", x._version, corner._version)
assert x._version == corner._version == 1 and x.clone()._version == 0

w = minigrad.ones(2, 3, requires_grad=True)
loss = (w * x).sum()  # saves x for the gradient of w
corner.fill_(6)  # changes x, by way of a view
try:
    loss.backward()
except RuntimeError as error:
    print("noticed:", str(error)[:88], "...")
else:
    raise AssertionError("a wrong gradient went unnoticed")

# %% [markdown]
# And writes that the gradient should know of? They are recorded. After `y[0] = v`, tensor `y` is
# "the old `y`, with row 0 replaced by `v`": row 0 of the gradient goes to `v`, the rest to the old
# `y`.

# %%
x = minigrad.ones(2, 3, requires_grad=True)
v = minigrad.ones(3, requires_grad=True)
y = x * 2
y[0] = v
(y * minigrad.arange(6.0).reshape(2, 3)).sum().backward()
print("to x:", x.grad.tolist(), "  to v:", v.grad.tolist())
assert x.grad.tolist() == [[0.0, 0.0, 0.0], [6.0, 8.0, 10.0]] and v.grad.tolist() == [0.0, 1.0, 2.0]

# %% [markdown]
# ## What to take along
#
# - A tensor is cells, a shape, strides and a start. Views share the cells.
# - `T`, slices, `expand`, `view` move nothing. `clone`, `contiguous` (where needed), and `reshape`
#   (where it must) copy.
# - Broadcasting is stride 0, and its gradient is a sum.
# - One memory, one version counter.
#
# Try: what are the strides of `minigrad.zeros(2, 3, 4).permute(2, 0, 1)`? Give `Table` a method
# `diagonal()` that copies nothing. (How many cells on is the next element of a diagonal?)
