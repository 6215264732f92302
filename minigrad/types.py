"""Names for type hints, as in torch.types."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.device import Device as _Device
from minigrad.tensor import Size, Tensor

Number = bool | int | float
Device = _Device | str | int | None

# `minigrad.types` is what programs write their hints with; PyTorch's private names among them.
_int, _float, _bool = int, float, bool
_size = Size | Sequence[int]
_TensorOrTensors = Tensor | Sequence[Tensor]
