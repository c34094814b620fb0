"""Training loop: maximum likelihood until the paper's stopping rule ends it.

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
import pandas as pd
import tensorflow as tf
import tf_keras
from tqdm import tqdm

from tfp_maf.data_prep.files import remove_leftovers
from tfp_maf.evaluation.likelihood import evaluate
from tfp_maf.flows.contexts import checks_numerics
from tfp_maf.flows.flow import Flow
from tfp_maf.training.batch_statistics import set_joined_statistics
from tfp_maf.training.data import (
    ArrayRows,
    DatasetRows,
    Rows,
    checked_weights,
    is_dataset,
    split_off,
)
from tfp_maf.training.distributed import Workers
from tfp_maf.training.history import History
from tfp_maf.training.objective import StepSettings, is_schedule, schedule_of
from tfp_maf.training.state import TrainingState, fingerprint
from tfp_maf.training.steps import Steps, make_steps
from tfp_maf.utils.checks import check_positive, check_positive_integer


class TrainingDiverged(ValueError):
    """Error of a training run whose loss is not finite; ``history`` holds its epochs so far."""

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history


def fit(
    flow: Flow,
    train: Any,
    validation: Any = 0.1,
    *,
    train_condition: Any = None,
    validation_condition: Any = None,
    sample_weight: Any = None,
    standardise: bool = True,
    learning_rate: Any = 1e-4,
    optimizer: tf_keras.optimizers.Optimizer | None = None,
    batch_size: int = 100,
    max_epochs: int = 1000,
    patience: int = 30,
    max_seconds: float | None = None,
    halve_after: int | None = None,
    l2: float = 1e-6,
    clip_norm: float | None = None,
    input_noise: float = 0.0,
    redraw: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    seed: int = 0,
    jit_compile: bool = True,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    on_epoch: Callable[[History], None] | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> History:
    """Maximise ``mean log p(x) - l2/2 * sum of squared parameters`` over ``train``.

    After each epoch batch normalisation's statistics are taken from all of
    ``train``, and ``validation`` is scored with them. The flow ends with the
    weights of the best validation score, also when training is interrupted by
    Ctrl-C or diverges.

    Args:
        flow: changed in place.
        train: rows ``[N, D]``, an array or DataFrame, or a ``tf.data.Dataset`` of events or of
            (events, conditions), which may be larger than memory. The flow remembers a DataFrame's
            columns.
        validation: rows ``[M, D]``, or the share of ``train`` to hold out, drawn by ``seed``.
        train_condition, validation_condition: one condition per row of a conditional flow; see
            :meth:`Flow.log_prob`.
        sample_weight: one weight per row of ``train``; a weight of 2 counts a row twice. In
            training, batch normalisation's batch statistics do not use them.
        standardise: whether a flow that has not been standardised takes mean and scale of the
            rows, and of vectors it is conditional on, from ``train``.
        learning_rate: Adam's learning rate, or a tf_keras schedule.
        optimizer: a tf_keras optimizer in place of Adam, with its own learning rate and clipping.
            Any other than plain Adam takes slower steps, through TFP's layers.
        batch_size: rows per step; rows are shuffled each epoch, and those left over
            after the last full batch wait for the next epoch's shuffle.
        max_epochs: maximum number of epochs.
        patience: epochs without a better validation score before stopping.
        max_seconds: training stops after the epoch that reaches this time; None is no limit. How
            many epochs that is depends on the machine.
        halve_after: epochs without a better validation score, counted from the best or
            the last halving, after which the learning rate is halved; None, as in the
            paper, keeps it.
        l2: weight of the penalty, in which batch norm's gamma counts as log gamma.
        clip_norm: bound on the global norm of the gradients; None is no bound.
        input_noise: standard deviation of normal noise that is added to each epoch's rows, against
            overfitting, in units of the standardised columns; validation rows get none.
        redraw: function of ``train`` ``[N, D]`` and a NumPy generator, called at the start of each
            epoch, which returns the events ``[N, D]`` to train on, such as a new binarisation of
            grey images. ``train`` itself need not be events then; ``validation`` must be.
        seed: of shuffles, noise and held-out rows; the flow has its own for initial weights.
        jit_compile: whether XLA compiles the steps; scoring between epochs is compiled anyway.
        progress: whether a progress bar is shown, on standard error.
        checkpoint: a file in which the training state is kept after each epoch and within long
            ones, though not more often than every ten seconds. If it is there, training resumes
            from it, and ends as if it had never stopped.
        on_epoch: called after each epoch, with the flow as it is then.
        strategy: a ``MultiWorkerMirroredStrategy``, if several processes train together; each is
            given the same arguments, and a flow built outside of the strategy's scope. The first
            keeps the checkpoint, which the others must be able to read.

    Returns:
        The :class:`History`.

    Raises:
        ValueError: If data have the wrong shape, are not finite or are fewer than a batch; an
            argument is out of its range; a checkpoint is damaged or of another training run.
        OSError: If the checkpoint can't be written, or another worker is gone.
        TrainingDiverged: If the loss is not finite; the message names the epoch and step.
    """
    for name, count in [
        ("batch_size", batch_size),
        ("max_epochs", max_epochs),
        ("patience", patience),
    ]:
        check_positive_integer(name, count)
    batch_size = int(batch_size)  # NumPy's would be int64 tensors, where steps are int32
    if halve_after is not None:
        check_positive_integer("halve_after", halve_after)
    optimizer = _optimizer(optimizer, learning_rate, clip_norm, halve_after)
    if max_seconds is not None:
        check_positive("max_seconds", max_seconds)
    check_positive("l2", l2, or_zero=True)
    check_positive("input_noise", input_noise, or_zero=True)
    if batch_size == 1 and flow.has_batch_norm:
        raise ValueError("batch_size=1 has no variance to normalise by: give 2 or more")
    prepared = _prepare(
        flow,
        train,
        validation,
        train_condition=train_condition,
        validation_condition=validation_condition,
        sample_weight=sample_weight,
        standardise=standardise,
        batch_size=batch_size,
        input_noise=input_noise,
        redraw=redraw,
        seed=seed,
    )
    rows, validation, validation_condition, prints = prepared
    log_det = _mean_log_det(flow, train)
    workers = Workers.of(strategy)
    compiles = jit_compile and not checks_numerics()
    settings = StepSettings(batch_size, l2, rows.weights is not None, compiles)
    steps = make_steps(flow, optimizer, settings, workers=workers)
    state = TrainingState(
        flow,
        optimizer,
        np.random.default_rng(seed),
        # What must be the same for a training run to resume as if it had never stopped.
        settings={
            "learning_rate": _described(learning_rate),
            "optimizer": None if optimizer_is_ours(optimizer) else optimizer.get_config(),
            "batch_size": batch_size,
            "halve_after": halve_after,
            "l2": l2,
            "clip_norm": clip_norm,
            "input_noise": input_noise,
            "redraw": None if redraw is None else redraw.__qualname__,
            "seed": seed,
            "builder": flow.builder,
            "arguments": dict(flow.arguments),
            **prints,
        },
    )
    if not state.restore(checkpoint):
        set_joined_statistics(flow, rows.sample, weights=rows.weights)
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
            if max_seconds is not None and history.seconds and history.seconds[-1] >= max_seconds:
                history.stopped = "max_seconds"
                break
            with workers.needed():
                mean = _epoch(steps, state, rows, bar=bar, calls=calls, checkpoint=checkpoint)
            set_joined_statistics(flow, rows.sample, weights=rows.weights)
            score = evaluate(flow, validation, condition=validation_condition).mean
            with workers.needed():
                score = workers.agreed([score])[0]
            state.end_epoch(mean + log_det, score, seconds=time.perf_counter() - started)
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


def _prepare(
    flow: Flow,
    train: Any,
    validation: Any,
    *,
    train_condition: Any,
    validation_condition: Any,
    sample_weight: Any,
    standardise: bool,
    batch_size: int,
    input_noise: float,
    redraw: Any,
    seed: int,
) -> tuple[Rows, Any, Any, dict[str, Any]]:
    """Check the data, standardise the flow, and note its columns and labels.

    All checks come before anything is set: refused data leave the flow as it was.

    Returns:
        The rows to train on, validation rows and their condition, and fingerprints of both.

    Raises:
        ValueError: If the data are refused; see :func:`fit`.
    """
    if input_noise and flow.is_of_levels:
        raise ValueError("input_noise is for densities: levels with noise are none")
    if redraw is not None and (is_dataset(train) or isinstance(validation, float)):
        raise ValueError("redraw takes an array as train, and validation rows of their own")
    if redraw is not None and (
        flow.rows.is_standardised
        or (standardise and not flow.is_standardised and not flow.is_of_levels)
    ):
        raise ValueError("redraw is for flows that are not standardised: give standardise=False")
    columns = flow.columns
    if isinstance(train, pd.DataFrame) and columns is None:
        flow.columns = tuple(map(str, train.columns))
    try:
        if isinstance(validation, float):
            train, train_condition, sample_weight, validation, validation_condition = _hold_out(
                train, train_condition, sample_weight, share=validation, seed=seed
            )
        if not is_dataset(train):
            weights = checked_weights(sample_weight, np.shape(train)[0], name="sample_weight")
            drawn, name = train, "train"
            if redraw is not None:  # what is trained on is checked
                drawn, name = (
                    redraw(np.asarray(train), np.random.default_rng(seed)),
                    "redraw(train)",
                )
            joined = flow.joined_rows(drawn, train_condition, name=name)
            if len(joined) < batch_size:
                raise ValueError(
                    f"train has {len(joined)} rows, fewer than batch_size={batch_size}: "
                    f"give more rows or a smaller batch_size"
                )
        elif train_condition is not None or sample_weight is not None:
            raise ValueError("a dataset holds its conditions in its elements, and takes no weights")
        flow.joined_rows(validation, validation_condition, name="validation")
        if len(validation) == 0:
            raise ValueError("validation has no rows")
    except ValueError:
        flow.columns = columns
        raise
    rows: Rows
    prints: dict[str, Any] = {}
    if is_dataset(train):
        rows = DatasetRows(
            flow,
            train,
            batch_size=batch_size,
            input_noise=input_noise,
            standardise=standardise,
        )
    else:
        if standardise and not flow.is_standardised:
            flow.standardise(train, train_condition, weights=weights)
            joined = flow.joined_rows(drawn, train_condition, name=name)
        if flow.conditioning.num_labels and not flow.rows.label_counts.numpy().any():
            flow.rows.see_labels(train_condition)
        if redraw is not None:
            joined[:, : flow.event_size] = np.asarray(train)
        prints["train"] = fingerprint(joined)
        if weights is not None:
            prints["sample_weight"] = fingerprint(weights)
        rows = ArrayRows(
            flow,
            joined,
            batch_size=batch_size,
            weights=weights,
            input_noise=input_noise,
            redraw=redraw,
        )
    scored = flow.joined_rows(validation, validation_condition, name="validation")
    prints["validation"] = fingerprint(scored)
    return rows, validation, validation_condition, prints


def _mean_log_det(flow: Flow, train: Any) -> float:
    """Return the mean log-determinant from training events to the rows that steps see."""
    if is_dataset(train) or flow.rows.support is None:
        return float(flow.rows.standardisation.log_det)
    z, log_det = flow.rows.to_standard(tf.cast(np.asarray(train), flow.dtype))
    return float(tf.reduce_mean(log_det * tf.ones_like(z[:, 0])))


def _optimizer(
    optimizer: Any, learning_rate: Any, clip_norm: float | None, halve_after: int | None
) -> tf_keras.optimizers.Optimizer:
    """Return the optimizer that was given, or Adam.

    Raises:
        ValueError: If it is not of tf_keras, or options contradict each other.
    """
    if clip_norm is not None:
        check_positive("clip_norm", clip_norm)
    if optimizer is not None:
        if not isinstance(optimizer, tf_keras.optimizers.Optimizer):
            raise ValueError(
                f"optimizer must be of tf_keras.optimizers, got {type(optimizer).__module__}."
                f"{type(optimizer).__name__}: TensorFlow Probability works with tf_keras"
            )
        if clip_norm is not None:
            raise ValueError("clip_norm is for Adam: give the optimizer global_clipnorm itself")
    elif not is_schedule(learning_rate):
        check_positive("learning_rate", learning_rate)
    if optimizer is None:
        optimizer = tf_keras.optimizers.Adam(
            learning_rate, global_clipnorm=clip_norm, jit_compile=False
        )
    if halve_after is not None and schedule_of(optimizer) is not None:
        raise ValueError("halve_after can't be used with a learning-rate schedule: drop one")
    return optimizer


def optimizer_is_ours(optimizer: Any) -> bool:
    """Return whether an optimizer is described by ``learning_rate`` and ``clip_norm``."""
    return type(optimizer) is tf_keras.optimizers.Adam


def _described(learning_rate: Any) -> Any:
    """Return a learning rate, or its schedule, as plain values."""
    if is_schedule(learning_rate):
        return tf_keras.optimizers.schedules.serialize(learning_rate)
    return learning_rate


def _hold_out(
    train: Any, condition: Any, weight: Any, *, share: float, seed: int
) -> tuple[Any, Any, Any, Any, Any]:
    """Split rows, conditions and weights: train, condition, weight, validation, condition."""
    if is_dataset(train):
        raise ValueError("give validation rows with a dataset: a share of it can't be held out")
    if not 0 < share < 1:
        raise ValueError(f"validation must be rows, or a share between 0 and 1, got {share:g}")
    kept, held_out = split_off(len(train), share, seed=seed)

    def take(values: Any, places: np.ndarray) -> Any:
        if values is None:
            return None
        return values.iloc[places] if hasattr(values, "iloc") else np.asarray(values)[places]

    per_row = condition is not None and len(np.atleast_1d(condition)) == len(train)
    parts = [take(condition, p) if per_row else condition for p in (kept, held_out)]
    return take(train, kept), parts[0], take(weight, kept), take(train, held_out), parts[1]


def _check_together(workers: Workers, state: TrainingState, until: list[int]) -> None:
    """Check that all workers begin the same training run at the same step.

    Raises:
        ValueError: If they do not; every worker raises it.
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
    steps: Steps,
    state: TrainingState,
    rows: Rows,
    *,
    bar: tqdm,
    calls: list[float],
    checkpoint: str | Path | None,
) -> float:
    """Take one pass over the rows, or the rest of one that was stopped.

    Args:
        steps: as from :func:`tfp_maf.training.steps.make_steps`.
        state: of the training run; its generator shuffles the rows.
        rows: to train on.
        bar: advanced after each call.
        calls: list to which each call's milliseconds per step are appended.
        checkpoint: where the state is kept within long epochs.

    Returns:
        The mean of its batches' log-likelihoods.
    """
    history, epoch = state.history, state.history.epochs + 1
    state.begin_epoch()
    bar.update(state.step / rows.num_steps if rows.num_steps else 0)
    for chunk, count in rows.chunks(state.rng, state.step):
        called = time.perf_counter()
        log_prob, bad_step = steps.run(tf.constant(chunk), count)
        first, state.step, state.total = (
            state.step,
            state.step + count,
            state.total + float(log_prob),
        )
        calls.append((time.perf_counter() - called) / count * 1e3)
        if bad_step >= 0:
            history.stopped = "diverged"
            raise TrainingDiverged(
                f"the loss is not finite at epoch {epoch}, step {first + int(bad_step) + 1} of "
                f"{rows.num_steps or 'the dataset'}; the weights of epoch {history.best_epoch} are "
                f"restored. Try a smaller learning_rate than {state.rate:g}, or clip_norm=5",
                history,
            )
        if rows.num_steps:
            bar.update(count / rows.num_steps)
        if state.step != rows.num_steps and state.is_due(checkpoint):
            steps.store()
            state.keep(checkpoint)
    steps.store()
    if not state.step:
        raise ValueError("the dataset has fewer rows than a batch")
    return state.total / state.step
