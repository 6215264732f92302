"""Computed parameters: a tensor of a module as a function of other tensors, which are trained.

register_parametrization(layer, "weight", f) makes `layer.weight` mean f(original). The original
tensors, and the parameters of f, are found in `layer.parametrizations.weight`, a list of the
functions. For this the layer gets a class of its own, derived from its class, that has a property
`weight`; nothing else changes, so the layer works as before and f takes part in the graph.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minigrad.autograd import no_grad
from minigrad.nn.container import ModuleDict, ModuleList
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

# What was computed within cached(), by the list that computed it; None outside.
_cache: dict[int, Tensor] | None = None


@contextmanager
def cached() -> Iterator[None]:
    """Inside, every parametrized tensor is computed once, when it is first used.

    >>> from minigrad import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _cache
    outer = _cache
    _cache = {} if outer is None else outer
    try:
        yield
    finally:
        _cache = outer


class ParametrizationList(ModuleList):
    """The functions that make one tensor, and the tensors that the first of them takes: `original`,
    or `original0`, `original1` ... where its right_inverse returns several.

    >>> from minigrad import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> layer.parametrizations.weight.is_tensor
    False
    """

    def __init__(
        self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False
    ) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        start: Any = original
        with no_grad():
            for module in reversed(modules):
                if hasattr(module, "right_inverse"):
                    start = module.right_inverse(start)
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(start)
        if self.is_tensor:
            if start is not original:
                original.data = start.detach()
            self._add_original("original", original, original)
        else:
            for i, part in enumerate(start):
                self._add_original(f"original{i}", part, original)
        if not unsafe:
            with no_grad():
                _check_same_kind(original, self())

    def _add_original(self, name: str, value: Tensor, given: Tensor) -> None:
        """A parameter, or a buffer, as the tensor that was given."""
        if not isinstance(given, Parameter):
            self.register_buffer(name, value)
        elif value is given:
            self.register_parameter(name, given)
        else:
            self.register_parameter(name, Parameter(value.detach(), given.requires_grad))

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        first, *rest = self
        x: Tensor = first(*self._originals())
        for module in rest:
            x = module(x)
        return x

    def right_inverse(self, value: Tensor) -> None:
        """Writes into the originals what makes `value`. RuntimeError where a function has no
        right_inverse.
        """
        x: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse"
                    )
                x = module.right_inverse(x)
            parts = [x] if isinstance(x, Tensor) else x
            for original, part in zip(self._originals(), parts, strict=True):
                original.copy_(part)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes the parameter or buffer `tensor_name` of `module` mean parametrization(its original),
    and returns `module`.

    A second parametrization is applied to the result of the first. The function's `right_inverse`,
    if it has one, says which originals make a value: used now, to begin with, and when a value is
    assigned. ValueError for a name that is not there, and for a function that changes shape or type
    unless `unsafe`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = nn.Linear(3, 3)
    >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        functions = module.parametrizations[tensor_name]
        if not unsafe:
            with no_grad():
                value = getattr(module, tensor_name)
                _check_same_kind(value, parametrization(value))
        functions.append(parametrization)
        functions.unsafe |= unsafe
        return module
    original = {**module._parameters, **module._buffers}.get(tensor_name)
    if original is None:
        raise ValueError(
            f"Module {module!r} does not have a parameter, a buffer, or a parametrized element "
            f"with name {tensor_name!r}"
        )
    functions = ParametrizationList([parametrization], original, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.__class__ = _parametrized_class(type(module))
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, property(lambda self: _computed(self, tensor_name)))
    module.parametrizations[tensor_name] = functions
    return module


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Makes `tensor_name` an ordinary parameter or buffer again, and returns `module`: with the
    value that it has, or with the original if not `leave_parametrized`.

    ValueError for one that is not parametrized, or whose original is several tensors.

    >>> from minigrad import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> layer = nn.utils.parametrize.remove_parametrizations(layer, "weight")
    >>> layer, list(layer.state_dict())
    (Linear(in_features=3, out_features=2, bias=True), ['bias', 'weight'])
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module!r} does not have a parametrization on {tensor_name}")
    functions = module.parametrizations[tensor_name]
    original = functions._originals()[0]
    if not leave_parametrized and not functions.is_tensor:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) what is parametrized "
            "in terms of several tensors."
        )
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name).detach()
        if functions.is_tensor:
            original.data = value
        else:
            original = Parameter(value) if isinstance(original, Parameter) else value
    del module.parametrizations[tensor_name]
    delattr(type(module), tensor_name)
    if not len(module.parametrizations):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether this tensor of the module, or if None any, is parametrized.

    >>> from minigrad import nn
    >>> nn.utils.parametrize.is_parametrized(nn.Linear(3, 2))
    False
    """
    functions = module._modules.get("parametrizations")
    if not isinstance(functions, ModuleDict):
        return False
    return tensor_name is None or tensor_name in functions


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that the module has without its parametrizations.

    >>> from minigrad import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> nn.utils.parametrize.type_before_parametrizations(layer) is nn.Linear
    True
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def _parametrized_class(base: type[Module]) -> type[Module]:
    def assign(self: Module, name: str, value: Any) -> None:
        if not is_parametrized(self, name):
            base.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            raise KeyError(
                f"attribute {name!r} already exists: it is parametrized; assign a tensor, or "
                "remove_parametrizations first"
            )
        else:
            self.parametrizations[name].right_inverse(value)

    def refuse(self: Module) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()"
        )

    members = {"__setattr__": assign, "__getstate__": refuse, "__deepcopy__": _deepcopy}
    made: type[Module] = type(f"Parametrized{base.__name__}", (base,), members)
    return made


def _deepcopy(module: Module, memo: dict[int, Any]) -> Module:
    """A copy with a class of its own: removing a parametrization takes a property off the class."""
    base = type(module).__bases__[0]
    out: Any = object.__new__(_parametrized_class(base))
    memo[id(module)] = out
    out.__dict__.update(copy.deepcopy(module.__dict__, memo))
    for name in module.parametrizations:
        setattr(type(out), name, vars(type(module))[name])
    return out


def _computed(module: Module, tensor_name: str) -> Tensor:
    functions = module.parametrizations[tensor_name]
    if _cache is None:
        return functions()
    if id(functions) not in _cache:
        _cache[id(functions)] = functions()
    return _cache[id(functions)]


def _check_same_kind(before: Tensor, after: Any) -> None:
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for label in ("dtype", "shape"):
        if getattr(before, label) != getattr(after, label):
            raise ValueError(
                f"Registering a parametrization may not change the {label} of the tensor, unless "
                f"`unsafe` flag is enabled: {getattr(before, label)} became {getattr(after, label)}"
            )
