"""Optimizer: parameters in groups, each with its own options, and a state for each parameter."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from minigrad.autograd import enable_grad, no_grad
from minigrad.autograd.hooks import RemovableHandle
from minigrad.nn.module import forget_grad
from minigrad.ops.optim import Slots
from minigrad.tensor import Tensor

Params = Iterable[Any]
Closure = Callable[[], Any]


class Optimizer:
    """The base class: a subclass passes its options' defaults on and defines `_update(group)`.

    `params` are tensors, or dicts `{"params": tensors, option: value, ...}`, one for each group, or
    pairs (name, tensor). Raises TypeError for anything else, ValueError for no parameters at all,
    for a tensor that is not a leaf, and for one that is in two groups.

    A method of its own takes three lines:

    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> class SignSGD(optim.Optimizer):
    ...     def _update(self, group):
    ...         for p in self.with_grad(group):
    ...             p.sub_(p.grad.sign() * group["lr"])
    >>> w = nn.Parameter(minigrad.tensor([1.0, -1.0]))
    >>> optimizer = SignSGD([w], {"lr": 0.5})
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([ 0.5000, -0.5000])
    """

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got a Tensor; put it in a list"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self.steps_taken = 0
        self._hooks: defaultdict[str, list[Any]] = defaultdict(list)
        self._slots: dict[Tensor, Slots] = {}
        self._updated: list[tuple[dict[str, Any], list[Any]]] = []  # by the last step
        params = list(params)
        if not params:
            raise ValueError(
                "optimizer got an empty parameter list; was it a generator that had been used up?"
            )
        groups = params if isinstance(params[0], dict) else [{"params": params}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group `{"params": tensors, option: value, ...}`; options left out get the
        defaults.

        Raises as the constructor does; then nothing is added.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group).__name__}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        group = {**self.defaults, **param_group, **_split_names(list(params))}
        self._check_params(group["params"])
        self._check_options(group)
        self.param_groups.append(group)

    def _check_params(self, params: list[Any]) -> None:
        known = {p for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(p).__name__}"
                )
            if not p.is_leaf:
                raise ValueError(
                    f"can't optimize a non-leaf Tensor: shape {tuple(p.shape)}, made by "
                    f"{p.grad_fn}; pass the parameters it was computed from"
                )
            if p in known:
                raise ValueError(
                    "some parameters appear more than once in the optimizer: shape "
                    f"{tuple(p.shape)}"
                )
            known.add(p)

    def _check_options(self, group: dict[str, Any]) -> None:
        """Raises ValueError for options that make no sense; subclasses extend it."""

    def with_grad(self, group: dict[str, Any]) -> list[Any]:
        """The parameters of a group that have a gradient."""
        return [p for p in group["params"] if p._grad is not None]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or fills them with zeros."""
        for p in chain.from_iterable(group["params"] for group in self.param_groups):
            forget_grad(p, set_to_none)

    def step(self, closure: Closure | None = None) -> Any:
        """Updates every parameter that has a gradient.

        A `closure` computes the loss and its gradients anew first; step returns that loss.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._updated = []
        with no_grad():
            for group in self.param_groups:
                self._update(group)
        self.steps_taken += 1
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        """Changes the parameters of one group in place; called without recording."""
        raise NotImplementedError(f"{type(self).__name__} defines no _update")

    def advance(self) -> None:
        """What step() does on the host: to be called before a recorded step is replayed.

        A recorded step is kernel calls. They read the learning rate, and all that depends on the
        number of steps, from memory: this counts one more step of the parameters that the last
        step() updated, and writes that memory. RuntimeError where there was none. A first step of
        SGD that is dampened later is unlike all others: record a later one.

        >>> import minigrad
        >>> from minigrad import nn, optim
        >>> from minigrad.watch import trace
        >>> w = nn.Parameter(minigrad.tensor([1.0]))
        >>> optimizer = optim.SGD([w], lr=0.5)
        >>> with trace() as t:
        ...     w.sum().backward()
        ...     optimizer.step()
        >>> optimizer.param_groups[0]["lr"] = 0.125
        >>> optimizer.advance()
        >>> _ = t.replay()
        >>> w.data
        tensor([0.3750])
        """
        if not self._updated:
            raise RuntimeError(
                f"{type(self).__name__}.advance(): there is no step to repeat; record one with "
                "step() first (after load_state_dict() anew), of an optimizer that keeps its "
                "numbers in slots"
            )
        for group, params in self._updated:
            self._write_slots(group, params)
        self.steps_taken += 1

    def next_numbers(self, group: dict[str, Any], params: list[Any]) -> list[Tensor]:
        """The learning rate, and what `_count` returns, as 0-d tensors for the kernels that update
        these parameters together: see ops/optim.py, Note [Slots].
        """
        self._updated.append((group, params))
        return self._write_slots(group, params)

    def _count(self, group: dict[str, Any], params: list[Any]) -> tuple[float, ...]:
        """Counts a step of these parameters; what else, beside lr, changes from step to step."""
        return ()

    def _write_slots(self, group: dict[str, Any], params: list[Any]) -> list[Tensor]:
        """Each parameter is in one kernel call a step: the first stands for its call."""
        lr, first = group["lr"], params[0]
        is_slot = isinstance(lr, Tensor) and lr.device is first.device and not lr.array.shape
        numbers = (0.0 if is_slot else float(lr), *self._count(group, params))
        slots = self._slots.get(first)
        if slots is None or not slots.fit(first):
            slots = self._slots[first] = Slots(first, len(numbers))
        if numbers != slots.numbers:
            slots.write(numbers)
        return [lr, *slots.tensors[1:]] if is_slot else slots.tensors

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: the slots and hooks stay here."""
        fresh: dict[str, Any] = {"_slots": {}, "_updated": [], "_hooks": defaultdict(list)}
        state = {**self.__dict__, **fresh}
        if self._hooks.keys() & {"step", "after step"}:
            state.pop("step")
        return state

    # Hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before each step(*args[1:], **kwargs); args[0] is
        the optimizer. What it returns, unless None, takes the place of the pair (args, kwargs).

        >>> import minigrad
        >>> from minigrad import nn, optim
        >>> w = nn.Parameter(minigrad.tensor([3.0]))
        >>> w.grad = minigrad.tensor([40.0])
        >>> optimizer = optim.SGD([w], lr=1.0)
        >>> handle = optimizer.register_step_pre_hook(
        ...     lambda optimizer, args, kwargs: print("step", nn.utils.clip_grad_norm_([w], 1.0))
        ... )
        >>> optimizer.step()
        step tensor(40.)
        """
        return self._register_step("step", hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after each step, as the one before it."""
        return self._register_step("after step", hook)

    def _register_step(self, when: str, hook: Callable[..., Any]) -> RemovableHandle:
        """From the first hook on, the instance has a step in front of that of its class."""
        if not self._hooks.keys() & {"step", "after step"}:
            self.__dict__["step"] = partial(self._step_with_hooks, self.step)
        return self._register(when, hook, False)

    def _step_with_hooks(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        args = (self, *args)
        for hook in list(self._hooks["step"]):
            new = hook(self, args, kwargs)
            if new is None:
                continue
            if not (isinstance(new, tuple) and len(new) == 2):
                raise RuntimeError(
                    f"{type(self).__name__}.step: a pre-hook must return None or a tuple of "
                    f"(new_args, new_kwargs), but got {new!r}"
                )
            args, kwargs = new
        out = step(*args[1:], **kwargs)
        for hook in list(self._hooks["after step"]):
            hook(self, args, kwargs)
        return out

    def register_state_dict_pre_hook(
        self, hook: Callable[..., None], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer)` before state_dict."""
        return self._register("state_dict", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` after state_dict. What it returns, unless None, is
        returned in its place.
        """
        return self._register("after state_dict", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` before load_state_dict, with a shallow copy. What it
        returns, unless None, is loaded in its place.
        """
        return self._register("load_state_dict", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., None], prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(optimizer)` after load_state_dict."""
        return self._register("after load_state_dict", hook, prepend)

    def _register(self, when: str, hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
        hooks = self._hooks[when]
        hooks.insert(0 if prepend else len(hooks), hook)
        return RemovableHandle(hooks, hook)

    # State

    def state_dict(self) -> dict[str, Any]:
        """`{"state": {number: state}, "param_groups": [options]}`, PyTorch's format.

        Parameters are numbered through all groups. The tensors are those of the optimizer itself.
        """
        for hook in list(self._hooks["state_dict"]):
            hook(self)
        state_dict = self._state_dict()
        for hook in list(self._hooks["after state_dict"]):
            new = hook(self, state_dict)
            state_dict = state_dict if new is None else new
        return state_dict

    def _state_dict(self) -> dict[str, Any]:
        numbers: dict[Tensor, int] = {}
        groups = []
        for group in self.param_groups:
            numbers.update({p: len(numbers) + i for i, p in enumerate(group["params"])})
            groups.append({**group, "params": [numbers[p] for p in group["params"]]})
        state = {
            numbers[p] if isinstance(p, Tensor) else p: value for p, value in self.state.items()
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over copies of the state and the options of `state_dict`.

        Tensors of the state get the device of their parameter, and its type where they are
        floating-point. ValueError when the groups are not of the same number and sizes; then
        nothing is changed.
        """
        state_dict = dict(state_dict)
        for hook in list(self._hooks["load_state_dict"]):
            new = hook(self, state_dict)
            state_dict = state_dict if new is None else new
        self._load_state_dict(state_dict)
        for hook in list(self._hooks["after load_state_dict"]):
            hook(self)

    def _load_state_dict(self, state_dict: dict[str, Any]) -> None:
        saved = state_dict["param_groups"]
        sizes, saved_sizes = (
            [len(group["params"]) for group in groups] for groups in (self.param_groups, saved)
        )
        if len(sizes) != len(saved_sizes):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved_sizes)}, the optimizer {len(sizes)}"
            )
        if sizes != saved_sizes:
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                f"optimizer's group: sizes {saved_sizes}, the optimizer's {sizes}"
            )
        owners = dict(
            zip(
                chain.from_iterable(group["params"] for group in saved),
                chain.from_iterable(group["params"] for group in self.param_groups),
                strict=True,
            )
        )
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for number, value in state_dict["state"].items():
            owner = owners.get(number, number)
            state[owner] = _fitted(value, owner) if number in owners else value
        self.state = state
        self._updated = []
        self.param_groups = [
            {**old, **new, "params": old["params"]}
            for old, new in zip(self.param_groups, saved, strict=True)
        ]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def by_device_and_dtype(params: Iterable[Any]) -> Iterator[list[Any]]:
    """The parameters in lists that one kernel call can update together."""
    lists: defaultdict[Any, list[Any]] = defaultdict(list)
    device = dtype = None
    for p in params:
        if p.device is not device or p.array.dtype is not dtype:
            device, dtype = p.device, p.array.dtype
            alike = lists[device, dtype]
        alike.append(p)
    yield from lists.values()


def check_not_negative(optimizer: str, group: dict[str, Any], *names: str) -> None:
    """Raises ValueError when one of these options is negative or NaN."""
    for name in names:
        if not group[name] >= 0.0:
            raise ValueError(f"{optimizer}: Invalid {name} value: {group[name]}, must be >= 0")


def _split_names(params: list[Any]) -> dict[str, Any]:
    """Parameters given as (name, tensor) pairs: the tensors, and the names beside them."""
    if not params or not all(isinstance(p, tuple) for p in params):
        return {"params": params}
    return {"params": [p for _, p in params], "param_names": [name for name, _ in params]}


def _fitted(value: Any, owner: Tensor) -> Any:
    """A copy of a parameter's state, its tensors on the parameter's device and of its type."""
    if isinstance(value, dict):
        return {key: _fitted(member, owner) for key, member in value.items()}
    if isinstance(value, list):
        return [_fitted(member, owner) for member in value]
    if not isinstance(value, Tensor):
        return value
    dtype = owner.dtype if value.is_floating_point() else value.dtype
    return value.detach().clone().to(owner.device, dtype)
