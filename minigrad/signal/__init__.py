"""torch.signal: windows to multiply a piece of a signal by."""

from minigrad.signal import windows

__all__ = ["windows"]
