"""Checkpoints: all that a training run is, in one file, so that it can be killed at any moment."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import serialization
from minigrad.ops.random import Generator, default_states, set_default_states


class CheckpointFile:
    """A file that holds the state of the things of a training run, and of random numbers.

    The things go by names of your choice: whatever has state_dict and load_state_dict (models,
    optimizers, schedules, loaders), a minigrad.Generator, a numpy.random.Generator. Beside them it
    keeps the default generators of minigrad, of Python's random and of numpy.random. So a run that
    is killed and begins again goes on with the same numbers, bit for bit, as if nothing had
    happened.

    The file is replaced at once when the new one is whole and on the disk. The one before stays
    beside it, under the same name and ".previous". TypeError for a thing without a state.

    >>> import minigrad, tempfile, os
    >>> from minigrad import nn, optim
    >>> from minigrad.utils.checkpoint_file import CheckpointFile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> def train(steps):
    ...     model = nn.Linear(2, 1)
    ...     optimizer = optim.Adam(model.parameters())
    ...     checkpoint = CheckpointFile(path, model=model, optimizer=optimizer)
    ...     for step in range(checkpoint.load(), steps):
    ...         model(minigrad.randn(4, 2)).square().mean().backward()
    ...         optimizer.step()
    ...         checkpoint.save(step + 1)
    ...     return step
    >>> train(3), train(5)  # the second begins at step 3
    (2, 4)
    """

    def __init__(self, path: str | os.PathLike[str], **things: Any) -> None:
        for name, thing in things.items():
            if _kind(thing) is None:
                raise TypeError(
                    f"CheckpointFile: {name}, a {type(thing).__name__}, has no state_dict and "
                    "load_state_dict; give it both, or leave it out"
                )
        self.path = Path(path)
        self.previous = self.path.with_name(f"{self.path.name}.previous")
        self.things = things

    def save(self, step: int) -> None:
        """Writes the states, and how many steps are done.

        Errors as those of minigrad.save (OSError for a full disk, say); the file is as it was then.
        """
        states = {name: _state(thing) for name, thing in self.things.items()}
        content = {"step": step, "things": states, "random": _random_state()}
        serialization.replace_file(content, self.path, self.previous)

    def load(self) -> int:
        """Puts everything back to where it was; returns the steps done: 0 where there is no file.

        What a killed process left half written is removed. RuntimeError when the file is damaged or
        holds other things: nothing was changed then. What the things themselves do not accept, a
        model of another shape say, raises as their load_state_dict does.
        """
        serialization.remove_unfinished(self.path)
        if not self.path.exists():
            return 0
        try:
            content = serialization.load(self.path)
        except RuntimeError as error:
            raise RuntimeError(f"{error}. {self._advice()}") from error
        self._check(content)
        for name, thing in self.things.items():
            _set_state(thing, content["things"][name])
        _set_random_state(content["random"])
        return content["step"]

    def _check(self, content: Any) -> None:
        if not isinstance(content, dict) or content.keys() != {"step", "things", "random"}:
            raise RuntimeError(f"CheckpointFile: {self.path} was not written by a CheckpointFile")
        if content["things"].keys() != self.things.keys():
            raise RuntimeError(
                f"CheckpointFile: {self.path} holds {', '.join(content['things'])}, and asked for "
                f"are {', '.join(self.things)}"
            )

    def _advice(self) -> str:
        if self.previous.exists():
            return f"The one before is {self.previous}: give it this name to go on from there"
        return "There is none before it: remove it to begin anew"


def _kind(thing: Any) -> type | None:
    """How the state of a thing is asked for."""
    if isinstance(thing, Generator | np.random.Generator):
        return type(thing)
    has_both = hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")
    return object if has_both else None


def _state(thing: Any) -> Any:
    if isinstance(thing, Generator):
        return thing.get_state()
    if isinstance(thing, np.random.Generator):
        return _plain(thing.bit_generator.state)
    return thing.state_dict()


def _set_state(thing: Any, state: Any) -> None:
    if isinstance(thing, Generator):
        thing.set_state(state)
    elif isinstance(thing, np.random.Generator):
        thing.bit_generator.state = state
    else:
        thing.load_state_dict(state)


def _random_state() -> dict[str, Any]:
    """Of everything that draws without being given a generator."""
    return {
        "minigrad": default_states(),
        "python": random.getstate(),
        "numpy": _plain(np.random.get_state(legacy=False)),
    }


def _set_random_state(state: dict[str, Any]) -> None:
    set_default_states(state["minigrad"])
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])


def _plain(state: Any) -> Any:
    """With lists for arrays, of unsigned integers, which no tensor holds."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state
