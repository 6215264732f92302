"""Modules that hold modules, Sequential, ModuleList, ModuleDict, or parameters, ParameterList,
ParameterDict.
"""

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from minigrad.nn.module import Module, indent
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

L = TypeVar("L", bound="_Indexed")


class _Indexed(Module):
    """Modules in order, named by their positions; what Sequential and ModuleList have in common."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __contains__(self, module: object) -> bool:
        return any(own is module for own in self)

    def _key(self, index: int) -> str:
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(
                f"index {index} is out of range for {self._get_name()} of length {len(self)}"
            )
        return list(self._modules)[index]

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._from_items(list(self._modules.items())[index])
        return self._modules[self._key(index)]

    def _from_items(self: L, items: list[tuple[str, Any]]) -> L:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            delattr(self, key)
        self._renumber(list(self))

    def _renumber(self, modules: list[Any]) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"{type(module).__name__} is not a Module subclass (place {i})")
        self.__dict__["_modules"] = {str(i): module for i, module in enumerate(modules)}

    def append(self: L, module: Module) -> L:
        """Adds `module` at the end and returns self."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self: L, index: int, module: Module) -> L:
        """Puts `module` before the one at `index`, which may be the length, and returns self."""
        if not -len(self) <= index <= len(self):
            raise IndexError(
                f"index {index} is out of range for {self._get_name()} of length {len(self)}"
            )
        modules = list(self)
        modules.insert(index + len(self) if index < 0 else index, module)
        self._renumber(modules)
        return self

    def extend(self: L, modules: Iterable[Module]) -> L:
        """Adds `modules` at the end and returns self."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{self._get_name()}.extend should be called with an iterable, but got "
                f"{type(modules).__name__}"
            )
        for module in modules:
            self.append(module)
        return self

    def pop(self, index: int = -1) -> Module:
        """Takes the module at `index` out and returns it."""
        module = self[index]
        del self[index]
        return module

    def __iadd__(self: L, modules: Iterable[Module]) -> L:
        return self.extend(modules)


class Sequential(_Indexed):
    """out = m_n(... m_2(m_1(x))): modules called one after the other.

    Takes modules, or one dict of named modules; slices are Sequentials of the same modules.

    >>> import minigrad
    >>> from minigrad import nn
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> net(minigrad.zeros(3, 4)).shape
    minigrad.Size([3, 2])
    >>> len(net[:2])
    2
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def forward(self, x: Any) -> Any:
        for module in self._modules.values():
            x = module(x)  # type: ignore[misc]
        return x

    def _from_items(self, items: list[tuple[str, Any]]) -> "Sequential":
        return type(self)(dict(items))

    def __add__(self, other: "Sequential") -> "Sequential":
        if not isinstance(other, Sequential):
            raise ValueError(
                f"Sequential can be added to a Sequential only, got {type(other).__name__}"
            )
        return Sequential(*self, *other)


