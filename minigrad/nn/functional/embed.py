"""Sums, means and maxima of rows of a table."""

from minigrad import ops
from minigrad.dtype import bool_, int32, int64
from minigrad.ops import embedding
from minigrad.tensor import Tensor

__all__ = ["embedding_bag"]


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """out[b] = sum, mean or maximum of the rows weight[i] for i in bag b, zeros for an empty bag.

    Bags are the rows of `input` (B, N), or one after the other in (N,), where they begin at
    `offsets` (B,); with `include_last_offset` its last entry is where the last bag ends.
    `per_sample_weights`, of the shape of input, weigh the terms of sums. The number `padding_idx`
    does not count. Other options are those of embedding. ValueError, RuntimeError and
    NotImplementedError for what does not go together.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> table = minigrad.tensor([[1.0], [10.0], [100.0]])
    >>> F.embedding_bag(minigrad.tensor([0, 1, 2]), table, minigrad.tensor([0, 2]), mode="sum")
    tensor([[ 11.],
            [100.]])
    """
    _check(input, offsets, mode, scale_grad_by_freq, per_sample_weights)
    flat = input.flatten().to(int64)
    rows = embedding(flat, weight, None, max_norm, norm_type, scale_grad_by_freq)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    counted = ops.ones_like(flat, dtype=bool_)
    if padding_idx is not None:
        counted = flat != padding_idx % weight.shape[0]
    if offsets is None:
        return _reduced(rows.unflatten(0, input.shape), counted.unflatten(0, input.shape), mode)
    starts, ends = _bounds(offsets.tolist(), input.numel(), include_last_offset)
    longest = max((end - start for start, end in zip(starts, ends, strict=True)), default=0)
    if not longest:
        return weight.new_zeros(len(starts), weight.shape[1])
    # The bags as rows of one length: what is behind the end of a bag does not count.
    first, behind = (flat.new_tensor(bounds).unsqueeze(1) for bounds in (starts, ends))
    places = first + ops.arange(longest, device=flat.device)
    inside = places < behind
    places = ops.where(inside, places, 0)
    rows = rows.index_select(0, places.flatten()).unflatten(0, places.shape)
    counted = counted.index_select(0, places.flatten()).unflatten(0, places.shape)
    return _reduced(rows, inside & counted, mode)


def _reduced(rows: Tensor, counted: Tensor, mode: str) -> Tensor:
    """(B, L, D) to (B, D), over those of the L that are counted, (B, L)."""
    counted = counted.unsqueeze(2)
    if mode == "max":
        some = counted.any(1)
        largest = ops.where(counted, rows, float("-inf")).max(1).values
        return ops.where(some, largest, 0.0)
    total = ops.where(counted, rows, 0.0).sum(1)
    return total if mode == "sum" else total / counted.sum(1).clamp(min=1)


def _bounds(offsets: list[int], n: int, include_last: bool) -> tuple[list[int], list[int]]:
    """Where the bags start and end in the n numbers."""
    ends = offsets[1:] if include_last else [*offsets[1:], n]
    starts = offsets[: len(ends)]
    if starts and starts[0] != 0:
        raise RuntimeError(f"embedding_bag: offsets[0] has to be 0, got {starts[0]}")
    if ends and (max(ends) > n or [*starts, ends[-1]] != sorted([*starts, ends[-1]])):
        raise RuntimeError(
            f"embedding_bag: offsets {offsets} must not fall, nor be greater than the input's "
            f"length {n}"
        )
    return starts, ends


def _check(
    input: Tensor, offsets: Tensor | None, mode: str, by_freq: bool, weights: Tensor | None
) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and by_freq:
        raise ValueError("embedding_bag: max mode does not support scale_grad_by_freq")
    if input.dtype not in (int64, int32):
        raise RuntimeError(
            f"embedding_bag: indices of int64 or int32 are needed, got {input.dtype}"
        )
    if input.ndim not in (1, 2):
        raise ValueError(f"embedding_bag: input has to be 1D or 2D, got {tuple(input.shape)}")
    if input.ndim == 2 and offsets is not None:
        raise ValueError("embedding_bag: input (B, N) has bags of one length, and takes no offsets")
    if input.ndim == 1 and (offsets is None or offsets.ndim != 1):
        raise ValueError("embedding_bag: input (N,) needs offsets, a 1D Tensor")
    if weights is None:
        return
    if mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights need mode 'sum', not {mode!r}"
        )
    if weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: per_sample_weights {tuple(weights.shape)} must have the shape of the "
            f"input, {tuple(input.shape)}"
        )
