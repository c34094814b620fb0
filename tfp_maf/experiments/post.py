"""Training on the gas data as in the blog post: its loop, and the lines that it prints.

The post is "Experimenting with autoregressive flows in TensorFlow Probability". It takes the rows
in the same order in each epoch, validates on its test rows, and stops after a number of epochs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_maf.flows.flow import Flow
from tfp_maf.training.batch_statistics import set_batch_statistics
from tfp_maf.training.history import History
from tfp_maf.training.loop import TrainingDiverged

EVERY = 100  # batches between two printed lines
# Test rows that a line is about. The post scored all of its two million, after every batch; the
# mean of so many has a standard error of about a hundredth of a nat.
MOST_TEST_ROWS = 100_000


def train_as_the_post(
    flow: Flow,
    train: np.ndarray,
    test: np.ndarray,
    *,
    learning_rate: float = 1e-4,
    batch_size: int = 100,
    epochs: int = 10,
    line: Callable[[str], None] = print,
) -> History:
    """Train with the post's loop, and report its line at batches 1, 101, 201 and so on.

    A line gives the mean over the epoch so far of each batch's log-likelihood after the step on
    it, and that of the first ``MOST_TEST_ROWS`` test rows. As in the post, both are in training
    mode: batch normalisation takes its statistics from the batch, and from the test rows.

    The flow ends with the weights of the last epoch, or with those of the last complete one if
    training diverges. Its stored statistics are then those of all training rows.

    Args:
        flow: changed in place.
        train: rows ``[N, D]``, of which those after the last full batch are left out.
        test: rows ``[M, D]``.
        learning_rate: learning rate of Adam.
        batch_size: number of rows per step.
        epochs: number of epochs.
        line: called with each line.

    Returns:
        The :class:`History`, whose validation scores are those of the test rows.

    Raises:
        TrainingDiverged: If a log-likelihood is not finite.
        ValueError: If there are fewer rows than a batch.
    """
    num_batches = len(train) // batch_size
    if num_batches == 0:
        raise ValueError(f"train has {len(train)} rows, fewer than batch_size={batch_size}")
    take_steps = _make_steps(flow, train, learning_rate=learning_rate, batch_size=batch_size)
    score = _make_score(flow, test[:MOST_TEST_ROWS])
    history = History(untrained=score())
    weights, began = flow.get_weights(), time.perf_counter()
    try:
        for epoch in range(1, epochs + 1):
            total = 0.0
            for first, count in _calls(num_batches):
                total += float(take_steps(tf.constant(first), tf.constant(count)))
                batch = first + count
                if not np.isfinite(total):
                    raise _diverged(epoch, batch, history)
                if batch % EVERY == 1:
                    mean = total / batch
                    line(f"Epoch {epoch} : Batch {batch}: {mean:.6f} --- test: {score():.6f}")
            history.train.append(total / num_batches)
            history.validation.append(score())
            history.seconds.append(time.perf_counter() - began)
            history.best_epoch = epoch
            weights = flow.get_weights()
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    except TrainingDiverged:
        flow.set_weights(weights)
        raise
    finally:
        set_batch_statistics(flow, train)
    return history


def _calls(num_batches: int) -> list[tuple[int, int]]:
    """Return first batch and number of batches of each call, so that calls end where lines are."""
    ends = [*range(1, num_batches, EVERY), num_batches]
    return [(first, end - first) for first, end in zip([0, *ends], ends, strict=False)]


def _make_steps(
    flow: Flow, train: np.ndarray, *, learning_rate: float, batch_size: int
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return a function that takes steps and adds up the log-likelihoods after each."""
    rows, variables = tf.constant(train), flow.trainable_variables
    distribution = flow.training_distribution
    optimizer = tf_keras.optimizers.Adam(learning_rate, jit_compile=False)
    optimizer.build(variables)

    @tf.function(jit_compile=True)
    def take_steps(first: tf.Tensor, count: tf.Tensor) -> Any:
        step, total = first, tf.constant(0.0)
        while step < first + count:
            batch = tf.slice(rows, [step * batch_size, 0], [batch_size, rows.shape[1]])
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(distribution.log_prob(batch))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            # A new tensor: for the old one, TFP's bijectors remember results of before the step.
            total += tf.reduce_mean(distribution.log_prob(tf.identity(batch)))
            step += 1
        return total

    return take_steps


def _make_score(flow: Flow, test: np.ndarray) -> Callable[[], float]:
    """Return a function that gives the test rows' mean log-likelihood in training mode."""
    rows = tf.constant(test)

    @tf.function(jit_compile=True)
    def mean_log_prob() -> tf.Tensor:
        return tf.reduce_mean(flow.training_distribution.log_prob(rows))

    return lambda: float(mean_log_prob())


def _diverged(epoch: int, batch: int, history: History) -> TrainingDiverged:
    history.stopped = "diverged"
    return TrainingDiverged(
        f"the log-likelihood is not finite at epoch {epoch}, by batch {batch}; the weights of "
        f"epoch {history.best_epoch} are restored. Try a smaller learning_rate",
        history,
    )
