"""Derivatives of functions, as functions: grad, vjp, jvp and the Jacobians.

Arguments and results are trees of tensors. A derivative can be differentiated again: by another of
these, around it, and by backward() where tensors that func has found elsewhere require a gradient.
Then the backward pass is recorded; else it is not, which is faster: see _is_recorded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from minigrad.autograd import broadcast
from minigrad.autograd.batch import innermost
from minigrad.autograd.engine import grad as gradients_of
from minigrad.autograd.mode import enable_grad
from minigrad.func import tree
from minigrad.ops.create import eye
from minigrad.ops.shape import cat, movedim
from minigrad.tensor import Tensor

Func = Callable[..., Any]


def grad(func: Func, argnums: Any = 0, has_aux: bool = False) -> Func:
    """The function that computes the gradient of func, which returns a scalar (torch.func.grad).

    By the argument `argnums`, an int, or by several, a tuple, which gives a tuple. With `has_aux`
    func returns (scalar, anything), and the result is (gradient, anything).

    >>> import minigrad
    >>> from minigrad.func import grad
    >>> grad(grad(lambda x: x**3))(minigrad.tensor(2.0))
    tensor(12.)
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found[0], found[1][1]) if has_aux else found[0]

    return gradient


def grad_and_value(func: Func, argnums: Any = 0, has_aux: bool = False) -> Func:
    """As grad; the function returns (gradient, value), or (gradient, (value, anything)) with
    `has_aux` (torch.func.grad_and_value).

    >>> import minigrad
    >>> minigrad.func.grad_and_value(lambda x: x**3)(minigrad.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        with enable_grad():
            chosen, xs, args = _fresh(args, argnums)
            out, aux = _with_aux("grad_and_value", func(*args, **kwargs), has_aux)
            if not isinstance(out, Tensor):
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a tensor, got object "
                    f"of type {type(out)}"
                )
            if out.dim():
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got "
                    f"tensor with {out.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs "
                    "instead?"
                )
            recorded = _is_recorded([out], xs)
            found = tree.rebuilt(chosen, _gradients([out], xs, [None], recorded))
        value, aux = _seen((out, aux), recorded)
        return found, ((value, aux) if has_aux else value)

    return gradient


def vjp(func: Func, *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), f), where f(v) is v J: a tuple, one for each primal (torch.func.vjp).

    v is like the output. With `has_aux` func returns (output, anything), and vjp
    (output, f, anything).

    >>> import minigrad
    >>> out, f = minigrad.func.vjp(lambda x: x * x, minigrad.tensor([1.0, 2.0]))
    >>> f(minigrad.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    with enable_grad():
        _, xs, args = _fresh(primals, tuple(range(len(primals))))
        out, aux = _with_aux("vjp", func(*args), has_aux)
    outs = _tensors("vjp", out)
    recorded = _is_recorded(outs, xs)

    def pull_back(*cotangents: Any) -> Any:
        given = cotangents if len(cotangents) > 1 else cotangents[0]
        vs = tree.leaves(given)
        if len(vs) != len(outs):
            raise RuntimeError(
                f"vjp_fn: Expected cotangents for {len(outs)} outputs, got {len(vs)}"
            )
        create_graph = recorded or any(v.requires_grad for v in vs)
        with enable_grad():
            return tree.rebuilt(primals, _gradients(outs, xs, vs, create_graph))

    value, aux = _seen((out, aux), recorded)
    return (value, pull_back, aux) if has_aux else (value, pull_back)


def jvp(func: Func, primals: Any, tangents: Any, *, strict: bool = False,
        has_aux: bool = False) -> Any:  # fmt: skip
    """(func(*primals), J v) for the tangents v, a tuple like the primals (torch.func.jvp).

    u J is linear in u, so its gradient with respect to u, weighted by v, is J v: two backward
    passes, and the value of u does not matter. `strict` is accepted: what does not depend on the
    primals has tangent 0.

    >>> import minigrad
    >>> x, v = minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 0.0])
    >>> minigrad.func.jvp(lambda x: x * x, (x,), (v,))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    vs = tree.leaves(tangents)
    if not isinstance(primals, tuple) or len(vs) != len(tree.leaves(primals)):
        raise RuntimeError(
            "jvp: Expected primals to be a tuple and tangents to be like them; got "
            f"{len(tree.leaves(primals))} and {len(vs)} tensors"
        )
    with enable_grad():
        _, xs, args = _fresh(primals, tuple(range(len(primals))))
        out, aux = _with_aux("jvp", func(*args), has_aux)
        outs = _tensors("jvp", out)
        recorded = _is_recorded(outs, xs) or any(v.requires_grad for v in vs)
        us, pulled = _transposed(outs, xs)
        found = _gradients(pulled, us, vs, recorded)
    value, aux = _seen((out, aux), recorded)
    pushed = tree.rebuilt(out, found)
    return (value, pushed, aux) if has_aux else (value, pushed)


