"""Training by maximum likelihood, until the paper's stopping rule says stop.

Papamakarios et al. 2017 (arXiv 1705.07057), section 4 and appendix C: Adam, batches
of 100, L2 of 1e-6, stop after 30 epochs without a better validation log-likelihood.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tqdm import tqdm

from data_prep.files import remove_leftovers
from tfp_maf.evaluation.likelihood import evaluate
from tfp_maf.flows.flow import Flow
from tfp_maf.training.batch_statistics import set_joined_statistics
from tfp_maf.training.distributed import Workers
from tfp_maf.training.history import History
from tfp_maf.training.state import TrainingState, fingerprint
from tfp_maf.training.steps import RunSteps, compile_steps
from tfp_maf.utils.checks import check_positive, check_positive_integer
from tfp_maf.utils.garbage import paused_collector

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
    train_condition: Any = None,
    validation_condition: Any = None,
    learning_rate: float = 1e-4,
    batch_size: int = 100,
    max_epochs: int = 1000,
    patience: int = 30,
    halve_after: int | None = None,
    l2: float = 1e-6,
    clip_norm: float | None = None,
    input_noise: float = 0.0,
    seed: int = 0,
    jit_compile: bool = True,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    on_epoch: Callable[[History], None] | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> History:
    """Maximises ``mean log p(x) - l2/2 * sum of squared parameters`` over ``train``.

    After each epoch batch normalisation's statistics are taken from all of
    ``train``, and ``validation`` is scored with them. The flow ends with the
    weights of the best validation score, also when training is interrupted by
    Ctrl-C or diverges.

    Args:
        flow: changed in place.
        train, validation: rows ``[N, D]`` and ``[M, D]``, standardised.
        train_condition, validation_condition: what a conditional flow is given for each row; see
            :meth:`Flow.log_prob`.
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
        input_noise: standard deviation of normal noise that each step's rows get anew, against
            overfitting; validation rows get none.
        seed: of the shuffles and that noise; the initial weights have their own, in the flow.
        jit_compile: whether XLA compiles the steps; scoring between epochs is compiled anyway.
        progress: whether a progress bar is shown, on standard error.
        checkpoint: a file in which the training is kept after each epoch and within long ones,
            though not more often than every ten seconds. If it is there, training goes on from
            it, and ends as if it had never stopped.
        on_epoch: called after each epoch, the flow as it is then.
        strategy: a ``MultiWorkerMirroredStrategy``, if several processes train together; each is
            given the same arguments, and a flow built outside of the strategy's scope. The first
            keeps the checkpoint, which the others must be able to read.

    Returns:
        The :class:`History`.

    Raises:
        ValueError: data of another shape, not finite, or fewer rows than a batch;
            an argument out of its range; a checkpoint that is damaged or of another training.
        OSError: the checkpoint can't be written, or another worker is gone.
        TrainingDiverged: a loss that is not finite; names the epoch and step.
    """
    train = flow.joined_rows(train, train_condition, name="train")
    joined = flow.joined_rows(validation, validation_condition, name="validation")
    for name, count in [
        ("batch_size", batch_size),
        ("max_epochs", max_epochs),
        ("patience", patience),
    ]:
        check_positive_integer(name, count)
    batch_size = int(batch_size)  # NumPy's would be int64 tensors, where steps are int32
    if halve_after is not None:
        check_positive_integer("halve_after", halve_after)
    check_positive("learning_rate", learning_rate)
    check_positive("l2", l2, or_zero=True)
    check_positive("input_noise", input_noise, or_zero=True)
    if clip_norm is not None:
        check_positive("clip_norm", clip_norm)
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
    workers = Workers.of(strategy)
    run_steps = compile_steps(
        flow, optimizer, batch_size, l2=l2, jit_compile=jit_compile, workers=workers
    )
    # What must be the same for a training to go on as if it had never stopped.
    settings = {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "halve_after": halve_after,
        "l2": l2,
        "clip_norm": clip_norm,
        "input_noise": input_noise,
        "seed": seed,
        "builder": flow.builder,
        "arguments": dict(flow.arguments),
        "train": fingerprint(train),
        "validation": fingerprint(joined),
    }
    state = TrainingState(flow, optimizer, np.random.default_rng(seed), settings=settings)
    if not state.restore(checkpoint):
        set_joined_statistics(flow, train)
        state.begin(evaluate(flow, validation, condition=validation_condition).mean)
    history = state.history
    _check_together(workers, state, [max_epochs, patience])
    if workers.index > 0:
        checkpoint = None
    if checkpoint is not None:
        remove_leftovers(Path(checkpoint))
    started = time.perf_counter() - (history.seconds[-1] if history.seconds else 0.0)
    bar = tqdm(
        total=max_epochs,
        initial=history.epochs,
        disable=not progress,
        bar_format="epoch {n:.1f}/{total_fmt} |{bar:20}| {elapsed}{postfix}",
    )
    calls: list[float] = []
    history.stopped = "max_epochs"
    try:
        while history.epochs < max_epochs and history.waited < patience:
            with workers.needed():
                mean = _epoch(
                    run_steps, state, train, batch_size, bar=bar, calls=calls, checkpoint=checkpoint
                )
            set_joined_statistics(flow, train)
            score = evaluate(flow, validation, condition=validation_condition).mean
            with workers.needed():
                score = workers.agreed([score])[0]
            state.end_epoch(mean, score, seconds=time.perf_counter() - started)
            bar.set_postfix_str(str(history))
            if on_epoch is not None:
                on_epoch(history)
            since = history.epochs - max(history.best_epoch, state.halved_at)
            if halve_after is not None and since >= halve_after:
                optimizer.learning_rate.assign(optimizer.learning_rate / 2)
                state.halved_at = history.epochs
            state.keep(checkpoint)
        if history.waited >= patience:
            history.stopped = "patience"
        state.keep(checkpoint, at_once=True)
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    finally:
        bar.close()
        flow.set_weights(state.best_weights)
        if len(calls) > 1:
            history.milliseconds_per_step = float(np.median(calls[1:]))
    return history


def _check_together(workers: Workers, state: TrainingState, until: list[int]) -> None:
    """That all workers begin the same training at the same step.

    Raises:
        ValueError: they do not; said by each of them.
    """
    settings = zlib.crc32(json.dumps([state.settings, until], sort_keys=True).encode())
    epochs = state.history.epochs
    own = [float(value) for value in (settings, epochs, state.step)]
    with workers.needed():
        mean = workers.agreed(own)
    if mean[0] != own[0]:
        raise ValueError(
            f"worker {workers.index} of {workers.count} has other options, another seed or other "
            f"data than the rest: start all by the same command on the same files"
        )
    if mean != own:
        raise ValueError(
            f"worker {workers.index} begins at epoch {epochs}, another does not: all must see the "
            f"same checkpoint"
        )


def _epoch(
    run_steps: RunSteps,
    state: TrainingState,
    train: np.ndarray,
    batch_size: int,
    *,
    bar: tqdm,
    calls: list[float],
    checkpoint: str | Path | None,
) -> float:
    """One pass over the shuffled rows, or the rest of one that was stopped.

    Returns:
        The mean of its batches' log-likelihoods.

    Args:
        run_steps: as from :func:`compile_steps`.
        state: gives the shuffle.
        train: rows ``[N, D]``.
        batch_size: rows a step.
        bar: told of each call.
        calls: gets the milliseconds a step of each call.
        checkpoint: where long epochs are kept on the way.
    """
    history, epoch = state.history, state.history.epochs + 1
    state.begin_epoch()
    shuffled = train[state.rng.permutation(len(train))]
    noise = state.settings["input_noise"]
    if noise:
        size = state.flow.event_size
        drawn = state.rng.standard_normal([len(shuffled), size], dtype=np.float32)
        shuffled[:, :size] += noise * drawn
    rows = tf.constant(shuffled)
    num_steps = len(train) // batch_size
    bar.update(state.step / num_steps)
    for start in range(state.step, num_steps, STEPS_PER_CALL):
        stop = min(start + STEPS_PER_CALL, num_steps)
        called = time.perf_counter()
        with paused_collector():  # the first call traces and compiles
            log_prob, bad_step = run_steps(rows, tf.constant(start), tf.constant(stop))
        state.step, state.total = stop, state.total + float(log_prob)
        calls.append((time.perf_counter() - called) / (stop - start) * 1e3)
        if bad_step >= 0:
            history.stopped = "diverged"
            raise TrainingDiverged(
                f"the loss is not finite at epoch {epoch}, step {int(bad_step) + 1} of "
                f"{num_steps}; the weights of epoch {history.best_epoch} are restored. "
                f"Try a smaller learning_rate than {state.settings['learning_rate']:g}, or "
                f"clip_norm=5",
                history,
            )
        bar.update((stop - start) / num_steps)
        if stop < num_steps:
            state.keep(checkpoint)
    return state.total / num_steps
