"""The OpenCL backend. Nothing of OpenCL is imported before a device of it is asked for."""

from .backend import OpenCLBackend

__all__ = ["OpenCLBackend"]
