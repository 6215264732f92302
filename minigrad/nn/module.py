"""Module: a tree of parameters, buffers and submodules, with a forward method.

A module keeps what it owns in three dicts, `_parameters`, `_buffers` and `_modules`. Assigning an
attribute puts the value in the dict of its kind, reading one that is not in `__dict__` looks in all
three, and everything else here (state_dict, to, train, repr ...) is a walk over the tree.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from minigrad.autograd import no_grad
from minigrad.autograd.hooks import RemovableHandle
from minigrad.dtype import DType
from minigrad.layout import check_format
from minigrad.nn.hooks import ForwardHook, call_with_hooks
from minigrad.nn.parameter import Buffer, Parameter, is_uninitialized
from minigrad.nn.state import EXTRA_STATE, IncompatibleKeys, load, load_own
from minigrad.nn.trail import add_to_trail
from minigrad.tensor import Tensor

T = TypeVar("T", bound="Module")

_KINDS = ("_parameters", "_buffers", "_modules")


class Module:
    """The base class of models and layers: assign the parts in `__init__`, write `forward`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(4, 8)
    ...         self.head = nn.Linear(8, 2)
    ...
    ...     def forward(self, x):
    ...         return self.head(self.hidden(x).relu())
    >>> net = Net()
    >>> net(minigrad.zeros(3, 4)).shape
    minigrad.Size([3, 2])
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'head.weight', 'head.bias']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, "Module | None"]

    def __init__(self) -> None:
        # Written through __dict__: __setattr__ below needs these dicts to be there already.
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _non_persistent_buffers=set(),
            _has_hooks=False,
            _forward_pre_hooks=[],
            _forward_hooks=[],
            _backward_pre_hooks=[],
            _backward_hooks=[],
            _save_pre_hooks=[],
            _save_post_hooks=[],
            _load_pre_hooks=[],
            _load_post_hooks=[],
        )

    # Calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._has_hooks:
                return call_with_hooks(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            add_to_trail(error, self, args)
            raise

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes. Subclasses define it; hooks run when the module is called."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # Attributes

    def __getattr__(self, name: str) -> Any:
        # Only called when the attribute is neither in __dict__ nor on the class.
        members = self.__dict__
        if "_modules" in members:
            if name in members["_parameters"]:
                return members["_parameters"][name]
            if name in members["_modules"]:
                return members["_modules"][name]
            if name in members["_buffers"]:
                return members["_buffers"][name]
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}': call super().__init__() at "
            f"the start of {type(self).__name__}.__init__"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self._kind_to_assign(name, value)
        if kind is None:
            object.__setattr__(self, name, value)
            return
        members = self.__dict__
        if name not in members[kind]:
            self._forget(name)
        members[kind][name] = value
        if isinstance(value, Buffer):
            passing = self._non_persistent_buffers
            (passing.discard if value.persistent else passing.add)(name)

    def _kind_to_assign(self, name: str, value: Any) -> str | None:
        """The dict that an attribute of this name and value belongs in; None for plain ones."""
        members = self.__dict__
        if isinstance(value, (Parameter, Module)):
            kind = "_parameters" if isinstance(value, Parameter) else "_modules"
            if kind not in members:
                raise AttributeError(f"cannot assign {kind[1:]} before Module.__init__() call")
            return kind
        if isinstance(value, Buffer) and "_buffers" not in members:
            raise AttributeError("cannot assign buffers before Module.__init__() call")
        for kind, kind_type, label in (
            ("_parameters", Parameter, "parameter"),
            ("_modules", Module, "child module"),
            ("_buffers", Tensor, "buffer"),
        ):
            if name not in members.get(kind, ()):
                continue
            if value is not None and not isinstance(value, kind_type):
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as {label} '{name}' "
                    f"({kind_type.__name__} or None expected)"
                )
            return kind
        return "_buffers" if isinstance(value, Buffer) else None

    def _forget(self, name: str) -> None:
        members = self.__dict__
        members.pop(name, None)
        for kind in _KINDS:
            members[kind].pop(name, None)
        self._non_persistent_buffers.discard(name)

    def __delattr__(self, name: str) -> None:
        if any(name in self.__dict__.get(kind, ()) for kind in _KINDS):
            self._forget(name)
        else:
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]
        return sorted({name for name in names if not name[0].isdigit()})

    # Registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter, or the place of one (None), under `name`.

        Raises AttributeError before `Module.__init__`, TypeError for a value that is no Parameter,
        KeyError for a name that is taken or contains a dot, ValueError for a Parameter that is not
        a leaf.
        """
        self._check_new_name("parameter", "_parameters", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' "
                "(nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                "created explicitly; to compute one from another tensor, do it in forward()."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is part of the state and not trained; in state_dict if `persistent`.

        Raises as register_parameter does.

        >>> import minigrad
        >>> from minigrad import nn
        >>> layer = nn.Module()
        >>> layer.register_buffer("count", minigrad.tensor(0))
        >>> layer.count
        tensor(0)
        """
        self._check_new_name("buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (Tensor or "
                "None required)"
            )
        self._buffers[name] = tensor
        if not persistent:
            self._non_persistent_buffers.add(name)

    def register_module(self, name: str, module: "Module | None") -> None:
        """The same as add_module."""
        self.add_module(name, module)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Adds a child module under `name`. Raises as register_parameter does."""
        self._check_new_name("module", "_modules", name)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._modules[name] = module

    def _check_new_name(self, label: str, kind: str, name: str) -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {label} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{label} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{label} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{label} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[kind]:
            raise KeyError(f"attribute '{name}' already exists")

    # Walks over the tree

    def named_modules(
        self,
        memo: "set[Module] | None" = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> "Iterator[tuple[str, Module]]":
        """Yields (path, module), parents first; the path of this module is `prefix`."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self) -> "Iterator[Module]":
        """Yields this module and all below it."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """Yields (name, module) for the modules directly below this one."""
        seen = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> "Iterator[Module]":
        """Yields the modules directly below this one."""
        for _, child in self.named_children():
            yield child

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yields (path, parameter), each parameter once unless told otherwise."""
        yield from self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yields the parameters, of this module only if `recurse` is False."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yields (path, buffer)."""
        yield from self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yields the buffers, of this module only if `recurse` is False."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, member in module.__dict__[kind].items():
                # Tensors compare element by element, so identity it is.
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def get_submodule(self, target: str) -> "Module":
        """The module at a dotted path; AttributeError when there is none."""
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path; AttributeError when there is none."""
        return self._get_member(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path; AttributeError when there is none."""
        return self._get_member(target, "_buffers", "a buffer")

    def _get_member(self, target: str, kind: str, label: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module.__dict__[kind]:
            raise AttributeError(f"`{name}` is not {label}")
        return getattr(module, name)

    def apply(self: T, fn: Callable[["Module"], Any]) -> T:
        """Calls `fn` on every module of the tree, children first, and returns this module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # State

    _version = 1  # of the layout of the class's state, which _load_from_state_dict is told

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted path, detached unless `keep_vars`.

        What get_extra_state returns, where a class defines it, is at PATH._extra_state.

        >>> from minigrad import nn
        >>> list(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).state_dict())[:3]
        ['0.weight', '0.bias', '1.weight']
        """
        out: Any = destination
        if out is None:
            out = OrderedDict()
            out._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(out, "_metadata"):
            out._metadata[prefix[:-1]] = local_metadata
        for hook in list(self._save_pre_hooks):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(out, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=out, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in list(self._save_post_hooks):
            if hook(self, out, prefix, local_metadata) is not None:
                raise RuntimeError("state_dict post-hook must return None: change it in place")
        return out

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Writes the state of this module, without those below; subclasses may extend it."""
        for name, value in self._state_tensors():
            destination[prefix + name] = value if keep_vars else value.detach()
        if self._overrides("get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def get_extra_state(self) -> Any:
        """What state_dict is to have beside parameters and buffers; with it, a class defines
        set_extra_state, which load_state_dict calls with it.

        >>> from minigrad import nn
        >>> class Counted(nn.Module):
        ...     calls = 0
        ...
        ...     def get_extra_state(self):
        ...         return {"calls": self.calls}
        ...
        ...     def set_extra_state(self, state):
        ...         self.calls = state["calls"]
        >>> Counted().state_dict()["_extra_state"]
        {'calls': 0}
        """
        raise RuntimeError(f"{type(self).__name__} has no extra state: define get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Takes up what get_extra_state returned; see there."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: define set_extra_state")

    def _state_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters and persistent buffers of this module, without those below."""
        for name, param in self._parameters.items():
            if param is not None:
                yield name, param
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers:
                yield name, buffer

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copies the tensors of `state_dict` into the parameters and buffers of the same paths.

        With `assign` they take the places of the parameters and buffers instead. Without `strict`,
        missing and unexpected keys are returned and not refused. Everything is checked first: when
        it raises RuntimeError, which lists every problem, the module is as it was, but for modules
        that override `_load_from_state_dict`, and for keys where there are post-hooks.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"Expected state_dict to be dict-like, got {type(state_dict).__name__}: pass what "
                "state_dict() or minigrad.load returned"
            )
        return load(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Loads the state of this module, without those below; subclasses may extend it.

        `state_dict` is theirs to change. The lists are what is wrong: load_state_dict raises it.
        """
        keys = IncompatibleKeys(missing_keys, unexpected_keys)
        for hook, with_module in list(self._load_pre_hooks):
            owner = (self,) if with_module else ()
            hook(*owner, state_dict, prefix, local_metadata, strict, *keys, error_msgs)
        load_own(self, state_dict, prefix, local_metadata, strict, keys, error_msgs)

    def _overrides(self, name: str) -> bool:
        """Whether the module's class has a method of its own in the place of Module's."""
        return getattr(type(self), name) is not getattr(Module, name)

    # Modes, types and devices

    def train(self: T, mode: bool = True) -> T:
        """Sets the mode of the whole tree: training, or evaluation if `mode` is False."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: T) -> T:
        """Sets evaluation mode: dropout does nothing, batch norm uses its running statistics."""
        return self.train(False)

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """Says whether the parameters are to get gradients: False freezes them."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of the parameters, or fills them with zeros."""
        for param in self.parameters():
            forget_grad(param, set_to_none)

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Moves parameters and buffers: to(device), to(dtype), to(device, dtype), to(tensor).

        Only floating-point tensors change type. TypeError for a type that is not floating-point.
        """
        device, dtype = _parse_to(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}"
            )

        def move(x: Tensor) -> Tensor:
            return x.to(device=device, dtype=dtype if x.is_floating_point() else None)

        return self._apply(move)

    def type(self: T, dst_type: Any) -> T:
        """Casts all parameters and buffers, integer ones too, to `dst_type`."""
        return self._apply(lambda x: x.to(dst_type))

    def float(self: T) -> T:
        """Casts floating-point parameters and buffers to float32."""
        return self._apply(lambda x: x.float() if x.is_floating_point() else x)

    def double(self: T) -> T:
        """Casts floating-point parameters and buffers to float64."""
        return self._apply(lambda x: x.double() if x.is_floating_point() else x)

    def half(self: T) -> T:
        """Casts floating-point parameters and buffers to float16."""
        return self._apply(lambda x: x.half() if x.is_floating_point() else x)

    def cpu(self: T) -> T:
        """Moves parameters and buffers to the CPU."""
        return self.to("cpu")

    def cuda(self: T, device: int | None = None) -> T:
        """Moves parameters and buffers to the device that `cuda` stands for."""
        return self.to("cuda" if device is None else f"cuda:{device}")

    def _apply(self: T, fn: Callable[[Tensor], Tensor]) -> T:
        """Puts fn(tensor) in the place of parameters, gradients, buffers; the Parameters stay."""
        with no_grad():
            for param in self.parameters():
                grad = param.grad
                param.grad = (
                    None  # for as long as it and the parameter may differ in type or device
                )
                param.data = fn(param.data)
                param.grad = None if grad is None else fn(grad)
            for module in self.modules():
                for name, buffer in module._buffers.items():
                    if is_uninitialized(buffer):
                        buffer.data = fn(buffer.data)
                    elif buffer is not None:
                        module._buffers[name] = fn(buffer)
        return self

    # Hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args)` before forward.

        What it returns, unless None, takes the place of args. With `with_kwargs` it is
        `hook(module, args, kwargs)`, and returns None or a pair (args, kwargs).
        """
        return self._register(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Calls `hook(module, args, out)` after forward.

        What it returns, unless None, takes the place of out. With `with_kwargs` it is `hook(module,
        args, kwargs, out)`. With `always_call` it is called where an exception is raised, too, by
        forward or another hook: out is None where there is none.
        """
        every = ForwardHook(hook, with_kwargs, always_call)
        return self._register(self._forward_hooks, every, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, grad_output)` before the backward pass goes through the module.

        What it returns, unless None, takes the place of grad_output.
        """
        return self._register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        Both are tuples with one entry for each positional argument or output, None where there is
        no gradient. What it returns, unless None, takes the place of grad_input.
        """
        return self._register(self._backward_hooks, hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls `hook(module, prefix, keep_vars)` before state_dict reads the module."""
        return _added(self._save_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls `hook(module, state_dict, prefix, local_metadata)` when state_dict has read the
        module and those below: it may change state_dict in place.
        """
        return _added(self._save_post_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before the module is loaded: it may rename keys, say.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        """The same, as programs older than the public name call it: without the module."""
        return _added(self._load_pre_hooks, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls `hook(module, incompatible_keys)` when all is loaded: it may change the lists
        `incompatible_keys.missing_keys` and `.unexpected_keys` in place, to forgive some.
        """
        return _added(self._load_post_hooks, hook)

    def _register(self, hooks: list[Any], hook: Any, prepend: bool) -> RemovableHandle:
        self._has_hooks = True
        hooks.insert(0 if prepend else len(hooks), hook)
        return RemovableHandle(hooks, hook)

    # Text

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr; layers override it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def _describe(self) -> str:
        """One line for error messages: a container by its name, a layer with its sizes."""
        return self._get_name() if self._modules else f"{self._get_name()}({self.extra_repr()})"

    def _child_lines(self) -> list[str]:
        return [f"({name}): {indent(repr(child))}" for name, child in self._modules.items()]

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = self._child_lines()
        if len(extra) <= 1 and not children:
            return f"{self._get_name()}({''.join(extra)})"
        lines = "\n  ".join([*extra, *children])
        return f"{self._get_name()}(\n  {lines}\n)"


def _parse_to(
    *args: Any,
    device: Any = None,
    dtype: DType | None = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> tuple[Any, DType | None]:
    """The device and the type that the arguments of `to` name."""
    check_format("Module.to", memory_format)
    for arg in args:
        if isinstance(arg, Tensor):
            device, dtype = arg.device, arg.dtype
        elif isinstance(arg, DType):
            dtype = arg
        elif arg is not None and not isinstance(arg, bool):
            device = arg
    return device, dtype


def _added(hooks: list[Any], hook: Any) -> RemovableHandle:
    hooks.append(hook)
    return RemovableHandle(hooks, hook)


def forget_grad(param: Tensor, set_to_none: bool) -> None:
    """Sets `param.grad` to None, or fills it with zeros, cut off from any graph."""
    if set_to_none:
        param.grad = None
    elif param.grad is not None:
        param.grad = param.grad.detach().zero_()


def indent(text: str) -> str:
    """`text` with two spaces before every line but the first."""
    return text.replace("\n", "\n  ")
