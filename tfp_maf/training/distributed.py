"""Training on several machines, with TensorFlow's own ``tf.distribute``.

Every worker holds all rows and all weights, and takes its share of each batch. Gradients are
averaged over the workers, and batch normalisation's moments are those of the whole batch, so a
training run gives the same result as in one process. Decisions follow numbers that are averaged
over all workers.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

# Errors of a collective operation when a worker is gone.
GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Workers:
    """Group of workers that train together, and the index of this process among them.

    Attributes:
        strategy: a strategy with one device per worker; None for a single process.
        index: index of this worker; worker 0 writes the checkpoints.
    """

    strategy: Any = None
    index: int = 0

    @classmethod
    def of(cls, strategy: tf.distribute.Strategy | None) -> Workers:
        """Return the workers of a ``MultiWorkerMirroredStrategy``, or this process alone.

        Raises:
            ValueError: If a worker has more than one device.
        """
        if strategy is None:
            return cls()
        resolver = strategy.cluster_resolver
        spec = resolver.cluster_spec().as_dict() if resolver else {}
        chiefs, workers = len(spec.get("chief", [])), len(spec.get("worker", []))
        if max(chiefs + workers, 1) != strategy.num_replicas_in_sync:
            raise ValueError(
                f"{strategy.num_replicas_in_sync} devices on {chiefs + workers} workers: "
                f"give each worker one, by CUDA_VISIBLE_DEVICES"
            )
        first = chiefs if spec and resolver.task_type == "worker" else 0
        return cls(strategy, first + (resolver.task_id or 0))

    @property
    def count(self) -> int:
        """Number of workers."""
        return 1 if self.strategy is None else self.strategy.num_replicas_in_sync

    def run(self, step: Callable[..., Any], *args: Any) -> Any:
        """Run ``step(*args)`` on each worker, with its own arguments."""
        return step(*args) if self.strategy is None else self.strategy.run(step, args=args)

    def mean(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return tensors averaged over the workers, in one message; call it within :meth:`run`."""
        if self.strategy is None:
            return list(values)
        whole = tf.concat([tf.reshape(value, [-1]) for value in values], axis=0)
        whole = tf.distribute.get_replica_context().all_reduce("mean", whole)
        parts = tf.split(whole, [value.shape.num_elements() for value in values])
        return [tf.reshape(p, value.shape) for p, value in zip(parts, values, strict=True)]

    def agreed(self, values: Sequence[float]) -> list[float]:
        """Return numbers averaged over the workers, so that all take the same decisions."""
        if self.strategy is None:
            return list(values)
        return [float(v) for v in self._agree(tf.constant(values, tf.float64))]

    @cached_property
    def _agree(self) -> Any:
        """Averaging function of a tensor, traced once rather than once per epoch."""
        return tf.function(lambda v: self.run(lambda w: self.mean([w])[0], v))

    @contextmanager
    def needed(self) -> Iterator[None]:
        """Return a context in which the loss of another worker raises OSError.

        Raises:
            OSError: If another worker is gone.
        """
        try:
            yield
        except GONE as error:
            if self.strategy is None:
                raise
            raise OSError(
                f"worker {self.index} of {self.count} has lost another ({reason(error)}): "
                f"start all again with --resume, at most ten seconds of training are lost"
            ) from None


def reason(error: tf.errors.OpError) -> str:
    """Return TensorFlow's message of an error, without the operations of its graph."""
    found = re.search("aborted by: *(.*)", error.message)
    return (found[1] if found else error.message.strip().splitlines()[0])[:100]


def strategy_here(say: Callable[[str], None] | None = None) -> tf.distribute.Strategy:
    """Return the strategy described by ``TF_CONFIG``, once all workers have connected.

    Args:
        say: called with a message that names the workers this process waits for.

    Raises:
        ValueError: If ``TF_CONFIG`` is missing or invalid.
        OSError: If the others can't be reached, or this worker's port is taken.
    """
    name, own, others = _addresses()
    if say is not None and others:
        say(f"{name} waits for {', '.join(others)}")
    try:
        with _signals_end_it():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise OSError(
            f"--distribute: {reason(error)}: the port of {own} must be free here, and the other "
            f"addresses must be reachable from here"
        ) from None


def _addresses() -> tuple[str, str, list[str]]:
    """Return this process's name in ``TF_CONFIG``, its address, and those of the others.

    Raises:
        ValueError: If ``TF_CONFIG`` is missing or invalid.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        if not set(cluster) <= {"chief", "worker"} or task["index"] < 0:
            raise ValueError("task")
        own = cluster[task["type"]][task["index"]]
        everyone = {address for addresses in cluster.values() for address in addresses}
        if not all(isinstance(address, str) for address in everyone):
            raise ValueError("addresses")
    except (ValueError, LookupError, TypeError):
        raise ValueError(
            f"--distribute needs the variable TF_CONFIG, such as {EXAMPLE}, with another index on "
            f"each machine; it is {text[:200] or 'not set'}"
        ) from None
    return f"{task['type']} {task['index']}", own, sorted(everyone - {own})


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Let Ctrl-C end the process at once while TensorFlow waits for other machines.

    Python would see no signal until the wait is over, and there is nothing to save.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python sets signal handlers in the main thread alone
        return
    before = {s: signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
