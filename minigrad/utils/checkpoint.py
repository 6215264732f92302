"""Trading time for memory: activations are computed again in the backward pass, and not kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

from minigrad.autograd.checkpoint import checkpoint as run_segment
from minigrad.autograd.checkpoint import tensors_in
from minigrad.device import default_device
from minigrad.ops.random import default_generator
from minigrad.tensor import Tensor

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def noop_context_fn() -> Contexts:
    """The contexts in which the function runs at first, and again: none."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), which keeps only its arguments and runs again for the backward.

    With `preserve_rng_state` dropout and the like draw the same numbers again. There is one
    implementation, whatever `use_reentrant` says: parameters that the function uses get gradients
    (as in PyTorch with False), in backward() and in autograd.grad(), second derivatives too.

    >>> import minigrad
    >>> from minigrad.utils.checkpoint import checkpoint
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: x.exp().log() * x, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    first, again = context_fn()
    states = _states(args, kwargs) if preserve_rng_state else {}
    with first:
        return run_segment(function, args, kwargs, partial(_again, states, again))


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Tensor,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """The functions (a Sequential, or a list) in turn, in `segments` parts, checkpointed.

    The last part is not: its activations are wanted first in the backward pass.
    """
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = max(1, len(steps) // segments)
    parts = [steps[i * size : (i + 1) * size] for i in range(segments - 1)]
    for part in parts:
        input = checkpoint(partial(_run, part), input, preserve_rng_state=preserve_rng_state)
    return _run(steps[size * len(parts) :], input)


def _run(steps: Sequence[Callable[[Any], Any]], x: Any) -> Any:
    for step in steps:
        x = step(x)
    return x


def _states(args: Any, kwargs: Any) -> dict[Any, Any]:
    """The state of random numbers on each device that may be in use."""
    places = {default_device(), *(x.device for x in tensors_in((args, kwargs)))}
    return {place: default_generator(place).bookmark() for place in places}


@contextmanager
def _again(states: dict[Any, Any], context: AbstractContextManager[Any]) -> Iterator[None]:
    """Runs in `context`, with random numbers as they were; goes on afterwards with those of now."""
    with ExitStack() as after, context:
        for place, state in states.items():
            generator = default_generator(place)
            after.callback(generator.return_to, generator.bookmark())
            generator.return_to(state)
        yield
