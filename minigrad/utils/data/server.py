"""What the server of a "forkserver" does before it forks workers, so that each finds it done."""

from minigrad.device import resolve
from minigrad.utils.data import worker

resolve("cpu")
worker.warm_up()
