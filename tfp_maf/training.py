"""Training by maximum likelihood, until the paper's stopping rule says stop.

Papamakarios et al. 2017 (arXiv 1705.07057), section 4 and appendix C: Adam, batches
of 100, L2 of 1e-6, stop after 30 epochs without a better validation log-likelihood.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tqdm import tqdm

from tfp_maf import checks
from tfp_maf.batch_statistics import set_batch_statistics
from tfp_maf.collector import paused_collector
from tfp_maf.evaluation import evaluate
from tfp_maf.flows import Flow
from tfp_maf.history import History
from tfp_maf.steps import compile_steps

# Long enough that the host costs nothing, short enough for a living progress bar
# and a prompt answer to Ctrl-C.
STEPS_PER_CALL = 250


class TrainingDiverged(ValueError):
    """The loss became NaN or infinite; ``history`` tells how far training came."""

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history


def fit(
    flow: Flow,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    learning_rate: float = 1e-4,
    batch_size: int = 100,
    max_epochs: int = 1000,
    patience: int = 30,
    halve_after: int | None = None,
    l2: float = 1e-6,
    clip_norm: float | None = None,
    seed: int = 0,
    jit_compile: bool = True,
    progress: bool = True,
    checkpoint: str | Path | None = None,
) -> History:
    """Maximises ``mean log p(x) - l2/2 * sum of squared parameters`` over ``train``.

    After each epoch batch normalisation's statistics are taken from all of
    ``train``, and ``validation`` is scored with them. The flow ends with the
    weights of the best validation score, also when training is interrupted by
    Ctrl-C or diverges.

    Args:
        flow: changed in place.
        train, validation: rows ``[N, D]`` and ``[M, D]``, standardised.
        learning_rate: Adam's.
        batch_size: rows a step; rows are shuffled each epoch, and those left over
            after the last full batch wait for the next epoch's shuffle.
        max_epochs: the most epochs.
        patience: epochs without a better validation score before stopping.
        halve_after: epochs without a better validation score, counted from the best or
            the last halving, after which the learning rate is halved; None, as in the
            paper, keeps it.
        l2: weight of the penalty, in which batch norm's gamma counts as log gamma.
        clip_norm: gradients are scaled down to this global norm; None leaves them.
        seed: of the shuffles; the initial weights have their own, in the flow.
        jit_compile: whether XLA compiles the steps; scoring between epochs is compiled anyway.
        progress: whether a progress bar is shown, on standard error.
        checkpoint: file prefix to which the best weights so far are written.

    Returns:
        The :class:`History`.

    Raises:
        ValueError: data of another shape, not finite, or fewer rows than a batch;
            an argument out of its range.
        TrainingDiverged: a loss that is not finite; names the epoch and step.
    """
    train = checks.rows(train, flow.event_size, dtype=flow.dtype, name="train")
    validation = checks.rows(validation, flow.event_size, dtype=flow.dtype, name="validation")
    for name, count in [
        ("batch_size", batch_size),
        ("max_epochs", max_epochs),
        ("patience", patience),
    ]:
        checks.positive_integer(name, count)
    if halve_after is not None:
        checks.positive_integer("halve_after", halve_after)
    checks.positive("learning_rate", learning_rate)
    checks.positive("l2", l2, or_zero=True)
    if clip_norm is not None:
        checks.positive("clip_norm", clip_norm)
    if len(train) < batch_size:
        raise ValueError(
            f"train has {len(train)} rows, fewer than batch_size={batch_size}: "
            f"give more rows or a smaller batch_size"
        )
    if len(validation) == 0:
        raise ValueError("validation has no rows")
    if batch_size == 1 and flow.has_batch_norm:
        raise ValueError("batch_size=1 has no variance to normalise by: give 2 or more")

    optimizer = tf_keras.optimizers.Adam(
        learning_rate, global_clipnorm=clip_norm, jit_compile=False
    )
    run_steps = compile_steps(flow, optimizer, batch_size, l2=l2, jit_compile=jit_compile)
    rng = np.random.default_rng(seed)
    num_steps = len(train) // batch_size
    set_batch_statistics(flow, train)
    history = History(untrained=evaluate(flow, validation).mean)
    best_weights = flow.get_weights()
    halved_at = 0
    calls: list[float] = []
    started = time.perf_counter()
    bar = tqdm(
        total=max_epochs,
        disable=not progress,
        bar_format="epoch {n:.1f}/{total_fmt} |{bar:20}| {elapsed}{postfix}",
    )
    try:
        for epoch in range(1, max_epochs + 1):
            rows = tf.constant(train[rng.permutation(len(train))])
            total = 0.0
            for start in range(0, num_steps, STEPS_PER_CALL):
                stop = min(start + STEPS_PER_CALL, num_steps)
                called = time.perf_counter()
                with paused_collector():  # the first call traces and compiles
                    log_prob, bad_step = run_steps(rows, tf.constant(start), tf.constant(stop))
                total += float(log_prob)
                calls.append((time.perf_counter() - called) / (stop - start) * 1e3)
                if bad_step >= 0:
                    history.stopped = "diverged"
                    raise TrainingDiverged(
                        f"the loss is not finite at epoch {epoch}, step {int(bad_step) + 1} of "
                        f"{num_steps}; the weights of epoch {history.best_epoch} are restored. "
                        f"Try a smaller learning_rate than {learning_rate:g}, or clip_norm=5",
                        history,
                    )
                bar.update((stop - start) / num_steps)
            set_batch_statistics(flow, train)
            score = evaluate(flow, validation).mean
            history.train.append(total / num_steps)
            history.validation.append(score)
            history.seconds.append(time.perf_counter() - started)
            if score > history.best_validation:
                history.best_epoch, best_weights = epoch, flow.get_weights()
                if checkpoint is not None:
                    tf.train.Checkpoint(weights=list(flow.variables)).write(str(checkpoint))
            bar.set_postfix_str(
                f"train {history.train[-1]:.3f}, validation {score:.3f}, "
                f"best {history.best_validation:.3f} at epoch {history.best_epoch}"
            )
            if epoch - history.best_epoch >= patience:
                history.stopped = "patience"
                break
            waited = epoch - max(history.best_epoch, halved_at)
            if halve_after is not None and waited >= halve_after:
                optimizer.learning_rate.assign(optimizer.learning_rate / 2)
                halved_at = epoch
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    finally:
        bar.close()
        flow.set_weights(best_weights)
        if len(calls) > 1:
            history.milliseconds_per_step = float(np.median(calls[1:]))
    return history
