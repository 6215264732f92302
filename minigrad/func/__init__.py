"""Functions of functions: derivatives, and vmap, under torch.func's names."""

from typing import TYPE_CHECKING, Any

from minigrad.func.derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp
from minigrad.func.modules import functional_call, stack_module_state
from minigrad.func.vmap import vmap
from minigrad.names import missing

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise AttributeError(missing("func", name, __all__))
