"""skip_init: a module whose weights are to be loaded."""

from typing import Any

from minigrad.nn.module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """module_cls(*args, **kwargs), of whose weights nothing may be expected.

    PyTorch leaves them as they are in memory, to save time before weights are loaded; minigrad
    initialises them all the same.

    >>> from minigrad import nn
    >>> nn.utils.skip_init(nn.Linear, 3, 2)
    Linear(in_features=3, out_features=2, bias=True)
    """
    return module_cls(*args, **kwargs)
