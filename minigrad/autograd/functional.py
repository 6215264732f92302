"""Jacobians and Hessians of functions of tensors, and their products with vectors.

`func` takes the tensors of `inputs` (one, or a tuple) and returns a tensor or a tuple of tensors;
results have the same structure, and so has v, in the shapes of what it is multiplied with. With
`create_graph` results can be differentiated further. Where an output does not depend on an input
the result is zero; with `strict` it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minigrad import tensor as tensor_module
from minigrad.autograd import broadcast
from minigrad.autograd.engine import grad
from minigrad.autograd.mode import enable_grad
from minigrad.names import missing
from minigrad.tensor import Tensor

Tensors = Tensor | tuple[Tensor, ...]
Func = Callable[..., Any]


def vjp(
    func: Func, inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), v J): the product of a vector like the output with the Jacobian.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> minigrad.autograd.functional.vjp(lambda x: (x * x).sum(), x)
    (tensor(5.), tensor([2., 4.]))
    """
    with enable_grad():
        xs, outs, out = _run("vjp", func, inputs, create_graph, strict)
        v = _vector(v, outs, out, "the user-provided function returns")
        found = _gradients("vjp", outs, xs, v, create_graph, strict)
    return _detached(out, create_graph), _like(inputs, found, create_graph)


def jvp(
    func: Func, inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), J v): the product of the Jacobian with a vector like the inputs.

    u J is linear in u, so its gradient with respect to u, weighted by v, is J v: two backward
    passes, and the value of u does not matter.

    >>> import minigrad
    >>> x, v = minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 0.0])
    >>> minigrad.autograd.functional.jvp(lambda x: x * x, x, v)
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    with enable_grad():
        xs, outs, out = _run("jvp", func, inputs, create_graph, strict)
        v = _vector(v, xs, inputs, "the input to the user-provided function is")
        u = [x.new_zeros(x.shape).requires_grad_() for x in outs]
        uj = _gradients("jvp", outs, xs, u, True, strict)
        found = _gradients("jvp", uj, u, v, create_graph, strict)
    return _detached(out, create_graph), _like(out, found, create_graph)


def jacobian(
    func: Func,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """J[i, j] = d func(inputs)[i] / d inputs[j], of shape output.shape + input.shape.

    A tuple over the outputs of tuples over the inputs, each where there is a tuple. One backward
    pass for each element of the output; with `vectorize` one for all of them together, as by vmap.

    >>> import minigrad
    >>> minigrad.autograd.functional.jacobian(lambda x: x * x, minigrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy != "reverse-mode":
        raise NotImplementedError(f"jacobian: strategy is 'reverse-mode', there is no {strategy!r}")
    with enable_grad():
        xs, outs, out = _run("jacobian", func, inputs, create_graph, strict)
        rows = [
            _like(inputs, (_together if vectorize else _rows)(i, y, xs, create_graph, strict),
                  create_graph)
            for i, y in enumerate(outs)
        ]
    return tuple(rows) if isinstance(out, tuple) else rows[0]


def _together(i: int, y: Tensor, xs: Sequence[Tensor], create_graph: bool, strict: bool) -> Any:
    """As _rows, in one backward pass."""
    count = y.numel()
    if strict or not count or not y.requires_grad:
        return _rows(i, y, xs, create_graph, strict)
    units = tensor_module.ops.eye(count, dtype=y.dtype, device=y.device).reshape(count, *y.shape)
    found = grad(y, xs, units, True, create_graph, allow_unused=True, is_grads_batched=True)
    return [
        x.new_zeros((*y.shape, *x.shape)) if g is None else g.reshape(*y.shape, *x.shape)
        for g, x in zip(found, xs, strict=True)
    ]


def _rows(i: int, y: Tensor, xs: Sequence[Tensor], create_graph: bool, strict: bool) -> Any:
    """The derivatives of all elements of output i, for each input."""
    count = y.numel()
    rows: list[list[Tensor]] = [[] for _ in xs]
    for k in range(count):
        one = y.new_zeros(count)
        one[k] = 1
        weight = [one.reshape(y.shape)]
        found = _gradients(f"jacobian, output {i}", [y], xs, weight, create_graph, strict)
        for row, gx in zip(rows, found, strict=True):
            row.append(gx)
    stack = tensor_module.ops.stack
    return [
        stack(row).reshape(*y.shape, *x.shape) if row else x.new_zeros((*y.shape, *x.shape))
        for row, x in zip(rows, xs, strict=True)
    ]


def hessian(
    func: Func,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """H[i, j] = d^2 func(inputs) / d inputs[i] d inputs[j], for a func with one element.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> minigrad.autograd.functional.hessian(lambda x: (x**3).sum(), x)
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def gradient(*xs: Tensor) -> Any:
        found = jacobian(_scalar("hessian", func), xs, create_graph=True, strict=strict)
        return tuple(gx.reshape(x.shape) for gx, x in zip(found, xs, strict=True))

    found = jacobian(
        gradient, inputs, create_graph, strict, vectorize, strategy=outer_jacobian_strategy
    )
    return found if isinstance(inputs, tuple) else found[0]


def vhp(
    func: Func, inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), v H): the product of a vector like the inputs with the Hessian.

    >>> import minigrad
    >>> x, v = minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 0.0])
    >>> minigrad.autograd.functional.vhp(lambda x: (x**3).sum(), x, v)
    (tensor(9.), tensor([6., 0.]))
    """
    with enable_grad():
        xs, outs, out = _run("vhp", _scalar("vhp", func), inputs, create_graph, strict)
        v = _vector(v, xs, inputs, "the input to the user-provided function is")
        gxs = _gradients("vhp", outs, xs, [None], True, strict)
        found = _gradients("vhp", gxs, xs, v, create_graph, strict)
    return _detached(out, create_graph), _like(inputs, found, create_graph)


def hvp(
    func: Func, inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), H v). The Hessian is symmetric wherever func is smooth: this is vhp.

    >>> import minigrad
    >>> x, v = minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 0.0])
    >>> minigrad.autograd.functional.hvp(lambda x: (x**3).sum(), x, v)
    (tensor(9.), tensor([6., 0.]))
    """
    return vhp(func, inputs, v, create_graph, strict)


