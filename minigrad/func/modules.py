"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from minigrad.nn.module import Module
from minigrad.ops.shape import stack
from minigrad.tensor import Tensor

State = dict[str, Tensor]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with these tensors in place of its parameters and buffers
    (torch.func.functional_call).

    The names are those of named_parameters() and named_buffers(), in one dict or several; what is
    not named stays as it is, and names that the module has not are left aside, unless `strict`,
    which raises RuntimeError for both. A parameter that the module has under several names is
    replaced under all of them, unless `tie_weights` is False. `args` is a tuple, or the one
    argument.

    >>> import minigrad
    >>> layer = minigrad.nn.Linear(2, 1)
    >>> state = {"weight": minigrad.tensor([[1.0, 10.0]]), "bias": minigrad.tensor([0.5])}
    >>> minigrad.func.functional_call(layer, state, minigrad.tensor([1.0, 2.0]))
    tensor([21.5000])
    """
    given = parameter_and_buffer_dicts
    dicts = [given] if isinstance(given, Mapping) else list(given)
    tensors: State = {}
    for state in dicts:
        for name, x in state.items():
            if name in tensors:
                raise ValueError(f"functional_call: {name} appears in several of the dicts")
            tensors[name] = x
    places = _places(module)
    if strict:
        _check(module, tensors, places)
    tensors = {name: x for name, x in tensors.items() if name in places}
    if tie_weights:
        tensors = {**_tied(tensors, places), **tensors}
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced([(places[name], x) for name, x in tensors.items()]):
        return module(*args, **(kwargs or {}))


Place = tuple[dict[str, Any], str]  # of a tensor in a module: a dict and its key


def _places(module: Module) -> dict[str, Place]:
    """Where the module has its parameters and buffers, by every name that they have."""
    return {
        f"{path}.{name}" if path else name: (members, name)
        for path, part in module.named_modules(remove_duplicate=False)
        for members in (part._parameters, part._buffers)
        for name in members
    }


def _check(module: Module, tensors: State, places: dict[str, Place]) -> None:
    unknown = sorted(set(tensors) - set(places))
    lacking = sorted(
        name for name, (members, key) in places.items()
        if name not in tensors and members[key] is not None
    )  # fmt: skip
    if unknown or lacking:
        raise RuntimeError(
            f"functional_call: the tensors do not fit {type(module).__name__}. Unexpected: "
            f"{unknown}; missing: {lacking}"
        )


def _tied(tensors: State, places: dict[str, Place]) -> State:
    """The tensors under the other names of the parameters that they replace."""
    chosen = {id(places[name][0][places[name][1]]): x for name, x in tensors.items()}
    found = {}
    for name, (members, key) in places.items():
        member = members[key]
        if member is not None and id(member) in chosen:
            found[name] = chosen[id(member)]
    return found


@contextmanager
def _replaced(tensors: list[tuple[Place, Tensor]]) -> Iterator[None]:
    """Has the tensors in their places, and afterwards what was there before."""
    before = [(place, place[0][place[1]]) for place, _ in tensors]
    try:
        for (members, key), x in tensors:
            members[key] = x
        yield
    finally:
        for (members, key), x in before:
            members[key] = x


def stack_module_state(models: Sequence[Module]) -> tuple[State, State]:
    """The parameters and the buffers of several modules of one architecture, each stacked along a
    new first dim (torch.func.stack_module_state): for vmap over functional_call.

    >>> import minigrad
    >>> from minigrad import nn
    >>> params, buffers = minigrad.func.stack_module_state([nn.Linear(3, 2) for _ in range(5)])
    >>> params["weight"].shape, buffers
    (minigrad.Size([5, 2, 3]), {})
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: _stacked([state[name] for state in params]) for name in params[0]},
        {name: _stacked([state[name] for state in buffers]) for name in buffers[0]},
    )


def _stacked(xs: list[Tensor]) -> Tensor:
    if len({x.requires_grad for x in xs}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected parameters to have the same .requires_grad"
        )
    return stack(xs).detach().requires_grad_(xs[0].requires_grad)
