"""Objective of training: the mean log-likelihood and an L2 penalty.

Papamakarios et al. 2017 (arXiv 1705.07057), section 4 and appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras


@dataclass(frozen=True)
class StepSettings:
    """Settings of a training step besides the flow and the optimizer.

    Attributes:
        batch_size: rows per step.
        l2: weight of the penalty.
        is_weighted: whether each row ends in its weight.
        jit_compile: whether XLA compiles the steps.
    """

    batch_size: int
    l2: float
    is_weighted: bool = False
    jit_compile: bool = True


def split_weights(rows: tf.Tensor, *, is_weighted: bool) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Split rows into the flow's rows and their weights ``[N]``, or None if unweighted."""
    return (rows[:, :-1], rows[:, -1]) if is_weighted else (rows, None)


def mean(log_prob: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Return the mean over a batch ``[N]``; weights have mean 1 over all rows."""
    return tf.reduce_mean(log_prob if weights is None else weights * log_prob)


def penalised(gradient: tf.Tensor, weight: Any, mask: Any, *, l2: Any, is_gamma: bool) -> tf.Tensor:
    """Return the gradient plus the penalty's, before any clipping; masked weights get none."""
    if is_gamma:  # the paper's parameter is log gamma
        return gradient + l2 * tf.math.log(weight) / weight
    if mask is not None:
        gradient = tf.cast(mask, gradient.dtype) * gradient
    return gradient + l2 * weight


def is_schedule(rate: Any) -> bool:
    """Return whether a learning rate is a schedule of tf_keras."""
    return isinstance(rate, tf_keras.optimizers.schedules.LearningRateSchedule)


def schedule_of(optimizer: tf_keras.optimizers.Optimizer) -> Any:
    """Return the learning-rate schedule of an optimizer, or None for a plain rate."""
    return optimizer._learning_rate if is_schedule(optimizer._learning_rate) else None
