"""Connectionist temporal classification: a sequence of labels read off a longer sequence of frames
(Graves et al., 2006).

A path says for each frame one class, or blank. It spells a target if the target is left when equal
neighbours are merged and then blanks dropped: -aa-b and a--bb both spell ab. The loss is
-log(sum over all paths that spell the target of the product of their probabilities).

With a blank before, between and after the labels, l = -a-b-, such a path walks over l from left to
right: from one frame to the next it stays, goes on by one, or goes on by two if that leaves out a
blank between two labels that differ. So with alpha[t, s] the log of the sum over all walks that are
at l[s] in frame t,

    alpha[t, s] = logsumexp(alpha[t-1, s], alpha[t-1, s-1], alpha[t-1, s-2] if it may) + x[t, l[s]]

which is an op of its own: ops.log_of_walks.
"""

from collections.abc import Sequence
from typing import Any

from minigrad import ops
from minigrad.backends.base import NEVER
from minigrad.dtype import float16, int64
from minigrad.nn.functional.loss import reduced
from minigrad.ops import pad
from minigrad.tensor import Tensor

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that the frames spell the target; see the head of this file.

    `log_probs` (T, N, C) are logarithms of probabilities, `targets` (N, S), padded with anything,
    or all labels one after the other; the lengths are N ints each. Without a batch: (T, C), (S,)
    and one int. A target that is too long for its frames has an infinite loss, or with
    `zero_infinity` a loss and a gradient of 0. "mean" divides each loss by the length of its target
    first. RuntimeError for lengths and shapes that do not fit.

    >>> import minigrad
    >>> from minigrad.nn import functional as F
    >>> x = minigrad.zeros(5, 1, 3).log_softmax(2)
    >>> F.ctc_loss(x, minigrad.tensor([[1, 2]]), [5], [2]) * 2
    tensor(1.9377)
    """
    batched = log_probs.ndim == 3
    x = log_probs if batched else log_probs.unsqueeze(1)
    frames, sizes = _ints(input_lengths), _ints(target_lengths)
    _check(x, targets, frames, sizes, blank)
    labels = _with_blanks(_padded(targets, sizes), sizes, blank)
    total = _log_probability(x, labels, frames, sizes)
    impossible = total < NEVER / 2
    loss = ops.where(impossible, 0.0 if zero_infinity else float("inf"), -total)
    if reduction == "mean":
        loss = loss / loss.new_tensor([max(size, 1) for size in sizes])
    loss = reduced("ctc_loss", loss if batched else loss.squeeze(0), reduction)
    return loss.to(x.dtype)


def _log_probability(x: Tensor, labels: Tensor, frames: list[int], sizes: list[int]) -> Tensor:
    """alpha[-1, last label or blank behind it], each sequence after its own number of frames."""
    emitted = x.gather(2, labels.expand(x.shape[0], *labels.shape))
    if x.dtype is float16:  # which has no number like NEVER
        emitted = emitted.float()
    before = pad(labels, (2, 0), value=-1)[:, :-2]
    ends = labels.new_tensor([frames, [2 * size for size in sizes]])
    return ops.log_of_walks(emitted.clamp(min=NEVER), labels != before, ends[0], ends[1])


def _with_blanks(targets: Tensor, sizes: list[int], blank: int) -> Tensor:
    """(N, 2 S + 1): blank, label, blank, label ... blank."""
    ends = targets.new_tensor(sizes).unsqueeze(1)
    inside = ops.arange(targets.shape[1], device=targets.device) < ends
    labels = ops.where(inside, targets, blank)
    pairs = ops.stack([ops.full_like(labels, blank), labels], 2)
    return pad(pairs.flatten(1), (0, 1), value=blank)


def _padded(targets: Tensor, sizes: list[int]) -> Tensor:
    """(N, S) also of targets that come one after the other."""
    targets = targets.to(int64)
    if targets.ndim == 2:
        return targets[:, : max(sizes, default=0)]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    longest, most = max(sizes, default=0), max(targets.numel() - 1, 0)
    places = [[min(start + i, most) for i in range(longest)] for start in starts]
    index = targets.new_tensor(places, dtype=int64).reshape(len(sizes), longest)
    return targets.index_select(0, index.flatten()).reshape(index.shape)


def _ints(lengths: Any) -> list[int]:
    given = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    return [int(n) for n in given] if isinstance(given, Sequence) else [int(given)]


def _check(x: Tensor, targets: Tensor, frames: list[int], sizes: list[int], blank: int) -> None:
    if x.ndim != 3 or targets.ndim not in (1, 2):
        raise RuntimeError(
            "ctc_loss: log_probs (T, N, C) or (T, C), and targets (N, S) or in one dimension, are "
            f"needed, got {tuple(x.shape)} and {tuple(targets.shape)}"
        )
    steps, batch, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"ctc_loss: blank must be in label range, 0 to {classes - 1}: {blank}")
    for name, lengths in (("input_lengths", frames), ("target_lengths", sizes)):
        if len(lengths) != batch or min(lengths, default=0) < 0:
            raise RuntimeError(
                f"ctc_loss: {name} must be {batch} lengths, one for each sequence: {lengths}"
            )
    if max(frames, default=0) > steps:
        raise RuntimeError(
            f"ctc_loss: Expected input_lengths to have value at most {steps}, got {frames}"
        )
    fits = (
        max(sizes, default=0) <= targets.shape[-1]
        if targets.ndim == 2
        else (sum(sizes) == targets.numel())
    )
    if not fits or targets.ndim == 2 and targets.shape[0] != batch:
        raise RuntimeError(
            f"ctc_loss: targets of shape {tuple(targets.shape)} do not fit target_lengths {sizes}"
        )