class ModuleList(_Indexed):
    """A list of modules that the module owning it knows about. It is not called itself.

    >>> from minigrad import nn
    >>> layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
    >>> len(layers)
    3
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _from_items(self, items: list[tuple[str, Any]]) -> "ModuleList":
        return type(self)(module for _, module in items)

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList([*self, *other])

    def _child_lines(self) -> list[str]:
        """Runs of equal modules on one line: (0-2): 3 x Linear(...)."""
        runs: list[list[Any]] = []
        for i, child in enumerate(self):
            text = repr(child)
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        return [
            f"({first}): {indent(text)}"
            if first == last
            else f"({first}-{last}): {last - first + 1} x {indent(text)}"
            for first, last, text in runs
        ]


class ModuleDict(Module):
    """A dict of modules that the module owning it knows about. It is not called itself.

    >>> from minigrad import nn
    >>> heads = nn.ModuleDict({"digit": nn.Linear(8, 10), "parity": nn.Linear(8, 2)})
    >>> list(heads)
    ['digit', 'parity']
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, module) pairs."""
        return self._modules.items()

    def clear(self) -> None:
        """Takes all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Takes the module named `key` out and returns it."""
        return self._modules.pop(key)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Adds or replaces modules, from a mapping or from pairs."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with an iterable of pairs, but got "
                f"{type(modules).__name__}"
            )
        for key, module in modules.items() if isinstance(modules, Mapping) else modules:
            self[key] = module


def _described(value: Any) -> str:
    """One entry of the repr of a ParameterList or a ParameterDict."""
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    sizes = "x".join(map(str, value.shape))
    return f"{kind} containing: [{value.dtype} of size {sizes}]"


class _Parameters(Module):
    """What ParameterList and ParameterDict share: entries are attributes, and tensors among them
    become Parameters, so that the module owning this one knows about them.
    """

    def _entries(self) -> dict[str, Any]:
        raise NotImplementedError

    def _store(self, key: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, key, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{self._get_name()} should not be called.")

    def __len__(self) -> int:
        return len(self._entries())

    def extra_repr(self) -> str:
        return "\n".join(f"  ({key}): {_described(x)}" for key, x in self._entries().items())

    def _child_lines(self) -> list[str]:
        return []


class ParameterList(_Parameters):
    """A list of parameters that the module owning it knows about. Tensors become Parameters; other
    objects may stand among them.

    >>> import minigrad
    >>> from minigrad import nn
    >>> scales = nn.ParameterList(minigrad.ones(2) for _ in range(3))
    >>> len(scales), list(scales.state_dict())
    (3, ['0', '1', '2'])
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _entries(self) -> dict[str, Any]:
        return {str(i): getattr(self, str(i)) for i in range(self._size)}

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries().values())

    def _key(self, index: int) -> str:
        index = operator.index(index)
        if not -self._size <= index < self._size:
            raise IndexError(f"index {index} is out of range for a ParameterList of {self._size}")
        return str(index % self._size)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._key(index))

    def __setitem__(self, index: int, value: Any) -> None:
        self._store(self._key(index), value)

    def append(self, value: Any) -> "ParameterList":
        """Adds `value` at the end and returns self."""
        self._store(str(self._size), value)
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> "ParameterList":
        """Adds `values` at the end and returns self."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                "ParameterList.extend should be called with an iterable, but got "
                f"{type(values).__name__}"
            )
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> "ParameterList":
        return self.extend(values)


class ParameterDict(_Parameters):
    """A dict of parameters that the module owning it knows about. Tensors become Parameters; other
    objects may stand among them.

    >>> import minigrad
    >>> from minigrad import nn
    >>> scales = nn.ParameterDict({"gain": minigrad.ones(2), "offset": minigrad.zeros(2)})
    >>> list(scales.state_dict()), scales["gain"].requires_grad
    (['gain', 'offset'], True)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _entries(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in self._keys}

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: keys must be strings, got {key!r}")
        self._keys[key] = None
        self._store(key, value)

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __or__(self, other: Any) -> "ParameterDict":
        out = self.copy()
        out.update(other)
        return out

    def __ior__(self, other: Any) -> "ParameterDict":
        self.update(other)
        return self

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return self._entries().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, parameter) pairs."""
        return self._entries().items()

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter named `key`, or `default`."""
        return self._entries().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The parameter named `key`; if there is none, `default` becomes it."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> "ParameterDict":
        """Another dict of the same parameters."""
        return type(self)(self._entries())

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> "ParameterDict":
        """A dict with `default` under each of `keys`."""
        return type(self)((key, default) for key in keys)

    def clear(self) -> None:
        """Takes all parameters out."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Takes the parameter named `key` out and returns it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Takes the last pair out and returns it."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def update(self, parameters: Any) -> None:
        """Adds or replaces parameters, from a mapping or from pairs."""
        if not isinstance(parameters, Iterable) or isinstance(parameters, Tensor):
            raise TypeError(
                "ParameterDict.update should be called with an iterable of pairs, but got "
                f"{type(parameters).__name__}"
            )
        if isinstance(parameters, Mapping | ParameterDict):
            parameters = parameters.items()
        for key, value in parameters:
            self[key] = value
