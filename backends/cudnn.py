"""Switches of PyTorch's for a library of NVIDIA's, which is not used here: they may be set."""

enabled = benchmark = deterministic = allow_tf32 = False


def is_available() -> bool:
    return False


def version() -> None:
    return None
