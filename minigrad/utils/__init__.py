"""Checkpointing and data loading."""

from minigrad.utils import checkpoint, data
