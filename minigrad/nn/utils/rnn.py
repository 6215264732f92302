"""Sequences of different lengths: padded into one tensor, or packed without padding.

A packed sequence holds the rows of all sequences step by step: first row 0 of every sequence, the
longest first, then row 1 of those that have one, and so on; `batch_sizes` says how many each step
has. The sequences a, b, c of lengths 3, 2, 1 are packed as a0 b0 c0 a1 b1 a2, with batch_sizes
3, 2, 1. A recurrent layer walks over it and computes nothing for padding.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from minigrad import ops
from minigrad.dtype import int64
from minigrad.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """What pack_padded_sequence returns: data (rows, ...), batch_sizes (steps,) on the CPU, and the
    permutation that sorted the sequences by length with its inverse, or None if they came sorted.

    >>> import minigrad
    >>> from minigrad.nn.utils.rnn import pack_sequence
    >>> pack_sequence([minigrad.tensor([1, 2, 3]), minigrad.tensor([4])]).data
    tensor([1, 4, 2, 3])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> "PackedSequence":
        if batch_sizes is None:
            raise AssertionError(
                "PackedSequence: batch_sizes is needed; pack_padded_sequence makes both"
            )
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                f"PackedSequence: batch_sizes should always be on CPU, got {batch_sizes.device}"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The same with data.to(...), and with the permutations on the device of data."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = (None if x is None else x.to(data.device) for x in self[2:])
        return type(self)(data, self.batch_sizes, *moved)

    def cpu(self) -> "PackedSequence":
        """The same on the CPU."""
        return self.to("cpu")

    def double(self) -> "PackedSequence":
        """The same in float64."""
        return type(self)(self.data.double(), *self[1:])

    def float(self) -> "PackedSequence":
        """The same in float32."""
        return type(self)(self.data.float(), *self[1:])


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """out[permutation[i]] = i; None for None.

    >>> import minigrad
    >>> invert_permutation(minigrad.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else permutation.argsort()


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Packs sequences that are padded to one length: input (T, N, ...), or (N, T, ...) with
    `batch_first`.

    `lengths` must decrease unless `enforce_sorted` is False, which sorts them. RuntimeError for
    lengths that are not (N,), not 1 to T, or not sorted.

    >>> import minigrad
    >>> x = minigrad.tensor([[1, 2, 3], [4, 0, 0]])
    >>> pack_padded_sequence(x, [3, 1], batch_first=True).batch_sizes
    tensor([2, 1, 1])
    """
    sizes = [int(n) for n in (lengths.tolist() if isinstance(lengths, Tensor) else lengths)]
    order = None
    if not enforce_sorted:
        places = sorted(range(len(sizes)), key=lambda i: -sizes[i])
        order = ops.tensor(places, dtype=int64, device=input.device)
        sizes = [sizes[i] for i in places]
    x = input.transpose(0, 1) if batch_first else input
    _check_lengths(x, sizes)
    if order is not None:
        x = x.index_select(1, order)
    steps, batch = x.shape[:2]
    counts = [sum(size > t for size in sizes) for t in range(sizes[0])]
    rows = [t * batch + i for t, count in enumerate(counts) for i in range(count)]
    index = ops.tensor(rows, dtype=int64, device=input.device)
    data = x.reshape(steps * batch, *x.shape[2:]).index_select(0, index)
    return PackedSequence(data, ops.tensor(counts, dtype=int64, device="cpu"), order)


def _check_lengths(x: Tensor, sizes: list[int]) -> None:
    """x is (T, N, ...), the sizes are sorted unless that is the mistake."""
    steps, batch = x.shape[:2]
    if len(sizes) != batch:
        raise RuntimeError(
            "pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, but got "
            f"{len(sizes)} (batch_size={batch}); is batch_first right?"
        )
    if not sizes or min(sizes) <= 0:
        raise RuntimeError(
            "pack_padded_sequence: Length of all samples has to be greater than 0, but found "
            f"lengths {sizes}"
        )
    if sizes != sorted(sizes, reverse=True):
        raise RuntimeError(
            "pack_padded_sequence: `lengths` must be sorted in decreasing order when "
            f"`enforce_sorted` is True, got {sizes}; pass enforce_sorted=False to have them sorted"
        )
    if sizes[0] > steps:
        raise RuntimeError(
            f"pack_padded_sequence: a length of {sizes[0]} is more than the {steps} steps of input"
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The inverse of pack_padded_sequence: (T, N, ...), or (N, T, ...) with `batch_first`, and the
    lengths (N,). T is the longest length, or `total_length`, which must not be less (ValueError).

    >>> import minigrad
    >>> packed = pack_sequence([minigrad.tensor([1, 2, 3]), minigrad.tensor([4])])
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
    """
    data, counts = sequence.data, sequence.batch_sizes.tolist()
    steps, batch = len(counts), counts[0]
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "pad_packed_sequence: Expected total_length to be at least the length of the "
                f"longest sequence in input, but got total_length={total_length} and max sequence "
                f"length being {steps}"
            )
        steps = total_length
    rows = [t * batch + i for t, count in enumerate(counts) for i in range(count)]
    out = data.new_full((steps * batch, *data.shape[1:]), padding_value)
    out[ops.tensor(rows, dtype=int64, device=data.device)] = data
    out = out.reshape(steps, batch, *data.shape[1:])
    sizes = [sum(count > i for count in counts) for i in range(batch)]
    lengths = ops.tensor(sizes, dtype=int64, device="cpu")
    if sequence.unsorted_indices is not None:
        out = out.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return out.transpose(0, 1) if batch_first else out, lengths


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stacks sequences (T_i, ...) into (T, N, ...), or (N, T, ...) with `batch_first`: the shorter
    ones are filled with `padding_value` on the right, or on the left.

    >>> import minigrad
    >>> pad_sequence([minigrad.tensor([1, 2]), minigrad.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"pad_sequence: Expected padding_side to be left or right, but got {padding_side}"
        )
    rows = list(sequences)
    if not rows:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    longest = max(len(x) for x in rows)
    padded = []
    for x in rows:
        gap = longest - len(x)
        sides = (gap, 0) if padding_side == "left" else (0, gap)
        padded.append(ops.pad(x, (*[0] * (2 * x.ndim - 2), *sides), value=padding_value))
    return ops.stack(padded, 0 if batch_first else 1)


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences (T_i, ...): pad_sequence and pack_padded_sequence.

    >>> import minigrad
    >>> pack_sequence([minigrad.tensor([1, 2]), minigrad.tensor([3])]).data
    tensor([1, 3, 2])
    """
    rows = list(sequences)
    lengths = [len(x) for x in rows]
    return pack_padded_sequence(pad_sequence(rows), lengths, enforce_sorted=enforce_sorted)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The inverse of pad_sequence (padded on the right): a list of N tensors (T_i, ...).

    >>> import minigrad
    >>> unpad_sequence(minigrad.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    return [row[:n] for row, n in zip(x.unbind(0), sizes, strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The inverse of pack_sequence.

    >>> import minigrad
    >>> unpack_sequence(pack_sequence([minigrad.tensor([1, 2]), minigrad.tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
