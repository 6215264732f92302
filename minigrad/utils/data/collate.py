"""Collating: from a list of samples to one batch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.dtype import float64
from minigrad.tensor import Tensor, wrap

Allocate = Callable[[tuple[int, ...], np.dtype], np.ndarray]
_allocate: Allocate = np.empty


def allocate_by(allocate: Allocate) -> None:
    """Has batches put into arrays made by allocate(shape, dtype): a worker has them in memory that
    it shares with its parent.
    """
    global _allocate
    _allocate = allocate


def default_collate(batch: Sequence[Any]) -> Any:
    """Stacks samples along a new first dimension, inside dicts, lists, tuples and named tuples.

    Tensors, NumPy arrays and numbers become tensors (floats of float64), strings and bytes stay as
    they are. RuntimeError for samples of different lengths or keys, TypeError for other types.

    >>> from minigrad.utils.data import default_collate
    >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack_tensors(batch)
    if isinstance(first, (np.ndarray, np.generic)):
        return _stack_arrays(batch)
    if isinstance(first, float):
        return ops.tensor(batch, dtype=float64)
    if isinstance(first, int):  # and bool
        return ops.tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _collate_mappings(batch)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in _columns(batch)))
    if isinstance(first, Sequence):
        columns = [default_collate(column) for column in _columns(batch)]
        return columns if isinstance(first, tuple) else _like(first, columns)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, strings, dicts or "
        f"lists; found {type(first).__name__}. Give the DataLoader a collate_fn"
    )


def default_convert(data: Any) -> Any:
    """Makes the NumPy arrays in nested containers tensors: what a DataLoader does without batches.

    >>> import numpy as np
    >>> from minigrad.utils.data import default_convert
    >>> default_convert({"x": np.array([1, 2]), "name": "a"})
    {'x': tensor([1, 2]), 'name': 'a'}
    """
    if isinstance(data, (np.ndarray, np.generic)):
        return ops.as_tensor(data) if np.asarray(data).dtype.kind in "biuf" else data
    if isinstance(data, Mapping):
        return _rebuilt(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like(data, [default_convert(value) for value in data])
    return data


def _stack_tensors(batch: Sequence[Tensor]) -> Tensor:
    if any(x.requires_grad or x.device.type != "cpu" for x in batch):
        return ops.stack(list(batch))
    out = _stacked([x.array for x in batch])
    return ops.stack(list(batch)) if out is None else wrap(out, batch[0].device)


def _stack_arrays(batch: Sequence[Any]) -> Tensor:
    first = batch[0]
    if first.dtype.kind not in "biuf":
        raise TypeError(
            f"default_collate: found a NumPy array of {first.dtype}, which has no tensors"
        )
    out = _stacked(batch)
    if out is None:
        return ops.stack([ops.as_tensor(array) for array in batch])
    return ops.from_numpy(out)


def _stacked(arrays: Sequence[Any]) -> np.ndarray | None:
    """The arrays along a new first dimension; None unless they have one shape and type."""
    first = arrays[0]
    shape, dtype = first.shape, first.dtype
    for array in arrays:
        if array.shape != shape or array.dtype != dtype:
            return None
    out = _allocate((len(arrays), *shape), dtype)
    for i, array in enumerate(arrays):
        out[i] = array
    return out


def _collate_mappings(batch: Sequence[Mapping[Any, Any]]) -> Any:
    first = batch[0]
    for sample in batch:
        if sample.keys() != first.keys():
            raise RuntimeError(
                "default_collate: each sample of the batch should have the same keys, got "
                f"{list(first)} and {list(sample)}"
            )
    return _rebuilt(
        first, {key: default_collate([sample[key] for sample in batch]) for key in first}
    )


def _columns(batch: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    sizes = {len(sample) for sample in batch}
    if len(sizes) != 1:
        raise RuntimeError(
            "default_collate: each element in list of batch should be of equal size, got "
            f"{sorted(sizes)}"
        )
    return list(zip(*batch, strict=True))


def _rebuilt(mapping: Mapping[Any, Any], values: dict[Any, Any]) -> Any:
    return _of_type(mapping, values, lambda kind: kind(values))


def _like(sequence: Sequence[Any], values: list[Any]) -> Any:
    return _of_type(sequence, values, lambda kind: kind(values))


def _of_type(original: Any, plain: Any, make: Callable[[Any], Any]) -> Any:
    """The container in its own type where that can be made from its elements, else plain."""
    if isinstance(plain, type(original)) and type(plain) is type(original):
        return plain
    try:
        return make(type(original))
    except TypeError:
        return plain
