"""What a worker process knows of itself: get_worker_info."""

from collections.abc import Callable
from typing import Any


class WorkerInfo:
    """A worker: `id` from 0 on, `num_workers`, `seed` (of this worker and epoch), `dataset`.

    >>> from minigrad.utils.data.info import WorkerInfo
    >>> WorkerInfo(0, 2, 123, "abc")
    WorkerInfo(id=0, num_workers=2, seed=123, dataset='abc')
    """

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:
        self.id = id
        self.count = num_workers
        self.seed = seed
        self.dataset = dataset
        self.claimed = False
        self._on_claim: list[Callable[[], None]] = []

    @property
    def num_workers(self) -> int:
        """How many workers there are. Who asks is sharing out work: fetch.py, Note [Sharing a
        stream].
        """
        self.claim()
        return self.count

    def claim(self) -> None:
        """From now on the dataset shares itself out between the workers."""
        self.claimed = True
        while self._on_claim:
            self._on_claim.pop()()

    def when_claimed(self, action: Callable[[], None]) -> None:
        """Has action() called at the claim, or now if that has been."""
        if self.claimed:
            action()
        else:
            self._on_claim.append(action)

    def begin(self, seed: int, claimed: bool) -> None:
        """An epoch begins."""
        self.seed = seed
        self.claimed = claimed
        self._on_claim.clear()

    def __repr__(self) -> str:
        return (
            f"WorkerInfo(id={self.id}, num_workers={self.count}, seed={self.seed}, "
            f"dataset={self.dataset!r})"
        )


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a DataLoader what it knows of itself, None elsewhere.

    >>> from minigrad.utils.data import get_worker_info
    >>> get_worker_info() is None
    True
    """
    return _info


def set_worker_info(info: WorkerInfo) -> None:
    """Called once, by a worker about itself."""
    global _info
    _info = info
