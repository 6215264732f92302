"""Whether there is Apple's GPU, by PyTorch's name for it: never."""


def is_available() -> bool:
    return False


def is_built() -> bool:
    return False