# -- the steps


def _tuple(name: str, what: str, x: Any) -> tuple[Tensor, ...]:
    """A tensor or a tuple of tensors as a tuple."""
    xs = x if isinstance(x, tuple) else (x,)
    for member in xs:
        if not isinstance(member, Tensor):
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
                f"given {what} has type {type(member)}."
            )
    return xs


def _scalar(name: str, func: Func) -> Func:
    """func, checked to return one tensor of one element; its value without dimensions."""

    def checked(*xs: Tensor) -> Tensor:
        (out,) = _tuple(name, "outputs of the user-provided function", func(*xs))
        if out.numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single "
                f"element, got shape {tuple(out.shape)}"
            )
        return out.reshape(())

    return checked


def _run(name: str, func: Func, inputs: Any, create_graph: bool, strict: bool) -> Any:
    """The inputs as func saw them, its outputs as a tuple and as they came.

    Func gets tensors of its own, which belong to the caller's graph only with create_graph.
    """
    xs = tuple(
        broadcast.alias(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in _tuple(name, "inputs", inputs)
    )
    out = func(*xs)
    outs = _tuple(name, "outputs of the user-provided function", out)
    for i, y in enumerate(outs):
        if strict and not y.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                "must be computed in a differentiable manner from the input when running in strict "
                "mode."
            )
    return xs, outs, out


def _vector(v: Any, like: Sequence[Tensor], given: Any, what: str) -> Sequence[Any]:
    """v as a tuple, checked to fit; None means 1 where there is one element."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {what} a single Tensor with a single element."
            )
        return [like[0].new_full(like[0].shape, 1)]
    vs = _tuple("functional", "vector v", v)
    if len(vs) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}."
        )
    for x, y in zip(vs, like, strict=True):
        if x.shape != y.shape:
            raise RuntimeError(f"v has invalid size: should be {y.shape} but got {x.shape}.")
    return vs


def _gradients(
    name: str,
    outs: Sequence[Tensor],
    xs: Sequence[Tensor],
    v: Sequence[Any],
    create_graph: bool,
    strict: bool,
) -> list[Tensor]:
    """The gradients of outs, weighted by v, for each of xs: zeros where there is no path."""
    used = [(out, w) for out, w in zip(outs, v, strict=True) if out.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(xs)
    if used:
        roots, weights = zip(*used, strict=True)
        found = grad(roots, xs, weights, True, create_graph, allow_unused=True)
    for i, gx in enumerate(found):
        if strict and (gx is None or create_graph and not gx.requires_grad):
            what = "the user-provided function" if gx is None else "its derivative"
            raise RuntimeError(
                f"{name}: {what} is independent of input {i}. This is not allowed in strict mode."
            )
    return [x.new_zeros(x.shape) if gx is None else gx for x, gx in zip(xs, found, strict=True)]


def _detached(x: Any, create_graph: bool) -> Any:
    if create_graph:
        return x
    return tuple(member.detach() for member in x) if isinstance(x, tuple) else x.detach()


def _like(given: Any, found: Sequence[Tensor], create_graph: bool) -> Any:
    """The tensors found as a tuple where a tuple was given."""
    return _detached(tuple(found) if isinstance(given, tuple) else found[0], create_graph)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("autograd.functional", name, globals()))
