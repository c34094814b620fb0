"""Training on several machines, by TensorFlow's own ``tf.distribute``.

Every worker holds all rows and all weights, and takes its share of each batch. Gradients are
averaged over the workers, and batch normalisation's moments are those of the whole batch, so a
training is the same as one process's. Decisions follow numbers that all workers agree on.
"""

from __future__ import annotations

import re
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


def several() -> bool:
    """Whether a step is being taken by more than one worker, here and now."""
    context = tf.distribute.get_replica_context()
    return context is not None and context.num_replicas_in_sync > 1


def normalise_together(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """:func:`tfp_maf.xla.gradients.normalise` by the moments of all workers' rows, ``[N, D]`` each.

    With each worker's mean ``m_w`` and variance ``v_w`` of equally many rows,
    ``m = mean(m_w)`` and ``v = mean(v_w + (m_w - m)^2)``: nothing large is subtracted.
    """
    context = tf.distribute.get_replica_context()
    own = tf.stack(tf.nn.moments(x, axes=[0]))
    gathered = context.all_gather(own[None], axis=0)  # it forgets the shape
    gathered = tf.ensure_shape(gathered, [context.num_replicas_in_sync, *own.shape])
    means, variances = tf.unstack(gathered, axis=1)
    mean = tf.reduce_mean(means, axis=0)
    variance = tf.reduce_mean(variances + (means - mean) ** 2, axis=0)
    reciprocal = tf.math.rsqrt(variance + epsilon)
    log_det = tf.reduce_sum(tf.math.log(gamma) + tf.math.log(reciprocal))
    return gamma * (x - mean) * reciprocal + beta, log_det
