"""Training on several machines, by TensorFlow's own ``tf.distribute``.

Every worker holds all rows and all weights, and takes its share of each batch. Gradients are
averaged over the workers, and batch normalisation's moments are those of the whole batch, so a
training is the same as one process's. Decisions follow numbers that all workers agree on.
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

# What a collective operation ends with when a worker is gone.
GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Workers:
    """Those that train together, and which of them this process is.

    Attributes:
        strategy: with one device a worker; None for a process on its own.
        index: of this one; the first writes what is kept.
    """

    strategy: Any = None
    index: int = 0

    @classmethod
    def of(cls, strategy: tf.distribute.Strategy | None) -> Workers:
        """Those of a ``MultiWorkerMirroredStrategy``, or this process alone.

        Raises:
            ValueError: a worker has more than one device.
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
        """How many."""
        return 1 if self.strategy is None else self.strategy.num_replicas_in_sync

    def run(self, step: Callable[..., Any], *args: Any) -> Any:
        """``step(*args)``, by each worker with its own arguments."""
        return step(*args) if self.strategy is None else self.strategy.run(step, args=args)

    def mean(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Tensors averaged over the workers, in one message; within :meth:`run`."""
        if self.strategy is None:
            return list(values)
        whole = tf.concat([tf.reshape(value, [-1]) for value in values], axis=0)
        whole = tf.distribute.get_replica_context().all_reduce("mean", whole)
        parts = tf.split(whole, [value.shape.num_elements() for value in values])
        return [tf.reshape(p, value.shape) for p, value in zip(parts, values, strict=True)]

    def agreed(self, values: Sequence[float]) -> list[float]:
        """Numbers averaged over the workers, so that all decide alike."""
        if self.strategy is None:
            return list(values)
        return [float(v) for v in self._agree(tf.constant(values, tf.float64))]

    @cached_property
    def _agree(self) -> Any:
        """A function of a tensor, traced once and not once an epoch."""
        return tf.function(lambda v: self.run(lambda w: self.mean([w])[0], v))

    @contextmanager
    def needed(self) -> Iterator[None]:
        """While the others are needed.

        Raises:
            OSError: one of them is gone.
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
    """What TensorFlow says of it, without the operations of its graph."""
    found = re.search("aborted by: *(.*)", error.message)
    return (found[1] if found else error.message.strip().splitlines()[0])[:100]


def strategy_here(say: Callable[[str], None] | None = None) -> tf.distribute.Strategy:
    """That of this process's ``TF_CONFIG``, once the others have come.

    Args:
        say: is told for whom this process waits.

    Raises:
        ValueError: no ``TF_CONFIG``, or one that says nothing.
        OSError: the others can't be reached, or this one's port is taken.
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
            f"addresses be reached from here"
        ) from None


def _addresses() -> tuple[str, str, list[str]]:
    """What ``TF_CONFIG`` calls this process, its address, and those of the others.

    Raises:
        ValueError: it does not say.
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
    """TensorFlow waits for other machines where Python sees no Ctrl-C; there is nothing to save."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python sets them in the main one alone
        return
    before = {s: signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
