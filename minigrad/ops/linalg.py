"""Contractions: products summed over shared dimensions, all by way of one kernel, matmul.

`linear` has a kernel of its own, because its weight is stored transposed, (out, in), and gets its
gradient in that layout. einsum and tensordot sort their dimensions into batch, left, right and
inner ones, and call matmul.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.autograd.broadcast import check_expand, expand, reshape, sum_, view
from minigrad.autograd.primitive import _suit as suit
from minigrad.autograd.primitive import primitive
from minigrad.ops.axes import one_axis
from minigrad.tensor import Tensor

Label = Any  # a letter; an int counted from the end for a dimension under an ellipsis

# Both operands have the same leading dimensions here: what matmul() has to broadcast it expands,
# and the rule of expand sums the gradient back.
_matmul = primitive(
    "matmul", "x y",
    x=lambda g, y: _matmul(g, y.mT),
    y=lambda g, x: _matmul(x.mT, g),
)  # fmt: skip
_linear = primitive(
    "linear", "x w b",
    x=lambda g, w: _linear(g, w.mT, None),
    w=lambda g, x: _matmul(_rows(g).mT, _rows(x)),
    b=lambda g: sum_(g, tuple(range(g.dim() - 1)), False),
)  # fmt: skip


def _rows(x: Tensor) -> Tensor:
    """x as a matrix: all dimensions but the last in one."""
    shape = x.array.shape
    return x if len(shape) == 2 else reshape(x, (math.prod(shape[:-1]), shape[-1]))


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """out[..., r, c] = sum over k of input[..., r, k] * other[..., k, c]; leading dimensions
    broadcast.

    A 1-D input is a row, a 1-D other a column, and that dimension does not appear in the result.
    RuntimeError for 0-d operands, shapes that do not fit, and types that differ.

    >>> import minigrad
    >>> minigrad.matmul(minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]), minigrad.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    _check_types("matmul", input, other)
    x_shape, y_shape = input.array.shape, other.array.shape
    if len(x_shape) == 2 == len(y_shape) and x_shape[1] == y_shape[0]:
        return _matmul(input, other)
    _check_inner("matmul", x_shape, y_shape)
    x = input if len(x_shape) > 1 else reshape(input, (1, *x_shape))
    y = other if len(y_shape) > 1 else reshape(other, (*y_shape, 1))
    if len(y_shape) <= 2:
        out = _matmul(_rows(x), y)  # one large product is faster than a batch of small ones
        batch = x.array.shape[:-2]
    else:
        batch = batch_shape("matmul", x.array.shape[:-2], y.array.shape[:-2])
        out = _matmul(_with_batch(x, batch), _with_batch(y, batch))
    rows = x_shape[-2:-1] if len(x_shape) > 1 else ()
    columns = y_shape[-1:] if len(y_shape) > 1 else ()
    return view(out, (*batch, *rows, *columns))


def _with_batch(x: Tensor, batch: tuple[int, ...]) -> Tensor:
    shape = (*batch, *x.array.shape[-2:])
    return x if x.array.shape == shape else expand(x, shape)


def _check_types(name: str, x: Any, y: Any) -> None:
    try:
        a, b = x.array.dtype, y.array.dtype
    except AttributeError:
        wrong = y if isinstance(x, Tensor) else x
        raise TypeError(f"{name}(): expected Tensors, got {type(wrong).__name__}") from None
    if a != b:
        raise RuntimeError(
            f"{name}(): expected m1 and m2 to have the same dtype, but got: {x.dtype} != "
            f"{y.dtype}; convert one with .to(dtype)"
        )
    if a.kind == "b":
        raise NotImplementedError(
            f"{name}(): not implemented for {x.dtype}; convert with .float() or .long()"
        )


def _check_inner(name: str, x_shape: Sequence[int], y_shape: Sequence[int]) -> None:
    if not x_shape or not y_shape:
        raise RuntimeError(
            f"both arguments to {name} need to be at least 1D, but they are {len(x_shape)}D and "
            f"{len(y_shape)}D; multiply by a 0-d tensor with *"
        )
    if x_shape[-1] != y_shape[-2:][0]:
        raise _cannot_multiply(name, x_shape, y_shape)