def jacrev(
    func: Func, argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Func:
    """The function that computes the Jacobian of func, row by row: one backward pass, of all rows
    at once (torch.func.jacrev).

    The result is a tree like the output, with trees like the arguments `argnums` in it, each of
    shape output.shape + argument.shape. `chunk_size`: how many rows at a time.

    >>> import minigrad
    >>> minigrad.func.jacrev(lambda x: x * x)(minigrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        with enable_grad():
            chosen, xs, args = _fresh(args, argnums)
            out, aux = _with_aux("jacrev", func(*args, **kwargs), has_aux)
            outs = _tensors("jacrev", out)
            recorded = _is_recorded(outs, xs)
            rows = [
                tree.rebuilt(chosen, [
                    g.reshape(*y.shape, *x.shape)
                    for g, x in zip(_rows([y], xs, y, recorded, chunk_size), xs, strict=True)
                ])
                for y in outs
            ]  # fmt: skip
        found = tree.rebuilt(out, rows)
        return (found, _seen(aux, recorded)) if has_aux else found

    return jacobian


def jacfwd(
    func: Func, argnums: Any = 0, has_aux: bool = False, *, chunk_size: int | None = None,
    randomness: str = "error",
) -> Func:  # fmt: skip
    """The function that computes the Jacobian of func, column by column, all columns at once
    (torch.func.jacfwd).

    As jacrev, and worth it where func has more outputs than inputs.

    >>> import minigrad
    >>> minigrad.func.jacfwd(lambda x: x * x)(minigrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        with enable_grad():
            chosen, xs, args = _fresh(args, argnums)
            out, aux = _with_aux("jacfwd", func(*args, **kwargs), has_aux)
            outs = _tensors("jacfwd", out)
            recorded = _is_recorded(outs, xs)
            us, pulled = _transposed(outs, xs)
            columns = [
                _rows([row], us, x, recorded, chunk_size)
                for row, x in zip(pulled, xs, strict=True)
            ]
        found = [
            tree.rebuilt(chosen, [
                movedim(column[i], 0, -1).reshape(*y.shape, *x.shape)
                for column, x in zip(columns, xs, strict=True)
            ])
            for i, y in enumerate(outs)
        ]  # fmt: skip
        result = tree.rebuilt(out, found)
        return (result, _seen(aux, recorded)) if has_aux else result

    return jacobian


def hessian(func: Func, argnums: Any = 0) -> Func:
    """The function that computes the second derivatives of func, which returns a scalar
    (torch.func.hessian): jacrev of jacrev, since a pass forward is two backward here.

    >>> import minigrad
    >>> minigrad.func.hessian(lambda x: (x**3).sum())(minigrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)


# -- the steps


def _fresh(args: tuple[Any, ...], argnums: Any) -> tuple[Any, list[Tensor], tuple[Any, ...]]:
    """The arguments to differentiate by, the tensors in them, new, and all arguments with these."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(
                f"Got argnum={n}, but only {len(args)} positional inputs: argnums must be "
                "positional arguments"
            )
    new = list(args)
    for n in numbers:
        new[n] = tree.mapped(_new, args[n])
    chosen = new[argnums] if isinstance(argnums, int) else tuple(new[n] for n in numbers)
    return chosen, tree.leaves(chosen), tuple(new)


def _new(x: Any) -> Tensor:
    """x as the start of a graph of its own, which leads on to that of x."""
    if not isinstance(x, Tensor):
        raise ValueError(
            f"Thing passed to transform API must be Tensor, got {type(x)}: what to differentiate by"
        )
    x = innermost(x)
    return broadcast.alias(x) if x.requires_grad else x.detach().requires_grad_()


def _is_recorded(outs: Sequence[Tensor], xs: Sequence[Tensor]) -> bool:
    """Whether outs depend on what requires a gradient beside xs, or behind them: then somebody may
    want to differentiate the derivative.
    """
    own = {x.node for x in xs}
    seen: set[Any] = set()
    stack = [y.node for y in outs]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if not node.edges and node not in own:
            return True
        stack.extend(node.edges)
    return False


def _with_aux(name: str, out: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return out, None
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(
            f"{name}: with has_aux=True the function must return (output, aux), got {type(out)}"
        )
    return out


def _seen(out: Any, recorded: bool) -> Any:
    """What func returned, as its caller gets it: without the graph of the derivative."""
    if recorded:
        return out
    return tree.mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, out)


def _tensors(name: str, out: Any) -> list[Tensor]:
    found = tree.leaves(out)
    for y in found:
        if not isinstance(y, Tensor):
            raise RuntimeError(
                f"{name}(f, ...): Expected f to only return Tensors, got {type(y).__name__}"
            )
    return found


def _gradients(
    outs: Sequence[Tensor], xs: Sequence[Tensor], vs: Sequence[Any], create_graph: bool,
    is_grads_batched: bool = False,
) -> list[Any]:  # fmt: skip
    """The gradients of outs, weighted by vs, for each of xs; None where there is no path and they
    are batched, zeros otherwise.
    """
    used = [(y, v) for y, v in zip(outs, vs, strict=True) if y.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(xs)
    if used:
        ys, weights = zip(*used, strict=True)
        found = gradients_of(
            ys, xs, weights, True, create_graph, allow_unused=True,
            is_grads_batched=is_grads_batched,
        )  # fmt: skip
    if is_grads_batched:
        return list(found)
    return [x.new_zeros(x.shape) if g is None else g for g, x in zip(found, xs, strict=True)]


def _transposed(outs: Sequence[Tensor], xs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """u and u J, recorded as a function of u: see jvp."""
    us = [y.new_zeros(y.shape).requires_grad_() for y in outs]
    return us, _gradients(outs, xs, us, True)


def _rows(
    outs: Sequence[Tensor], xs: Sequence[Tensor], like: Tensor, create_graph: bool,
    chunk_size: int | None,
) -> list[Tensor]:  # fmt: skip
    """For each of xs the gradients of the one output by each unit vector like `like`, stacked."""
    count = like.numel()
    units = eye(count, dtype=like.dtype, device=like.device).reshape(count, *like.shape)
    step = chunk_size or max(count, 1)
    parts = [
        _gradients(outs, xs, [units[i : i + step]], create_graph, is_grads_batched=True)
        for i in range(0, max(count, 1), step)
    ]
    return [
        x.new_zeros((count, *x.shape)) if column[0] is None else cat(column)
        for column, x in zip(zip(*parts, strict=True), xs, strict=True)
    ]
