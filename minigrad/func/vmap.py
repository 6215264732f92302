"""vmap: a function of one example as a function of a batch.

The function is not changed and runs once, with tensors that stand for all examples: how they
compute is in backends/batch.py, how gradients get in and out in autograd/batch.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from minigrad.autograd.batch import Level, batched, differs, innermost, inside, unbatched
from minigrad.func import tree
from minigrad.ops.shape import cat, movedim
from minigrad.tensor import Tensor


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that applies func to each slice of its arguments along `in_dims`, and stacks the
    results along `out_dims` (torch.func.vmap).

    Both are one int for all, or trees like the arguments and results, of ints and None; an argument
    with None is the same for every slice, as are keyword arguments, and tensors that func finds
    elsewhere. vmaps nest, and go together with grad. `chunk_size` limits how many slices are
    computed at once. Random numbers are an error, or with `randomness` "same" or
    "different" the same or others in each slice.

    ValueError for arguments that do not fit; RuntimeError, which names the op, where slices cannot
    be computed together: where func asks for a value, as a branch does, or for a shape that depends
    on values, as nonzero does.

    >>> import minigrad
    >>> x, y = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]), minigrad.tensor([1.0, 10.0])
    >>> minigrad.func.vmap(minigrad.dot, in_dims=(0, None))(x, y)
    tensor([21., 43.])
    """
    if randomness not in ("error", "same", "different"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )

    @functools.wraps(func)
    def of_batches(*args: Any, **kwargs: Any) -> Any:
        dims = [*_in_dims(in_dims, args), *[None] * len(tree.leaves(kwargs))]
        xs = tree.leaves((args, kwargs))
        dims = [_checked(x, dim) for x, dim in zip(xs, dims, strict=True)]
        size = _size(xs, dims)
        step = chunk_size or size or 1
        if step >= size:
            return _run(func, (args, kwargs), xs, dims, out_dims, Level(size, randomness))
        pieces = []
        for start in range(0, size, step):
            count = min(step, size - start)
            part = [x if d is None else x.narrow(d, start, count)
                    for x, d in zip(xs, dims, strict=True)]  # fmt: skip
            level = Level(count, randomness)
            pieces.append(_run(func, (args, kwargs), part, dims, out_dims, level))
        return _joined(pieces, out_dims)

    return of_batches


def _run(
    func: Callable[..., Any], inputs: Any, xs: Sequence[Any], dims: Sequence[Any], out_dims: Any,
    level: Level,
) -> Any:  # fmt: skip
    """func, once, of xs in the place of the leaves of `inputs`."""
    with inside(level):
        taken_in = [_in(x, dim, level) for x, dim in zip(xs, dims, strict=True)]
        args, kwargs = tree.rebuilt(inputs, taken_in)
        found = func(*args, **kwargs)
    outs = tree.leaves(found)
    places = tree.matched(out_dims, found)
    if places is None:
        raise ValueError(
            f"vmap({_name(func)}, out_dims={out_dims}): out_dims is not compatible with the "
            f"structure of the {len(outs)} outputs"
        )
    return tree.rebuilt(
        found, [_out(func, level, out, dim) for out, dim in zip(outs, places, strict=True)]
    )


def _in(x: Any, dim: int | None, level: Level) -> Any:
    if dim is None:
        return innermost(x) if isinstance(x, Tensor) else x
    return innermost(batched(movedim(x, dim, 0), level))


def _out(func: Callable[..., Any], level: Level, out: Any, dim: int | None) -> Tensor:
    if not isinstance(out, Tensor):
        raise ValueError(
            f"vmap({_name(func)}): the function must only return Tensors, got type {type(out)}"
        )
    if dim is None:
        if differs(out, level):
            raise ValueError(
                f"vmap({_name(func)}, out_dims=None): the output differs between the slices; give "
                "it a dim"
            )
        return unbatched(out, level)[0]
    if not -out.dim() - 1 <= dim <= out.dim():
        raise IndexError(
            f"vmap({_name(func)}): Dimension out of range (expected to be in range of "
            f"[{-out.dim() - 1}, {out.dim()}], but got {dim}) for out_dims"
        )
    return movedim(unbatched(out, level), 0, dim)


def _joined(pieces: list[Any], out_dims: Any) -> Any:
    """The results of the chunks, one after the other."""
    places = tree.matched(out_dims, pieces[0]) or []
    columns = zip(*(tree.leaves(piece) for piece in pieces), strict=True)
    whole = [
        column[0] if dim is None else cat(column, dim)
        for column, dim in zip(columns, places, strict=True)
    ]
    return tree.rebuilt(pieces[0], whole)


def _in_dims(in_dims: Any, args: tuple[Any, ...]) -> list[Any]:
    if not isinstance(in_dims, int | tuple | list):
        raise ValueError(
            "vmap: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}"
        )
    found = tree.matched(in_dims, args)
    if found is None:
        raise ValueError(
            f"vmap: in_dims is not compatible with the structure of the inputs: in_dims "
            f"{in_dims} for {len(args)} argument(s)"
        )
    return found


def _checked(x: Any, dim: Any) -> Any:
    """The dim, counted from 0."""
    if dim is None:
        return None
    if not isinstance(x, Tensor):
        raise ValueError(
            f"vmap: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if not -x.dim() <= dim < x.dim():
        raise ValueError(
            f"vmap: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality "
            f"{x.dim()} so expected in_dim to satisfy -{x.dim()} <= in_dim < {x.dim()}."
        )
    return dim % x.dim()


def _size(xs: Sequence[Any], dims: Sequence[Any]) -> int:
    sizes = [x.shape[dim] for x, dim in zip(xs, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over; all in_dims are None")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    size: int = sizes[0]
    return size


def _name(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", type(func).__name__)