def _cannot_multiply(name: str, x_shape: Sequence[int], y_shape: Sequence[int]) -> RuntimeError:
    x, y = ("x".join(map(str, shape)) for shape in (x_shape, y_shape))
    text = (
        f"{name}(): mat1 and mat2 shapes cannot be multiplied ({x} and {y}): the last dimension of "
        f"the first, {x_shape[-1]}, must equal the {'last but one' if len(y_shape) > 1 else 'one'} "
        f"of the second, {y_shape[-2:][0]}"
    )
    if len(y_shape) > 1 and x_shape[-1] == y_shape[-1]:
        text += "; transpose the second with .mT"
    elif len(x_shape) > 1 and x_shape[-2] == y_shape[-2:][0]:
        text += "; transpose the first with .mT"
    else:
        text += "; reshape or transpose (.mT) one of them"
    return RuntimeError(text)


def batch_shape(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise RuntimeError(
            f"{name}(): the leading (batch) dimensions {' and '.join(map(str, shapes))} do not "
            "broadcast: sizes are matched from the last on and must be equal, or one of them 1"
        ) from None


def _check_rank(name: str, argument: str, x: Tensor, rank: int) -> None:
    if x.dim() != rank:
        what = {1: "a vector", 2: "a matrix", 3: "a 3D tensor"}[rank]
        raise RuntimeError(
            f"{name}(): {argument} must be {what}, got shape {tuple(x.shape)}; matmul takes any "
            "number of dimensions"
        )


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """out[r, c] = sum over k of input[r, k] * mat2[k, c], for two matrices.

    >>> import minigrad
    >>> minigrad.mm(minigrad.tensor([[1, 2]]), minigrad.tensor([[3], [4]]))
    tensor([[11]])
    """
    _check_rank("mm", "self", input, 2)
    _check_rank("mm", "mat2", mat2, 2)
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """out[b, r, c] = sum over k of input[b, r, k] * mat2[b, k, c], for two batches of equally many
    matrices.

    >>> import minigrad
    >>> minigrad.bmm(minigrad.ones(2, 1, 3), minigrad.ones(2, 3, 4)).shape
    minigrad.Size([2, 1, 4])
    """
    _check_rank("bmm", "batch1", input, 3)
    _check_rank("bmm", "batch2", mat2, 3)
    expected = [input.shape[0], input.shape[2]]
    if list(mat2.shape[:2]) != expected:
        raise RuntimeError(
            f"bmm(): Expected size for first two dimensions of batch2 tensor to be: {expected} but "
            f"got: {list(mat2.shape[:2])}; matmul broadcasts the batch"
        )
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """out[r] = sum over k of input[r, k] * vec[k].

    >>> import minigrad
    >>> minigrad.mv(minigrad.tensor([[1, 2], [3, 4]]), minigrad.tensor([1, 10]))
    tensor([21, 43])
    """
    _check_rank("mv", "input", input, 2)
    _check_rank("mv", "vec", vec, 1)
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """out = sum over k of input[k] * tensor[k], for two vectors of one length.

    >>> import minigrad
    >>> minigrad.dot(minigrad.tensor([1, 2]), minigrad.tensor([3, 4]))
    tensor(11)
    """
    if input.dim() != 1 or tensor.dim() != 1:
        raise RuntimeError(
            f"dot(): 1D tensors expected, but got {input.dim()}D and {tensor.dim()}D tensors"
        )
    return matmul(input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """out[i, j] = input[i] * vec2[j], for two vectors.

    >>> import minigrad
    >>> minigrad.outer(minigrad.tensor([1, 2]), minigrad.tensor([1, 10]))
    tensor([[ 1, 10],
            [ 2, 20]])
    """
    for argument, x in (("self", input), ("vec2", vec2)):
        if x.dim() != 1:
            raise RuntimeError(
                f"outer(): Expected 1-D argument {argument}, but got {x.dim()}-D; flatten() it "
                "first"
            )
    return reshape(input, (input.numel(), 1)) * vec2


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """out = beta * input + alpha * (mat1 @ mat2), for matrices; `input` broadcasts.

    >>> import minigrad
    >>> minigrad.addmm(minigrad.ones(2, 2), minigrad.ones(2, 3), minigrad.ones(3, 2), beta=10)
    tensor([[13., 13.],
            [13., 13.]])
    """
    return plus("addmm", input, mm(mat1, mat2), beta, alpha)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """out = beta * input + alpha * (batch1 @ batch2), for batches of matrices; `input`
    broadcasts.

    >>> import minigrad
    >>> a, b = minigrad.ones(2, 1, 3), minigrad.ones(2, 3, 1)
    >>> minigrad.baddbmm(minigrad.tensor(10.0), a, b, alpha=2).flatten()
    tensor([16., 16.])
    """
    return plus("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def plus(name: str, input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * input + alpha * product, in the product's shape and type, which beta and alpha are
    cut down to. A beta of 0 leaves input out, its NaN too, as BLAS has it.
    """
    if input.dtype is not product.dtype:
        raise RuntimeError(
            f"{name}(): input and the matrices must have the same dtype, but got {input.dtype} and "
            f"{product.dtype}; convert one with .to(dtype)"
        )
    check_expand(name, input.array.shape, product.array.shape)
    beta, alpha = (suit(factor, product.array.dtype) for factor in (beta, alpha))
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return product + (input if beta == 1 else input * beta)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """out[..., o] = sum over i of input[..., i] * weight[o, i] + bias[o].

    input (..., in), weight (out, in) or (in,), bias (out,) or what broadcasts to out. RuntimeError
    for shapes that do not fit and types that differ.

    >>> import minigrad
    >>> minigrad.linear(minigrad.ones(2, 3), minigrad.ones(1, 3), minigrad.tensor([0.5]))
    tensor([[3.5000],
            [3.5000]])
    """
    _check_types("linear", input, weight)
    x_shape, w_shape = input.array.shape, weight.array.shape
    if len(w_shape) != 2 or not x_shape or x_shape[-1] != w_shape[1]:
        return _unusual_linear(input, weight, bias)
    if bias is None or (
        bias.array.shape == w_shape[:1] and bias.array.dtype == weight.array.dtype
    ):
        return _linear(input, weight, bias)
    if bias.array.dtype == weight.array.dtype and _fits(
        bias.array.shape, (*x_shape[:-1], w_shape[0])
    ):
        return _linear(input, weight, None) + bias
    raise RuntimeError(
        f"linear(): bias has shape {tuple(bias.shape)} and dtype {bias.dtype}, weight "
        f"{tuple(w_shape)} and {weight.dtype}: one bias for each row of weight, of the same "
        "dtype, is needed"
    )


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether a tensor of `shape` broadcasts to `target`."""
    ends = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(n in (1, size) for n, size in ends)


def _unusual_linear(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
    """A weight of one dimension, as PyTorch allows; else the error."""
    if w.dim() == 1 and x.dim():
        out = matmul(x, w)
        return out if b is None else out + b
    if w.dim() != 2 or not x.dim():
        raise RuntimeError(
            f"linear(): input {tuple(x.shape)} and weight {tuple(w.shape)}: input (..., in) and "
            "weight (out, in) are needed"
        )
    rows = math.prod(x.shape[:-1])
    raise RuntimeError(
        f"linear(): mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and "
        f"{w.shape[1]}x{w.shape[0]}): input {tuple(x.shape)} has {x.shape[-1]} features, weight "
        f"{tuple(w.shape)} takes {w.shape[1]}. Check in_features, or flatten(1) the input first"
    )


# -- einsum


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums products over the dimensions whose labels are not in the output: einsum("bik,bkj->bij",
    x, y) is x @ y.

    A label that is repeated within an operand takes the diagonal; "..." stands for any dimensions,
    which broadcast. Without "->" the output has the dimensions of "...", then the labels that occur
    once, in alphabetical order. The operands may be a list, and labels may be lists of ints:
    einsum(x, [0, 1], y, [1, 2], [0, 2]). Operands are contracted from left to right.

    >>> import minigrad
    >>> x = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> minigrad.einsum("ii", x), minigrad.einsum("ij->j", x)
    (tensor(5.), tensor([4., 6.]))
    """
    if not isinstance(equation, str):
        equation, operands = _letters(equation, *operands)
    elif len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    terms, output = _parse(equation, operands)
    sizes = _sizes(equation, terms, operands)
    prepared = [_prepare(x, labels, sizes) for x, labels in zip(operands, terms, strict=True)]
    x, labels = prepared[0]
    for i, (y, y_labels) in enumerate(prepared[1:], 2):
        keep = set(output).union(*(later for _, later in prepared[i:]))
        x, labels = _contract(x, labels, y, y_labels, keep)
    x, labels = _sum_out(x, labels, set(output))
    return _ordered(x, labels, output)


def _letters(*args: Any) -> tuple[str, tuple[Tensor, ...]]:
    """The form einsum(x, [0, 1], y, [1, 2], [0, 2]) as an equation and its operands."""

    def word(labels: Sequence[Any]) -> str:
        return "".join("..." if n is Ellipsis else _letter(n) for n in labels)

    pairs = len(args) // 2
    equation = ",".join(word(args[2 * i + 1]) for i in range(pairs))
    if len(args) % 2:
        equation += "->" + word(args[-1])
    return equation, tuple(args[: 2 * pairs : 2])


def _letter(n: int) -> str:
    if not 0 <= n < 52:
        raise RuntimeError(f"einsum(): label {n} is not within [0, 52)")
    return chr(ord("A") + n) if n < 26 else chr(ord("a") + n - 26)


def _parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[list[Label]], list[Label]]:
    """The labels of each operand and of the output."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    words = left.split(",")
    if len(words) != len(operands):
        raise RuntimeError(
            f"einsum(): the equation '{equation}' names {len(words)} operand(s), but "
            f"{len(operands)} were given"
        )
    terms = [_labels(equation, word, x.dim()) for word, x in zip(words, operands, strict=True)]
    hidden = sorted({label for term in terms for label in term if isinstance(label, int)})
    if not arrow:
        flat = [label for term in terms for label in term if isinstance(label, str)]
        return terms, hidden + sorted(label for label in set(flat) if flat.count(label) == 1)
    output = _labels(
        equation, right, len(right.replace("...", "")) + len(hidden) * ("..." in right)
    )
    known = {label for term in terms for label in term}
    for label in output:
        if label not in known:
            raise RuntimeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input "
                f"operand: '{equation}'"
            )
        if output.count(label) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {label} appears more than once in the output: "
                f"'{equation}'"
            )
    return terms, output


def _labels(equation: str, word: str, ndim: int) -> list[Label]:
    """One label a dimension. Those under the ellipsis are -n ... -1, so that they meet from the
    last one on.
    """
    head, dots, tail = word.partition("...")
    for letter in head + tail:
        if not (letter.isascii() and letter.isalpha()):
            raise RuntimeError(
                f"einsum(): invalid subscript '{letter}' in '{equation}', subscripts must be in "
                "[a-zA-Z]"
            )
    hidden = ndim - len(head + tail)
    if hidden < 0 or (hidden and not dots):
        raise RuntimeError(
            f"einsum(): the number of subscripts in '{word}' of '{equation}' does not match the "
            f"number of dimensions ({ndim}) of its operand; '...' stands for any number of "
            "dimensions"
        )
    return [*head, *range(-hidden, 0), *tail]


def _sizes(equation: str, terms: list[list[Label]], operands: Sequence[Tensor]) -> dict[Label, int]:
    """The size of each label's dimension; a 1 gives way to any size."""
    sizes: dict[Label, int] = {}
    for x, labels in zip(operands, terms, strict=True):
        for label, n in zip(labels, x.array.shape, strict=True):
            known = sizes.get(label, 1)
            if n != known and 1 not in (n, known):
                shapes = ", ".join(str(tuple(x.shape)) for x in operands)
                raise RuntimeError(
                    f"einsum(): operands do not broadcast: subscript {label} of '{equation}' "
                    f"stands for sizes {known} and {n}; shapes {shapes}"
                )
            sizes[label] = n if known == 1 else known
    return sizes


def _prepare(x: Tensor, labels: list[Label], sizes: dict[Label, int]) -> tuple[Tensor, list[Label]]:
    """Takes the diagonal of repeated labels and drops dimensions of size 1 that are larger
    elsewhere.
    """
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for one operand, but the sizes don't "
                    f"match: {x.shape[j]} != {x.shape[i]}"
                )
            x = x.diagonal(0, i, j)
            labels = [*labels[:i], *labels[i + 1 : j], *labels[j + 1 :], label]
    kept = [i for i, label in enumerate(labels) if x.shape[i] == sizes[label]]
    if len(kept) < len(labels):
        x = reshape(x, tuple(x.shape[i] for i in kept))
    return x, [labels[i] for i in kept]


def _sum_out(x: Tensor, labels: list[Label], keep: Iterable[Label]) -> tuple[Tensor, list[Label]]:
    """Sums over the dimensions whose labels nobody asks for any more."""
    axes = tuple(i for i, label in enumerate(labels) if label not in keep)
    return (sum_(x, axes, False) if axes else x), [label for label in labels if label in keep]


def _ordered(x: Tensor, labels: list[Label], order: list[Label]) -> Tensor:
    return x if labels == order else x.permute(*(labels.index(label) for label in order))


def _contract(
    x: Tensor, x_labels: list[Label], y: Tensor, y_labels: list[Label], keep: set[Label]
) -> tuple[Tensor, list[Label]]:
    """The product of two operands, summed over what they share and `keep` has not."""
    x, x_labels = _sum_out(x, x_labels, keep.union(y_labels))
    y, y_labels = _sum_out(y, y_labels, keep.union(x_labels))
    shared = [label for label in x_labels if label in y_labels]
    batch = [label for label in shared if label in keep]
    inner = [label for label in shared if label not in keep]
    left = [label for label in x_labels if label not in y_labels]
    right = [label for label in y_labels if label not in x_labels]
    if not inner or (batch and not left and not right):
        return _multiply(x, x_labels, y, y_labels, [*batch, *left, *right], inner)
    x = _ordered(x, x_labels, [*batch, *left, *inner])
    y = _ordered(y, y_labels, [*batch, *inner, *right])
    at, split = len(batch), len(batch) + len(left)
    sizes = (*x.shape[:split], *y.shape[at + len(inner) :])
    depth = math.prod(x.shape[split:])
    x = reshape(x, (*sizes[:at], math.prod(sizes[at:split]), depth))
    y = reshape(y, (*sizes[:at], depth, math.prod(sizes[split:])))
    return reshape(matmul(x, y), sizes), [*batch, *left, *right]


def _multiply(
    x: Tensor,
    x_labels: list[Label],
    y: Tensor,
    y_labels: list[Label],
    out: list[Label],
    inner: list[Label],
) -> tuple[Tensor, list[Label]]:
    """The same by an elementwise product: where nothing is summed, or only dot products are."""
    order = [*out, *inner]
    aligned = []
    for operand, labels in ((x, x_labels), (y, y_labels)):
        operand = _ordered(operand, labels, [label for label in order if label in labels])
        sizes = iter(operand.shape)
        aligned.append(
            reshape(operand, tuple(next(sizes) if label in labels else 1 for label in order))
        )
    return _sum_out(aligned[0] * aligned[1], order, out)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums products over `dims`: so many last dimensions of a with the first of b, or two lists of
    dimensions.

    >>> import minigrad
    >>> x, y = minigrad.ones(2, 3, 4), minigrad.ones(4, 3, 5)
    >>> minigrad.tensordot(x, y, dims=([1, 2], [1, 0])).shape
    minigrad.Size([2, 5])
    """
    if hasattr(dims, "__index__"):
        n = dims.__index__()
        if not 0 <= n <= min(a.dim(), b.dim()):
            raise RuntimeError(
                "tensordot(): expects dims >= 0 and at most the number of dimensions, got "
                f"dims={n} for shapes {tuple(a.shape)} and {tuple(b.shape)}"
            )
        dims = (range(a.dim() - n, a.dim()), range(n))
    a_dims, b_dims = (
        [
            one_axis("tensordot", d, x.dim())
            for d in ([given] if hasattr(given, "__index__") else given)
        ]
        for x, given in zip((a, b), dims, strict=True)
    )
    if len(a_dims) != len(b_dims):
        raise RuntimeError(
            f"tensordot(): both dimension lists should have same length, got {a_dims} and {b_dims}"
        )
    a_labels, b_labels = list(range(a.dim())), list(range(a.dim(), a.dim() + b.dim()))
    for i, j in zip(a_dims, b_dims, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(
                "tensordot(): contracted dimensions need to match, but first has size "
                f"{a.shape[i]} in dim {i} and second has size {b.shape[j]} in dim {j}"
            )
        b_labels[j] = i
    keep = set(a_labels).symmetric_difference(b_labels)
    sizes = _sizes("tensordot", [a_labels, b_labels], (a, b))
    return _contract(*_prepare(a, a_labels, sizes), *_prepare(b, b_labels, sizes), keep)[0]


# fmt: off
__all__ = [
    "matmul", "mm", "bmm", "mv", "dot", "outer", "addmm", "baddbmm", "linear", "einsum",
    "tensordot",
]
# fmt: on
